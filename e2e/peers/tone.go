package peers

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Sound is mono 16-bit PCM.
type Sound struct {
	Rate    int // Hz
	Samples []int16
}

var errNotWAV = errors.New("not a 16-bit PCM WAV")

const (
	wavHeader = 44
	toneRate  = 8000 // Hz, of what is written here
)

// WriteTone writes a WAV with a sine: 8 kHz, 16 bit, mono, half of full scale.
func WriteTone(t testing.TB, hz float64, length time.Duration) string {
	t.Helper()
	return WriteToneAt(t, toneRate, hz, length)
}

// WriteToneAt does so with rate samples a second.
func WriteToneAt(t testing.TB, rate int, hz float64, length time.Duration) string {
	t.Helper()
	return WriteToneOf(t, rate, 1, hz, length)
}

// WriteToneOf does so with the same sound in each channel. Frequencies are whole numbers.
func WriteToneOf(t testing.TB, rate, channels int, hz float64, length time.Duration) string {
	t.Helper()
	n := int(length.Seconds() * float64(rate))
	var b bytes.Buffer
	size := 2 * channels * n
	b.WriteString("RIFF")
	put := func(v any) { _ = binary.Write(&b, binary.LittleEndian, v) } // a Buffer takes everything
	put(uint32(wavHeader - 8 + size))
	b.WriteString("WAVEfmt ")
	put(uint32(16))
	put([]uint16{1, uint16(channels)})
	put([]uint32{uint32(rate), uint32(2 * channels * rate)})
	put([]uint16{uint16(2 * channels), 16})
	b.WriteString("data")
	put(uint32(size))
	second := make([]byte, 0, 2*channels*rate) // a whole number of periods
	for i := range rate {
		v := int16(16384 * math.Sin(2*math.Pi*math.Round(hz)*float64(i)/float64(rate)))
		for range channels {
			second = binary.LittleEndian.AppendUint16(second, uint16(v))
		}
	}
	for left := size; left > 0; left -= len(second) {
		b.Write(second[:min(left, len(second))])
	}
	path := filepath.Join(t.TempDir(), "tone.wav")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// ReadWAV reads a 16-bit WAV, of several channels the first. A file that still grows is read to its end,
// whatever its header says.
func ReadWAV(path string) (Sound, error) { return ReadChannel(path, 0) }

// ReadChannel is ReadWAV for another channel than the first, which is 0.
func ReadChannel(path string, channel int) (Sound, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Sound{}, err
	}
	if len(data) >= wavHeader && bytes.Equal(data[:wavHeader], make([]byte, wavHeader)) {
		// linphone writes the header at the end of the call
		return Sound{Rate: toneRate, Samples: samples(data[wavHeader:], 1, 0)}, nil
	}
	if len(data) < wavHeader || string(data[:4]) != "RIFF" || string(data[8:12]) != "WAVE" {
		return Sound{}, errNotWAV
	}
	var s Sound
	channels := 0
	for at := 12; at+8 <= len(data); {
		id, size := string(data[at:at+4]), int(binary.LittleEndian.Uint32(data[at+4:]))
		body := data[at+8:]
		switch {
		case id == "fmt " && len(body) >= 16:
			if bits := binary.LittleEndian.Uint16(body[14:]); bits != 16 {
				return Sound{}, errNotWAV
			}
			channels = int(binary.LittleEndian.Uint16(body[2:]))
			s.Rate = int(binary.LittleEndian.Uint32(body[4:]))
		case id == "data" && channels > 0:
			if channel >= channels {
				return s, errNotWAV
			}
			s.Samples = samples(body, channels, channel)
			return s, nil
		}
		at += 8 + size + size%2
	}
	return Sound{}, errNotWAV
}

// samples takes one channel.
func samples(body []byte, channels, channel int) []int16 {
	pcm := make([]int16, 0, len(body)/2/channels)
	for i := 0; i+2*channels <= len(body); i += 2 * channels {
		pcm = append(pcm, int16(binary.LittleEndian.Uint16(body[i+2*channel:])))
	}
	return pcm
}

// Length is how long the sound lasts.
func (s Sound) Length() time.Duration {
	if s.Rate == 0 {
		return 0
	}
	return time.Duration(len(s.Samples)) * time.Second / time.Duration(s.Rate)
}

// Last is the end of the sound.
func (s Sound) Last(d time.Duration) Sound {
	n := min(len(s.Samples), int(d.Seconds()*float64(s.Rate)))
	return Sound{Rate: s.Rate, Samples: s.Samples[len(s.Samples)-n:]}
}

// Power is the share of the sound's energy that lies at a frequency, 0 to 1 (Goertzel).
func (s Sound) Power(hz float64) float64 {
	w := 2 * math.Cos(2*math.Pi*hz/float64(s.Rate))
	var s1, s2, total float64
	for _, v := range s.Samples {
		x := float64(v)
		s1, s2 = x+w*s1-s2, s1
		total += x * x
	}
	if total == 0 {
		return 0
	}
	return (s1*s1 + s2*s2 - w*s1*s2) * 2 / (total * float64(len(s.Samples)))
}

// RMS is the level, 0 to 32767.
func (s Sound) RMS() float64 {
	if len(s.Samples) == 0 {
		return 0
	}
	var total float64
	for _, v := range s.Samples {
		total += float64(v) * float64(v)
	}
	return math.Sqrt(total / float64(len(s.Samples)))
}

// heard is how much of a recording is looked at: a window short enough that a lost packet before it does not matter.
const heard = 400 * time.Millisecond

// HearsTone tells whether the last part of a recording that grows is mostly a sine of that frequency.
func HearsTone(path string, hz float64) bool {
	s, err := ReadWAV(path)
	if err != nil {
		return false
	}
	s = s.Last(heard)
	return s.Length() >= heard-time.Millisecond && s.RMS() > 300 && s.Power(hz) > 0.8
}

// HearsSilence tells whether the last part of a recording is quiet.
func HearsSilence(path string) bool {
	s, err := ReadWAV(path)
	if err != nil {
		return false
	}
	s = s.Last(heard)
	return s.Length() >= heard-time.Millisecond && s.RMS() < 50
}
