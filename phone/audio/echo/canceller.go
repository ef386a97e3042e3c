package echo

import (
	"errors"
	"fmt"
	"math"
	"time"

	"housephone/phone/audio/noise"
)

// Errors of this package.
var (
	ErrRate  = errors.New("sample rate out of range")
	ErrFrame = errors.New("frames are not the same whole number of 10 ms")
)

// Config says how a Canceller works. Its zero value is a good start.
type Config struct {
	Rate int // Hz, a multiple of 4000 from 8000 to 48000; 0 = 8000
	// Tail is the longest echo that is learnt, counted from where it begins;
	// 0 = 256 ms, at most 500 ms.
	Tail time.Duration
	// Noise is by how many dB steady noise of the room is turned down as well;
	// 0 = not at all. It costs no further delay here.
	Noise float64
	// Fixed keeps the time between playback and capture as SetDelay gave it.
	// Otherwise it is measured and followed.
	Fixed bool
}

func (c *Config) setDefaults() {
	if c.Rate == 0 {
		c.Rate = 8000
	}
	if c.Tail == 0 {
		c.Tail = 256 * time.Millisecond
	}
}

func (c *Config) validate() error {
	switch {
	case c.Rate < 8000 || c.Rate > 48000 || c.Rate%searchRate != 0:
		return fmt.Errorf("echo cancelling at %d Hz: %w", c.Rate, ErrRate)
	case c.Tail < 10*time.Millisecond || c.Tail > 500*time.Millisecond:
		return fmt.Errorf("echo tail of %v: want 10ms to 500ms", c.Tail)
	case !(c.Noise >= 0 && c.Noise <= 40):
		return fmt.Errorf("noise suppression by %v dB: want 0 to 40", c.Noise)
	}
	return nil
}

// Canceller takes the sound of the loudspeaker out of the microphone's signal.
// It adds 10 ms of delay.
type Canceller struct {
	block  int
	filter *filter
	post   *post
	line   *delayLine
	search *Estimator // nil when the delay is fixed

	mic, far, echo, left []float32
	settled              int // blocks in a row at which the delay was found elsewhere
	lost                 int // blocks in a row in which the filter did harm
	stats                meter
}

// New returns a Canceller. The error tells what in cfg is wrong.
func New(cfg Config) (*Canceller, error) {
	cfg.setDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	block := cfg.Rate / 100
	partitions := int((cfg.Tail + 10*time.Millisecond - 1) / (10 * time.Millisecond))
	f, err := newFilter(block, partitions)
	if err != nil {
		return nil, fmt.Errorf("echo cancelling at %d Hz: %w", cfg.Rate, err)
	}
	floor := float32(math.Pow(10, -cfg.Noise/20))
	c := &Canceller{
		block: block, filter: f,
		post: newPost(f.fft, block, noise.NewSpectrum(f.fft.Bins(), floor), cfg.Noise > 0),
		line: newDelayLine(cfg.Rate),
		mic:  make([]float32, block), far: make([]float32, block),
		echo: make([]float32, block), left: make([]float32, block),
	}
	if !cfg.Fixed {
		if c.search, err = NewEstimator(cfg.Rate); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Process cleans mic in place; what comes out is what went in 10 ms earlier. far
// is what was given to the loudspeaker in the same time. The error is ErrFrame
// when the two are not of one length or that is not a multiple of 10 ms; mic is
// left as it is then.
func (c *Canceller) Process(mic, far []int16) error {
	if len(mic) != len(far) || len(mic)%c.block != 0 {
		return fmt.Errorf("%d and %d samples: %w", len(mic), len(far), ErrFrame)
	}
	for ; len(mic) > 0; mic, far = mic[c.block:], far[c.block:] {
		c.step(mic[:c.block], far[:c.block])
	}
	return nil
}

// SetDelay tells the time from when a sample is given to Process as far until
// its echo can be in mic, as far as it is known, at most 500 ms. What was learnt
// of the room is forgotten.
func (c *Canceller) SetDelay(d time.Duration) {
	c.move(int(d.Seconds() * float64(c.block*100)))
}

func (c *Canceller) move(samples int) {
	c.line.set(samples)
	c.filter.reset()
	c.post.reset()
}

func (c *Canceller) step(mic, far []int16) {
	if c.search != nil && c.search.Write(mic, far) {
		c.align()
	}
	c.line.pass(c.far, far)
	for i, v := range mic {
		c.mic[i] = float32(v)
	}
	c.filter.predict(c.echo, c.far)
	for i := range c.left {
		c.left[i] = c.mic[i] - c.echo[i]
	}
	c.filter.adapt(c.left)
	c.guard()
	if c.post.roomChanged() {
		c.filter.forget()
	}
	c.post.block(mic, c.left, c.echo, c.filter.doubt)
	c.stats.block(c.mic, c.left, mic, c.far)
}

// guard drops what was learnt when the filter adds more than it takes away for
// 200 ms: the far end is another than the one that was learnt.
func (c *Canceller) guard() {
	if energy(c.left) < 2*energy(c.mic) {
		c.lost = 0
		return
	}
	copy(c.left, c.mic)
	if c.lost++; c.lost >= 20 {
		c.lost = 0
		c.filter.reset()
	}
}

// align moves the delay line when the echo is found to begin outside of what the
// filter sees well, three times in a row.
func (c *Canceller) align() {
	found, sure := c.search.Delay()
	rate := c.block * 100
	at := int(found.Seconds()*float64(rate)) - c.line.delay
	if !sure || at >= rate/500 && at < len(c.filter.w)*c.block/2 {
		c.settled = 0
		return
	}
	if c.settled++; c.settled >= 3 {
		c.settled = 0
		if to := max(c.line.delay+at-rate/100, 0); to != c.line.delay {
			c.move(to)
		}
	}
}

func energy(x []float32) float32 {
	sum := float32(0)
	for _, v := range x {
		sum += v * v
	}
	return sum
}

// delayLine holds the far end back.
type delayLine struct {
	ring  []float32
	at    int
	delay int
}

func newDelayLine(rate int) *delayLine { return &delayLine{ring: make([]float32, rate/2+rate/50)} }

func (d *delayLine) set(samples int) { d.delay = min(max(samples, 0), len(d.ring)-1) }

func (d *delayLine) pass(dst []float32, src []int16) {
	for i, v := range src {
		d.ring[d.at] = float32(v)
		from := d.at - d.delay
		if from < 0 {
			from += len(d.ring)
		}
		dst[i] = d.ring[from]
		if d.at++; d.at == len(d.ring) {
			d.at = 0
		}
	}
}
