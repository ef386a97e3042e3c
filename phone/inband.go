package phone

import (
	"strings"
	"time"

	"housephone/phone/audio"
)

// The tones of a key, in Hz (ITU-T Q.23).
const keypad = "123A456B789C*0#D"

func keyTones(key byte) (low, high float64, ok bool) {
	i := strings.IndexByte(keypad, key)
	if i < 0 {
		return 0, 0, false
	}
	return [4]float64{697, 770, 852, 941}[i/4], [4]float64{1209, 1336, 1477, 1633}[i%4], true
}

// keySource plays keys as tones, then nothing.
type keySource struct {
	segments []segment
}

// segment is a tone or a pause of so many samples.
type segment struct {
	tone *audio.Tone // nil = silence
	left int
}

// newKeySource makes the tones of keys at rate Hz and tells how long they take.
func newKeySource(rate int, keys string, on, gap time.Duration) (*keySource, time.Duration, error) {
	samples := func(d time.Duration) int { return int(d.Seconds() * float64(rate)) }
	s := &keySource{}
	var total time.Duration
	for i := range len(keys) {
		low, high, ok := keyTones(keys[i])
		if !ok {
			s.segments = append(s.segments, segment{left: samples(500 * time.Millisecond)})
			total += 500 * time.Millisecond
			continue
		}
		tone, err := audio.NewTone(rate, -9, low, high)
		if err != nil {
			return nil, 0, err
		}
		s.segments = append(s.segments, segment{tone, samples(on)}, segment{nil, samples(gap)})
		total += on + gap
	}
	return s, total, nil
}

// Read plays what is left.
func (s *keySource) Read(frame []int16) int {
	done := 0
	for done < len(frame) && len(s.segments) > 0 {
		seg := &s.segments[0]
		part := frame[done:min(len(frame), done+seg.left)]
		if seg.tone == nil {
			clear(part)
		} else {
			seg.tone.Read(part)
		}
		seg.left -= len(part)
		done += len(part)
		if seg.left == 0 {
			s.segments = s.segments[1:]
		}
	}
	return done
}
