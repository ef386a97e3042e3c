package echo

import (
	"math"

	"housephone/phone/audio/noise/fft"
)

// Constants of the adaptive filter.
const (
	// keep is the part of a coefficient that is still true 10 ms later: how fast
	// a room is taken to change.
	keep = 0.9995
	// start is the power that each coefficient of the first 10 ms may have
	// before anything is known, and decay how much less, in dB, it may be each
	// 10 ms later: that of a room where sound dies away in half a second.
	start = 0.5
	decay = 1.15
	// near is the weight of the past in the spectrum of the error.
	near = 0.8
	// spill is the part of the mean doubt that stands in every bin as noise. The
	// blocks are cut without a window, so a loud vowel reaches into bins that
	// hold nothing of their own; from that they must not learn to be sure.
	spill = 0.1
	// constrained is how many partitions are constrained in a block. Two do
	// better than all of them, and cost less.
	constrained = 2
)

// filter is a partitioned-block frequency-domain Kalman filter (Enzner and Vary,
// 2006; Kuech and others, 2014): an adaptive filter whose step size follows, bin
// by bin, from how much it does not know yet and from how much else there is in
// the microphone. That is what keeps it still while both sides talk.
//
// Blocks are half a transform long; the partitions are overlap-save.
type filter struct {
	block int
	fft   *fft.Real
	x     [][]complex64 // spectra of the last blocks of the far end, a ring
	w     [][]complex64 // the echo path
	p     [][]float32   // variance of the error of w
	head  int           // newest of x
	turn  int           // partition that is constrained next

	farPast []float32 // last block of the far end and the one in hand
	time    []float32
	y, e    []complex64
	error   []float32 // power of the error, smoothed
	doubt   []float32 // power of the echo that the filter expects to have missed
}

func newFilter(block, partitions int) (*filter, error) {
	plan, err := fft.New(2 * block)
	if err != nil {
		return nil, err
	}
	f := &filter{
		block: block, fft: plan,
		farPast: make([]float32, 2*block), time: make([]float32, 2*block),
		y: make([]complex64, plan.Bins()), e: make([]complex64, plan.Bins()),
		error: make([]float32, plan.Bins()), doubt: make([]float32, plan.Bins()),
	}
	for range partitions {
		f.x = append(f.x, make([]complex64, plan.Bins()))
		f.w = append(f.w, make([]complex64, plan.Bins()))
		f.p = append(f.p, make([]float32, plan.Bins()))
	}
	f.reset()
	return f, nil
}

func (f *filter) reset() {
	for i := range f.w {
		clear(f.x[i])
		clear(f.w[i])
	}
	clear(f.farPast)
	clear(f.error)
	f.forget()
}

// forget makes the filter ready to learn a new room without losing the old one.
func (f *filter) forget() {
	v := start
	for _, p := range f.p {
		for k := range p {
			p[k] = max(p[k], float32(v))
		}
		v *= math.Pow(10, -decay/10)
	}
}

// far returns the spectrum of the far end p blocks ago.
func (f *filter) far(p int) []complex64 { return f.x[(f.head+p)%len(f.x)] }

// predict takes the next block of the far end and writes the echo it expects.
func (f *filter) predict(echo, far []float32) {
	copy(f.farPast, f.farPast[f.block:])
	copy(f.farPast[f.block:], far)
	f.head = (f.head + len(f.x) - 1) % len(f.x)
	f.fft.Forward(f.far(0), f.farPast)
	clear(f.y)
	clear(f.doubt)
	for i, w := range f.w {
		x, p := f.far(i)[:len(w)], f.p[i][:len(w)]
		for k, wk := range w {
			xk := x[k]
			xr, xi, wr, wi := real(xk), imag(xk), real(wk), imag(wk)
			f.y[k] += complex(xr*wr-xi*wi, xr*wi+xi*wr)
			f.doubt[k] += (xr*xr + xi*xi) * p[k]
		}
	}
	f.fft.Inverse(f.time, f.y)
	copy(echo, f.time[f.block:])
}

// adapt learns from the error that is left of the block.
func (f *filter) adapt(left []float32) {
	clear(f.time[:f.block])
	copy(f.time[f.block:], left)
	f.fft.Forward(f.e, f.time)
	for k, e := range f.e {
		power := real(e)*real(e) + imag(e)*imag(e)
		f.error[k] = near*f.error[k] + (1-near)*power
	}
	sum := float32(0)
	for _, d := range f.doubt {
		sum += d
	}
	foreign := 1 + spill*sum/float32(len(f.doubt))
	for i, w := range f.w {
		f.learn(f.far(i), w, f.p[i], foreign)
	}
	for range constrained {
		f.constrain(f.w[f.turn])
		f.turn = (f.turn + 1) % len(f.w)
	}
}

// learn moves one partition; foreign is power in every bin that is not its own.
func (f *filter) learn(x, w []complex64, p []float32, foreign float32) {
	x, p = x[:len(w)], p[:len(w)]
	doubt, noise := f.doubt[:len(w)], f.error[:len(w)]
	for k := range w {
		xr, xi := real(x[k]), imag(x[k])
		// The transform is twice as long as a block: the error holds half of the
		// power that the far end's spectrum has.
		mu := p[k] / (doubt[k] + 2*noise[k] + foreign)
		er, ei := real(f.e[k])*mu, imag(f.e[k])*mu
		w[k] += complex(xr*er+xi*ei, xr*ei-xi*er)
		wr, wi := real(w[k]), imag(w[k])
		p[k] = keep*keep*(1-0.5*mu*(xr*xr+xi*xi))*p[k] + (1-keep*keep)*(wr*wr+wi*wi)
	}
}

// constrain takes out of a partition what is not the response of one block.
func (f *filter) constrain(w []complex64) {
	f.fft.Inverse(f.time, w)
	clear(f.time[f.block:])
	f.fft.Forward(w, f.time)
}
