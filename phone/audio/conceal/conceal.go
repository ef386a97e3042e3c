package conceal

import (
	"errors"
	"fmt"
)

// ErrRate tells that the sample rate is out of range.
var ErrRate = errors.New("sample rate out of range")

// Lengths of G.711 Appendix I, in ms.
const (
	shortest = 5  // pitch period: 200 Hz; a higher voice is met at a multiple
	longest  = 15 // pitch period: 66 Hz
	template = 20 // what is compared to find the period
	holdFull = 10 // full level
	silent   = 60 // nothing left
	join     = 4  // cross-fade at the end of a short gap
	joinMost = 10 // and of a long one
)

// Concealer continues one stream of samples over gaps.
type Concealer struct {
	rate int
	past []float32 // what was played last, oldest first
	low  []float32 // past at about 4 kHz, for the coarse search
	loop [3][]float32

	lost   int // samples made up since the last good one
	period int
	step   float32 // height of the seam between the last good sample and the loop
}

// New returns a Concealer for a stream at rate Hz, 8000 to 48000.
func New(rate int) (*Concealer, error) {
	if rate < 8000 || rate > 48000 {
		return nil, fmt.Errorf("concealment at %d Hz: %w", rate, ErrRate)
	}
	return &Concealer{rate: rate}, nil
}

// begin makes room for the past, when there is some.
func (c *Concealer) begin() {
	if c.past == nil {
		most := c.samples(longest)
		c.past = make([]float32, 3*most+most/4+c.samples(template))
	}
}

// beginGap makes room for what a gap needs, at the first one.
func (c *Concealer) beginGap() {
	c.begin()
	if c.low != nil {
		return
	}
	c.low = make([]float32, c.samples(template+longest)/c.decimation())
	for i := range c.loop {
		c.loop[i] = make([]float32, (i+1)*c.samples(longest))
	}
}

func (c *Concealer) samples(ms int) int { return c.rate * ms / 1000 }

// decimation of the coarse pitch search, down to about 4 kHz.
func (c *Concealer) decimation() int { return max(c.rate/4000, 1) }

// Reset forgets the past.
func (c *Concealer) Reset() {
	clear(c.past)
	c.lost = 0
}

// Good takes a decoded frame on its way to the ear. The first one after a gap is
// changed at its start.
func (c *Concealer) Good(frame []int16) {
	if c.lost > 0 {
		n := min(len(frame), c.joinLength())
		for i := range n {
			w := float32(i+1) / float32(n+1)
			frame[i] = round16(w*float32(frame[i]) + (1-w)*c.next())
		}
		c.lost = 0
	}
	c.remember(frame)
}

// Lost fills frame with what probably was in it.
func (c *Concealer) Lost(frame []int16) {
	if c.lost == 0 {
		c.prepare()
	}
	for i := range frame {
		frame[i] = round16(c.next())
	}
	c.remember(frame)
}

// joinLength grows with the gap: the longer it was, the less the guess fits.
func (c *Concealer) joinLength() int {
	tens := c.lost / c.samples(10)
	return min(c.samples(join*max(tens, 1)), c.samples(joinMost))
}

func (c *Concealer) remember(frame []int16) {
	c.begin()
	if n := len(frame) - len(c.past); n > 0 {
		frame = frame[n:]
	}
	copy(c.past, c.past[len(frame):])
	at := len(c.past) - len(frame)
	for i, v := range frame {
		c.past[at+i] = float32(v)
	}
}

// prepare finds the pitch period and cuts loops of one, two and three periods
// out of the past. The end of each is blended into what came before its start,
// so that it goes round without a seam.
func (c *Concealer) prepare() {
	c.beginGap()
	c.period = c.findPeriod()
	end, quarter := len(c.past), c.period/4
	for i := range c.loop {
		n := (i + 1) * c.period
		loop := c.loop[i][:n]
		copy(loop, c.past[end-n:])
		for j := range quarter {
			w := float32(j+1) / float32(quarter+1)
			loop[n-quarter+j] += w * (c.past[end-n-quarter+j] - loop[n-quarter+j])
		}
		c.loop[i] = loop
	}
	c.step = c.past[end-1] - c.past[end-c.period-1]
}

// next makes up one sample.
func (c *Concealer) next() float32 {
	t := c.lost
	c.lost++
	full, end := c.samples(holdFull), c.samples(silent)
	if t >= end {
		return 0
	}
	quarter := c.period / 4
	// More periods after 10 and 20 ms: a single one repeated long is a buzz.
	k := min(t/full, len(c.loop)-1)
	v := c.loop[k][t%len(c.loop[k])]
	if into := t - k*full; k > 0 && into < quarter {
		w := float32(into+1) / float32(quarter+1)
		before := c.loop[k-1][t%len(c.loop[k-1])]
		v = before + w*(v-before)
	}
	if t < quarter {
		v += c.step * float32(quarter-t) / float32(quarter+1)
	}
	if t > full {
		v *= float32(end-t) / float32(end-full)
	}
	return v
}

func round16(v float32) int16 {
	if v < 0 {
		return int16(max(v-0.5, -32768))
	}
	return int16(min(v+0.5, 32767))
}
