package keys

import (
	"fmt"
	"math"

	"housephone/phone/audio"
)

// The analysis works at 8000 Hz on overlapping windows: 25.6 ms, so that the
// shortest valid tone (40 ms, ITU-T Q.24) holds at least two whole ones, and
// tones of 20 ms, which must not be taken for keys, never fill one.
const (
	rate   = 8000
	window = 205 // samples
	hop    = 40  // samples from one window to the next, 5 ms

	// hits in sequence make a key.
	hits = 2
	// misses in sequence end it: a dropout of 10 ms costs about seven, the
	// shortest pause between two keys (40 ms) eleven or more.
	misses = 9
)

// Detector finds keys in the sound of one call.
type Detector struct {
	toneBank
	resampler *audio.Resampler // nil at 8000 Hz
	resampled []int16
	samples   [window]float64
	filled    int

	candidate byte // key of the last window, 0 = none
	streak    int  // windows in sequence with it
	levels    tonePair
	pressed   byte // key that is down, 0 = none
	missed    int  // windows in sequence without it

	keys [8]byte // result of Feed
}

// NewDetector makes a detector for sound of rate Hz, from 8000 to 192000.
func NewDetector(from int) (*Detector, error) {
	d := &Detector{toneBank: newToneBank()}
	if from == rate {
		return d, nil
	}
	if from < rate {
		return nil, fmt.Errorf("keys need at least %d Hz, not %d: %w", rate, from, audio.ErrRate)
	}
	r, err := audio.NewResampler(from, rate)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	d.resampler = r
	d.resampled = make([]int16, 0, 1024)
	return d, nil
}

// Feed takes the next samples and returns the keys that were pressed within
// them, valid until the next call. It allocates nothing as long as frames are no
// longer than 100 ms.
func (d *Detector) Feed(frame []int16) []byte {
	if d.resampler != nil {
		d.resampled = d.resampler.Process(d.resampled[:0], frame)
		frame = d.resampled
	}
	found := d.keys[:0]
	for _, s := range frame {
		d.samples[d.filled] = float64(s)
		if d.filled++; d.filled < window {
			continue
		}
		if key := d.step(); key != 0 {
			found = append(found, key)
		}
		copy(d.samples[:], d.samples[hop:])
		d.filled = window - hop
	}
	return found
}

// step analyses one window and returns the key that begins with it, if any.
func (d *Detector) step() byte {
	key, pair := d.analyse(&d.samples)
	if key != 0 && key == d.candidate && pair.steady(d.levels) {
		d.streak++
	} else {
		d.candidate, d.streak = key, 1
	}
	d.levels = pair
	if d.pressed != 0 && key == d.pressed {
		d.missed = 0
		return 0
	}
	if d.pressed != 0 {
		if d.missed++; d.missed >= misses {
			d.pressed = 0
		}
	}
	if key == 0 || d.streak < hits || key == d.pressed {
		return 0
	}
	d.pressed, d.missed = key, 0
	return key
}

// tonePair is what a window holds: power and frequency of the two tones.
type tonePair struct {
	low, high     float64
	lowHz, highHz float64
}

// steady tells a held key from sound that moves: levels within 3 dB, frequencies
// within 1 % of those of the window before.
func (p tonePair) steady(q tonePair) bool {
	near := func(a, b, by float64) bool { return a < b*by && b < a*by }
	return near(p.low, q.low, 2) && near(p.high, q.high, 2) &&
		near(p.lowHz, q.lowHz, 1.01) && near(p.highHz, q.highHz, 1.01)
}

const (
	// minPower is the mean square of the weakest pair that counts: -42 dBFS,
	// a sine of full scale being 0.
	minPower = 32767. * 32767. / 2 * 6.3e-5
	// roughPower is the share of a window's power that the two nearest nominal
	// frequencies must hold; a tone 1.5 % away from them loses up to 7 dB.
	roughPower = 0.12
	// purity is the share that the two tones hold where they really are. At
	// 15 dB above noise it is 0.97; a tone that fills four fifths of the
	// window, and nearly all speech, stays below.
	purity = 0.86
)

// The accepted twist, as ratios of power, is 4 dB for the high tone and 8 dB for
// the low one (ITU-T Q.24, with 2 dB to spare).
func twisted(p tonePair) bool {
	return p.high > p.low*math.Pow(10, 0.6) || p.low > p.high*math.Pow(10, 1.0)
}
