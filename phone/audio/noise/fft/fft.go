// Package fft is the discrete Fourier transform of real signals of one length,
// any even number made of twos, threes and fives: 10 ms of sound is one at every
// rate of telephony, a power of two at none.
//
// A plan holds its work space: it is used by one goroutine at a time and
// allocates nothing after New.
package fft

import (
	"errors"
	"fmt"
	"math"
)

// ErrLength tells that there is no transform of that length.
var ErrLength = errors.New("length is not an even product of 2, 3 and 5")

// Real transforms n real samples to n/2+1 complex bins and back.
type Real struct {
	n       int
	radices []int
	turn    []complex64 // exp(-2*pi*i*k/(n/2))
	half    []complex64 // exp(-2*pi*i*k/n), k <= n/4
	a, b    []complex64
}

// New returns a plan for n real samples.
func New(n int) (*Real, error) {
	if n < 4 || n > 1<<20 || n%2 != 0 {
		return nil, fmt.Errorf("transform of %d samples: %w", n, ErrLength)
	}
	m := n / 2
	f := &Real{n: n, a: make([]complex64, m), b: make([]complex64, m)}
	for _, r := range []int{4, 2, 3, 5} {
		for m%r == 0 {
			f.radices = append(f.radices, r)
			m /= r
		}
	}
	if m != 1 {
		return nil, fmt.Errorf("transform of %d samples: %w", n, ErrLength)
	}
	f.turn = circle(n/2, n/2)
	f.half = circle(n, n/4+1)
	return f, nil
}

// circle returns the first count powers of exp(-2*pi*i/n).
func circle(n, count int) []complex64 {
	w := make([]complex64, count)
	for i := range w {
		sin, cos := math.Sincos(-2 * math.Pi * float64(i) / float64(n))
		w[i] = complex(float32(cos), float32(sin))
	}
	return w
}

// Len returns the number of samples.
func (f *Real) Len() int { return f.n }

// Bins returns the number of bins: n/2+1.
func (f *Real) Bins() int { return f.n/2 + 1 }

// Forward writes the spectrum of src (Len samples) to dst (Bins bins), unscaled.
func (f *Real) Forward(dst []complex64, src []float32) {
	m := f.n / 2
	src = src[:f.n]
	for i := range f.a {
		f.a[i] = complex(src[2*i], src[2*i+1])
	}
	z := f.transform()
	dst = dst[:m+1]
	dst[0] = complex(real(z[0])+imag(z[0]), 0)
	dst[m] = complex(real(z[0])-imag(z[0]), 0)
	for k := 1; k <= m/2; k++ {
		even := (z[k] + conj(z[m-k])) * 0.5
		odd := (z[k] - conj(z[m-k])) * complex(0, -0.5) * f.half[k]
		dst[k], dst[m-k] = even+odd, conj(even-odd)
	}
}

// Inverse writes the signal of the spectrum src to dst, scaled so that Forward
// and Inverse give the signal back. The imaginary parts of the first and the
// last bin are taken as zero.
func (f *Real) Inverse(dst []float32, src []complex64) {
	m := f.n / 2
	src, dst = src[:m+1], dst[:f.n]
	scale := 0.5 / float32(m)
	first, last := real(src[0]), real(src[m])
	// The inverse is the forward transform of the conjugate.
	f.a[0] = complex((first+last)*scale, -(first-last)*scale)
	for k := 1; k <= m/2; k++ {
		even := src[k] + conj(src[m-k])
		odd := (src[k] - conj(src[m-k])) * conj(f.half[k]) * complex(0, 1)
		s := complex(scale, 0)
		f.a[k] = conj(even+odd) * s
		f.a[m-k] = (even - odd) * s
	}
	for i, v := range f.transform() {
		dst[2*i], dst[2*i+1] = real(v), -imag(v)
	}
}

func conj(v complex64) complex64 { return complex(real(v), -imag(v)) }

// transform is the complex transform of f.a, after Stockham: each pass sorts as
// it goes, so no bit reversal is needed. The result is in f.a or f.b.
func (f *Real) transform() []complex64 {
	x, y := f.a, f.b
	n, stride := f.n/2, 1
	for _, r := range f.radices {
		switch r {
		case 2:
			f.pass2(x, y, n/2, stride)
		case 3:
			f.pass3(x, y, n/3, stride)
		case 4:
			f.pass4(x, y, n/4, stride)
		case 5:
			f.pass5(x, y, n/5, stride)
		}
		n /= r
		stride *= r
		x, y = y, x
	}
	return x
}
