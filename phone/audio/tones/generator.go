package tones

import (
	"fmt"
	"math"
	"time"
)

// edge is the length of the ramp at either end of a sound: shorter clicks, a
// longer one blurs a key of 40 ms.
const edge = 4 * time.Millisecond

// Generator plays a Tone at one sample rate.
type Generator struct {
	tone  Tone
	rate  int
	peak  float64
	fade  float64 // factor of the level from sample to sample
	ramp  int     // samples of an edge
	index int     // segment being played; len(tone.Segments) when all is over
	at    int     // samples of it played
	size  int     // samples of it in all, 0 = without end
	gain  float64
	waves [4]wave
}

// wave is an oscillator: a vector that turns by a fixed angle each sample.
type wave struct {
	re, im, cos, sin float64
}

// New returns a generator of t at rate Hz. The error says what of the tone
// cannot be played.
func New(t Tone, rate int) (*Generator, error) {
	if rate < 1000 || rate > 192000 {
		return nil, fmt.Errorf("tone at %d Hz: sample rate out of range", rate)
	}
	if len(t.Segments) == 0 {
		return nil, fmt.Errorf("tone without segments: %w", ErrUnknown)
	}
	for _, s := range t.Segments {
		if s.Length < 0 || s.Length > 0 && samples(s.Length, rate) == 0 {
			return nil, fmt.Errorf("tone segment of %v: shorter than a sample", s.Length)
		}
		for _, hz := range s.Hz {
			if !(hz >= 0 && hz < float64(rate)/2) {
				return nil, fmt.Errorf("tone of %v Hz at a sample rate of %d Hz", hz, rate)
			}
		}
	}
	g := &Generator{
		tone: t, rate: rate, fade: 1,
		peak: amplitude(min(t.Level, 0)),
		ramp: max(samples(edge, rate), 1),
	}
	if t.Decay > 0 {
		g.fade = math.Pow(0.001, 1/(t.Decay.Seconds()*float64(rate)))
	}
	g.Reset()
	return g, nil
}

func samples(d time.Duration, rate int) int {
	return int(math.Round(d.Seconds() * float64(rate)))
}

// Reset starts the tone from its beginning.
func (g *Generator) Reset() { g.enter(0) }

// Read fills frame and returns how many samples it wrote: all of them, fewer at
// the end of a tone that is played once, 0 after it.
func (g *Generator) Read(frame []int16) int {
	n := 0
	for n < len(frame) && g.index < len(g.tone.Segments) {
		end := len(frame)
		if g.size > 0 {
			end = min(end, n+g.size-g.at)
		}
		for ; n < end; n++ {
			frame[n] = g.sample()
		}
		if g.size > 0 && g.at == g.size {
			g.next()
		}
	}
	return n
}

func (g *Generator) next() {
	i := g.index + 1
	if i == len(g.tone.Segments) && !g.tone.Once {
		i = 0
	}
	g.enter(i)
}

func (g *Generator) enter(i int) {
	g.index, g.at, g.gain = i, 0, g.peak
	if i == len(g.tone.Segments) {
		return
	}
	s := g.tone.Segments[i]
	g.size = samples(s.Length, g.rate)
	for k, hz := range s.Hz {
		g.waves[k] = wave{}
		if hz > 0 {
			sin, cos := math.Sincos(2 * math.Pi * hz / float64(g.rate))
			g.waves[k] = wave{re: 1, cos: cos, sin: sin}
		}
	}
}

func (g *Generator) sample() int16 {
	sum := 0.0
	for i := range g.waves {
		w := &g.waves[i]
		if w.re == 0 && w.im == 0 {
			break
		}
		sum += w.im
		re, im := w.re*w.cos-w.im*w.sin, w.im*w.cos+w.re*w.sin
		// One Newton step holds the length at 1 against rounding, for hours.
		k := 1.5 - 0.5*(re*re+im*im)
		w.re, w.im = re*k, im*k
	}
	v := sum * g.gain * g.envelope()
	g.gain *= g.fade
	g.at++
	return int16(min(max(v, -32768), 32767))
}

// envelope is the raised cosine at the edges of a segment.
func (g *Generator) envelope() float64 {
	near := g.at
	if g.size > 0 {
		near = min(near, g.size-1-g.at)
	}
	if near >= g.ramp {
		return 1
	}
	return 0.5 - 0.5*math.Cos(math.Pi*float64(near)/float64(g.ramp))
}
