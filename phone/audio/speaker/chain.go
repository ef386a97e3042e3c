package speaker

import (
	"fmt"
	"time"

	"housephone/phone/audio"
	"housephone/phone/audio/echo"
	"housephone/phone/audio/noise"
	"housephone/phone/audio/resample"
)

const (
	highest    = 16000 // Hz, of processing
	noiseDepth = 15    // dB
)

// chain is what is done to the microphone's sound. What is not wanted is nil.
type chain struct {
	block         int // samples of 10 ms, as the frames come
	down, far, up *resample.Resampler
	mic, played   []int16 // 10 ms at the rate of processing
	canceller     *echo.Canceller
	suppressor    *noise.Suppressor
	gain          *noise.Gain
	clean         bool // the sound server has cancelled the echo: canceller is left out
}

// newChain returns the processing for frames at rate Hz; delay is where the
// echo begins at the soonest. It is nil when nothing is wanted.
func newChain(cfg Config, rate int, delay time.Duration) (*chain, error) {
	if !cfg.Echo && !cfg.Noise && !cfg.Gain {
		return nil, nil
	}
	if rate < 8000 || rate%100 != 0 {
		return nil, fmt.Errorf("sound of %d Hz cannot be cleaned: %w", rate, audio.ErrRate)
	}
	at := rate
	if rate > highest || rate%4000 != 0 {
		at = min(highest, rate/4000*4000)
	}
	c := &chain{block: rate / 100}
	if err := c.equip(cfg, at, delay); err != nil {
		return nil, err
	}
	if at == rate {
		return c, nil
	}
	if err := c.convert(rate, at); err != nil {
		return nil, err
	}
	return c, nil
}

// equip makes what works at the rate of processing.
func (c *chain) equip(cfg Config, rate int, delay time.Duration) (err error) {
	if cfg.Echo {
		// The canceller suppresses noise without further delay.
		depth := 0.0
		if cfg.Noise {
			depth = noiseDepth
		}
		if c.canceller, err = echo.New(echo.Config{Rate: rate, Tail: cfg.Tail, Noise: depth}); err != nil {
			return err
		}
		c.canceller.SetDelay(delay)
	} else if cfg.Noise {
		if c.suppressor, err = noise.NewSuppressor(noise.SuppressorConfig{Rate: rate, Depth: noiseDepth}); err != nil {
			return err
		}
	}
	if cfg.Gain {
		c.gain, err = noise.NewGain(noise.GainConfig{Rate: rate})
	}
	return err
}

// convert puts the processing between two conversions of the rate.
func (c *chain) convert(rate, at int) (err error) {
	if c.down, err = resample.New(rate, at); err != nil {
		return err
	}
	if c.far, err = resample.New(rate, at); err != nil {
		return err
	}
	if c.up, err = resample.New(at, rate); err != nil {
		return err
	}
	c.mic, c.played = make([]int16, at/100), make([]int16, at/100)
	return nil
}

// process cleans frame; far was played in the same time. It returns false, and
// leaves frame as it is, when that is not a multiple of 10 ms long.
func (c *chain) process(frame, far []int16) bool {
	if len(frame)%c.block != 0 {
		return false
	}
	for ; len(frame) > 0; frame, far = frame[c.block:], far[c.block:] {
		if c.down == nil {
			c.work(frame[:c.block], far[:c.block])
			continue
		}
		// 10 ms are a whole number of samples at both rates: each conversion
		// gives exactly what is asked for.
		c.down.Process(c.mic, frame[:c.block])
		if c.canceller != nil {
			c.far.Process(c.played, far[:c.block])
		}
		c.work(c.mic, c.played)
		c.up.Process(frame[:c.block], c.mic)
	}
	return true
}

// work does 10 ms. The lengths are right, so nothing can fail.
func (c *chain) work(mic, far []int16) {
	if c.canceller != nil && !c.clean {
		_ = c.canceller.Process(mic, far)
	}
	if c.suppressor != nil {
		_ = c.suppressor.Process(mic)
	}
	if c.gain != nil {
		c.gain.Process(mic)
	}
}

func (c *chain) cancels() bool { return c != nil && c.canceller != nil && !c.clean }

func (c *chain) stats() Stats {
	var s Stats
	if c.cancels() {
		s.Stats, s.Cancelling = c.canceller.Stats(), true
	}
	if c != nil && c.gain != nil {
		s.Gain = c.gain.Now()
	}
	return s
}
