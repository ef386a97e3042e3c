package audio

import (
	"fmt"
	"math"
)

// Tone is an endless source of one or more sines of equal level.
type Tone struct {
	amplitude float64
	step      []float64 // phase advance a sample, in turns
	phase     []float64
}

// NewTone makes a source of the given frequencies in Hz, each at level dBFS
// (0 dBFS is a full-scale sine), for instance two for a DTMF pair. Frequencies
// must lie below half the rate.
func NewTone(rate int, level float64, hz ...float64) (*Tone, error) {
	if err := checkRate(rate); err != nil {
		return nil, err
	}
	t := &Tone{amplitude: math.MaxInt16 * math.Pow(10, level/20), phase: make([]float64, len(hz))}
	for _, f := range hz {
		if !(f > 0 && f < float64(rate)/2) {
			return nil, fmt.Errorf("tone of %g Hz at rate %d: %w", f, rate, ErrRate)
		}
		t.step = append(t.step, f/float64(rate))
	}
	return t, nil
}

// Read fills the whole frame.
func (t *Tone) Read(frame []int16) int {
	for i := range frame {
		var v float64
		for k := range t.step {
			v += math.Sin(2 * math.Pi * t.phase[k])
			if t.phase[k] += t.step[k]; t.phase[k] >= 1 {
				t.phase[k]--
			}
		}
		frame[i] = clip(v * t.amplitude)
	}
	return len(frame)
}

func clip(v float64) int16 {
	return int16(math.Round(min(max(v, math.MinInt16), math.MaxInt16)))
}

func checkRate(rate int) error {
	if rate < 4000 || rate > 192000 {
		return fmt.Errorf("%d Hz: %w", rate, ErrRate)
	}
	return nil
}
