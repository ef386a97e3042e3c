package noise

import (
	"fmt"
	"math"
)

// GainConfig says how a Gain works. Its zero value is a good start.
type GainConfig struct {
	Rate   int     // Hz; 0 = 8000
	Target float64 // level of speech, dBov; 0 = -23
	Most   float64 // most that is added, dB; 0 = 18
	Least  float64 // most that is taken away, dB; 0 = 12
	Peak   float64 // no sample goes above, dBFS; 0 = -1
}

func (c *GainConfig) setDefaults() {
	for _, d := range []struct {
		v *float64
		z float64
	}{{&c.Target, -23}, {&c.Most, 18}, {&c.Least, 12}, {&c.Peak, -1}} {
		if *d.v == 0 {
			*d.v = d.z
		}
	}
	if c.Rate == 0 {
		c.Rate = 8000
	}
}

func (c *GainConfig) validate() error {
	switch {
	case c.Rate < 8000 || c.Rate > 48000:
		return fmt.Errorf("automatic gain at %d Hz: %w", c.Rate, ErrRate)
	case !(c.Target >= -50 && c.Target <= -6):
		return fmt.Errorf("automatic gain to %v dBov: want -50 to -6", c.Target)
	case !(c.Most > 0 && c.Most <= 40) || !(c.Least > 0 && c.Least <= 40):
		return fmt.Errorf("automatic gain by +%v -%v dB: want 0 to 40", c.Most, c.Least)
	case !(c.Peak >= -20 && c.Peak < 0):
		return fmt.Errorf("limit of %v dBFS: want -20 to 0", c.Peak)
	}
	return nil
}

const (
	above    = 9.0   // dB over the room that a frame of speech is
	faintest = -58.0 // dBov below which nothing is speech
	risePer  = 6.0   // dB a second the gain goes up
	fallPer  = 30.0  // dB a second it goes down
)

// Gain brings the speech in a stream to one level: slowly up, faster down, not
// at all in pauses, so that the room does not swell between words. A limiter
// catches what is louder than full scale. It adds no delay.
type Gain struct {
	cfg    GainConfig
	room   float64 // level of the pauses, dBov
	speech float64 // level of the speech, dBov
	heard  float64 // seconds of speech so far
	gain   float64 // dB
	factor float64 // what the last sample was multiplied with
	limit  float64 // of the limiter, at most 1
	ease   float64 // the limiter's return, a sample
}

// NewGain returns a Gain. The error tells what in cfg is wrong.
func NewGain(cfg GainConfig) (*Gain, error) {
	cfg.setDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return &Gain{
		cfg: cfg, room: -60, speech: cfg.Target, factor: 1, limit: 1,
		ease: 1 - math.Exp(-1/(0.05*float64(cfg.Rate))),
	}, nil
}

// Now returns the gain in dB, without what the limiter takes.
func (g *Gain) Now() float64 { return g.gain }

// Process changes the level of frame in place.
func (g *Gain) Process(frame []int16) {
	if len(frame) == 0 {
		return
	}
	g.follow(frame)
	from, to := g.factor, math.Pow(10, g.gain/20)
	g.factor = to
	step := (to - from) / float64(len(frame))
	peak := 32767 * math.Pow(10, g.cfg.Peak/20)
	for i, v := range frame {
		from += step
		x := float64(v) * from
		g.limit += (1 - g.limit) * g.ease
		if loud := math.Abs(x); loud*g.limit > peak {
			g.limit = peak / loud
		}
		frame[i] = round16(x * g.limit)
	}
}

// follow measures the frame and moves the gain.
func (g *Gain) follow(frame []int16) {
	power := 0.0
	for _, v := range frame {
		power += float64(v) * float64(v)
	}
	level := decibels(power / float64(len(frame)))
	seconds := float64(len(frame)) / float64(g.cfg.Rate)

	// The room's level falls at once and rises by 3 dB a second: not into speech.
	g.room = max(min(level, g.room+3*seconds), -90)
	if level < g.room+above || level < faintest {
		return
	}
	// Loud parts count sooner than soft ones: the ear goes by them.
	time := 1.0
	if level > g.speech {
		time = 0.2
	}
	if g.heard < 0.5 {
		time = 0.1
	}
	g.heard += seconds
	g.speech += (level - g.speech) * min(seconds/time, 1)
	want := min(max(g.cfg.Target-g.speech, -g.cfg.Least), g.cfg.Most)
	g.gain += min(max(want-g.gain, -fallPer*seconds), risePer*seconds)
}
