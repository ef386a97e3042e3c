package resample

import (
	"errors"
	"fmt"
)

// ErrRate tells that a pair of rates cannot be converted.
var ErrRate = errors.New("sample rates cannot be converted")

const (
	minRate, maxRate = 4000, 192000
	maxPhases        = 640 // 22.05 kHz -> 16 kHz has 320
	reach            = 24  // half length of the filter, in samples of the lower rate
	roll             = 0.92
	chunk            = 512 // most input samples looked at in one go
)

// Resampler converts a stream from one fixed rate to another.
//
// Its delay is 24 samples of the lower rate: 3 ms at 8 kHz. The response is flat
// within 0.1 dB to 0.8 of the lower Nyquist frequency and 3.4 kHz at 8 kHz
// within 1 dB.
type Resampler struct {
	up, down int // output samples come at up/down of the input rate
	taps     int
	filter   []float32 // up phases of taps coefficients each, oldest first
	line     []float32 // past input and the chunk in hand
	held     int       // samples in line
	pos      int       // index in line of the oldest sample the next output needs
	phase    int
}

// New returns a resampler from one rate to another, both in Hz. Equal rates copy.
// The error is ErrRate for rates outside 4 to 192 kHz and for pairs that have
// too small a common divisor.
func New(from, to int) (*Resampler, error) {
	if from < minRate || from > maxRate || to < minRate || to > maxRate {
		return nil, fmt.Errorf("%d Hz to %d Hz: %w", from, to, ErrRate)
	}
	div := gcd(from, to)
	r := &Resampler{up: to / div, down: from / div}
	if max(r.up, r.down) > maxPhases {
		return nil, fmt.Errorf("%d Hz to %d Hz: %w", from, to, ErrRate)
	}
	if r.up == r.down {
		return r, nil
	}
	half := float64(reach) * max(1, float64(from)/float64(to)) // in input samples
	cutoff := roll * min(1, float64(to)/float64(from))
	r.taps = (2*int(half+0.999) + 3) &^ 3
	r.filter = make([]float32, r.up*r.taps)
	for p := range r.up {
		row := r.filter[p*r.taps : (p+1)*r.taps]
		sum := 0.0
		for i := range row {
			// The output lies p/up behind the middle of the taps.
			v := sinc(float64(i-r.taps/2+1)-float64(p)/float64(r.up), cutoff, half)
			row[i] = float32(v)
			sum += v
		}
		for i := range row {
			row[i] /= float32(sum) // every phase passes DC alike: no whistle at its rate
		}
	}
	r.line = make([]float32, r.taps+chunk)
	r.Reset()
	return r, nil
}

// Reset forgets the past.
func (r *Resampler) Reset() {
	clear(r.line)
	r.held, r.pos, r.phase = max(r.taps-1, 0), 0, 0
}

// Len returns the most samples Process can give for n samples of input.
func (r *Resampler) Len(n int) int { return (n*r.up+r.down-1)/r.down + 1 }

// Process converts src into dst and returns how many samples it wrote. It takes
// all of src; a dst shorter than Len(len(src)) may lose samples. Over time it
// gives exactly to/from samples for each one taken. dst and src do not overlap.
func (r *Resampler) Process(dst, src []int16) int {
	if r.up == r.down {
		return copy(dst, src)
	}
	n := 0
	for len(src) > 0 {
		m := min(len(src), len(r.line)-r.held)
		for i, v := range src[:m] {
			r.line[r.held+i] = float32(v)
		}
		r.held += m
		src = src[m:]
		n += r.drain(dst[n:])
	}
	return n
}

// drain writes every output sample whose taps are there and moves the rest of
// the line to its front.
func (r *Resampler) drain(dst []int16) int {
	n := 0
	for r.pos+r.taps <= r.held {
		if n < len(dst) {
			row := r.filter[r.phase*r.taps : (r.phase+1)*r.taps]
			dst[n] = round16(dot(r.line[r.pos:r.pos+r.taps], row))
			n++
		}
		r.phase += r.down
		r.pos += r.phase / r.up
		r.phase %= r.up
	}
	keep := min(r.pos, r.held)
	copy(r.line, r.line[keep:r.held])
	r.held -= keep
	r.pos -= keep
	return n
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
