package fft

import (
	"errors"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"strconv"
	"testing"
)

func TestAgainstDefinition(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{4, 6, 8, 10, 12, 16, 18, 30, 50, 64, 128, 160, 240, 320, 480, 960, 1024} {
		f, err := New(n)
		if err != nil {
			t.Fatal(err)
		}
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(rnd.NormFloat64())
		}
		got := make([]complex64, f.Bins())
		f.Forward(got, x)
		for k := range got {
			want := complex128(0)
			for i, v := range x {
				want += complex(float64(v), 0) * cmplx.Rect(1, -2*math.Pi*float64(k*i%n)/float64(n))
			}
			if d := cmplx.Abs(complex128(got[k]) - want); d > 1e-5*float64(n) {
				t.Fatalf("n %d bin %d: %v, want %v", n, k, got[k], want)
			}
		}
		back := make([]float32, n)
		f.Inverse(back, got)
		for i := range x {
			if math.Abs(float64(back[i]-x[i])) > 1e-5 {
				t.Fatalf("n %d: sample %d comes back as %v, want %v", n, i, back[i], x[i])
			}
		}
	}
}

func TestRefusedLengths(t *testing.T) {
	for _, n := range []int{-2, 0, 1, 2, 3, 7, 14, 15, 22, 1 << 21} {
		if _, err := New(n); !errors.Is(err, ErrLength) {
			t.Errorf("length %d: error %v, want ErrLength", n, err)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	f, err := New(320)
	if err != nil {
		t.Fatal(err)
	}
	x, y := make([]float32, 320), make([]complex64, f.Bins())
	if n := testing.AllocsPerRun(100, func() { f.Forward(y, x); f.Inverse(x, y) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkForward(b *testing.B) {
	for _, n := range []int{160, 320, 960, 8192} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			f, err := New(n)
			if err != nil {
				b.Fatal(err)
			}
			x, y := make([]float32, n), make([]complex64, f.Bins())
			b.ReportAllocs()
			for b.Loop() {
				f.Forward(y, x)
			}
		})
	}
}
