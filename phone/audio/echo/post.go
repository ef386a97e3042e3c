package echo

import (
	"math"
	"math/rand/v2"

	"housephone/phone/audio/noise"
	"housephone/phone/audio/noise/fft"
)

const (
	deepest = 0.01 // least gain: -40 dB
	follow  = 0.85 // weight of the past in the a priori ratio
	ring    = 0.5  // what is left of a residual 10 ms later
)

// post takes what the filter left of the echo out of the spectrum, bin by bin,
// and puts the room's own noise where it took everything.
type post struct {
	hop      int
	fft      *fft.Real
	shape    []float32
	error    []float32 // last block and this one
	echo     []float32
	out      []float32
	work     []float32
	e, y     []complex64
	pe, py   []float32
	me, my   []float32 // slow means of pe and py
	residual []float32
	clean    []float32
	leak     leakage
	spectrum *noise.Spectrum
	denoise  bool
	rnd      rand.PCG
}

func newPost(plan *fft.Real, hop int, spectrum *noise.Spectrum, denoise bool) *post {
	p := &post{
		hop: hop, fft: plan, spectrum: spectrum, denoise: denoise,
		shape: make([]float32, 2*hop), error: make([]float32, 2*hop), echo: make([]float32, 2*hop),
		out: make([]float32, hop), work: make([]float32, 2*hop),
		e: make([]complex64, plan.Bins()), y: make([]complex64, plan.Bins()),
	}
	for i := range p.shape {
		p.shape[i] = float32(math.Sin(math.Pi * (float64(i) + 0.5) / float64(2*hop)))
	}
	for _, row := range []*[]float32{&p.pe, &p.py, &p.me, &p.my, &p.residual, &p.clean} {
		*row = make([]float32, plan.Bins())
	}
	p.reset()
	return p
}

func (p *post) reset() { p.leak = leakage{share: 1} }

// roomChanged tells, once, that the echo has not been taken out for a while
// although it is there.
func (p *post) roomChanged() bool { return p.leak.changed() }

// block writes the next 10 ms of output. left is what the filter left of the
// microphone, echo what it took away, doubt the power it may have missed.
func (p *post) block(out []int16, left, echo, doubt []float32) {
	p.transform(p.e, p.pe, p.error, left)
	p.transform(p.y, p.py, p.echo, echo)
	p.leak.measure(p.pe, p.py, p.me, p.my)
	p.spectrum.Update(p.pe, true)
	background := p.spectrum.Noise()
	quiet := p.spectrum.Gains(p.pe)
	for k, pe := range p.pe {
		r := max(p.leak.share*p.py[k], 0.5*doubt[k], ring*p.residual[k])
		p.residual[k] = r
		r += 1e-3
		prior := follow*p.clean[k]/r + (1-follow)*max(pe/r-1, 0)
		g := max(prior/(1+prior), deepest)
		p.clean[k] = g * g * pe
		level := float32(1)
		if p.denoise {
			level = quiet[k]
		}
		fill := level * float32(math.Sqrt(float64(background[k]*(1-g*g))))
		p.e[k] = p.e[k]*complex(g*level, 0) + p.random(fill)
	}
	p.fft.Inverse(p.work, p.e)
	for i := range out {
		out[i] = round16(p.out[i] + p.work[i]*p.shape[i])
		p.out[i] = p.work[p.hop+i] * p.shape[p.hop+i]
	}
}

func (p *post) transform(bins []complex64, power, past, next []float32) {
	copy(past, past[p.hop:])
	copy(past[p.hop:], next)
	for i, v := range past {
		p.work[i] = v * p.shape[i]
	}
	p.fft.Forward(bins, p.work)
	for k, v := range bins {
		power[k] = real(v)*real(v) + imag(v)*imag(v)
	}
}

// random returns a number of a given mean magnitude in any direction.
func (p *post) random(size float32) complex64 {
	if size == 0 {
		return 0
	}
	const scale = 1.7320508 / (1 << 31)
	bits := p.rnd.Uint64()
	size *= 0.70710678 * scale
	return complex(size*float32(int32(bits)), size*float32(int32(bits>>32)))
}

func round16(v float32) int16 {
	return int16(math.Floor(float64(min(max(v, -32768), 32767)) + 0.5))
}
