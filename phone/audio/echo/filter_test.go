package echo

import (
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"housephone/phone/audio/noise/fft"
	"housephone/phone/codec/g722"
)

// speech returns a recorded voice at 16 or 8 kHz, about -23 dBFS.
func speech(t testing.TB, name string, rate int) []float64 {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name + ".g722")
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]int16, 2*len(raw))
	g722.NewDecoder().Decode(pcm, raw)
	out := make([]float64, 0, len(pcm))
	for i := 0; i+1 < len(pcm); i++ {
		if rate == 8000 {
			if i%2 == 0 {
				out = append(out, (float64(pcm[i])+float64(pcm[i+1]))/2)
			}
			continue
		}
		out = append(out, float64(pcm[i]))
	}
	level(out, -23)
	return out
}

func power(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return sum / float64(len(x))
}

func level(x []float64, db float64) {
	k := 32768 * math.Pow(10, db/20) / math.Sqrt(power(x))
	for i := range x {
		x[i] *= k
	}
}

// room is an impulse response of a length: the direct way after delay and noise
// that decays by 60 dB to its end. The echo returns with gain (dB).
func room(rate int, length, delay, gain float64, seed uint64) []float64 {
	rnd := rand.New(rand.NewPCG(seed, 4))
	h := make([]float64, int(length*float64(rate)))
	first := int(delay * float64(rate))
	for i := first; i < len(h); i++ {
		h[i] = rnd.NormFloat64() * math.Pow(10, -3*float64(i-first)/float64(len(h)-first))
	}
	h[first] = 4
	sum := 0.0
	for _, v := range h {
		sum += v * v
	}
	k := math.Pow(10, gain/20) / math.Sqrt(sum)
	for i := range h {
		h[i] *= k
	}
	return h
}

// convolve is what x sounds like through h.
func convolve(t testing.TB, x, h []float64) []float64 {
	t.Helper()
	n := 2
	for n < len(x)+len(h) {
		n *= 2
	}
	plan, err := fft.New(n)
	if err != nil {
		t.Fatal(err)
	}
	a, b := make([]complex64, plan.Bins()), make([]complex64, plan.Bins())
	work := make([]float32, n)
	for i, v := range x {
		work[i] = float32(v)
	}
	plan.Forward(a, work)
	clear(work)
	for i, v := range h {
		work[i] = float32(v)
	}
	plan.Forward(b, work)
	for i := range a {
		a[i] *= b[i]
	}
	plan.Inverse(work, a)
	y := make([]float64, len(x))
	for i := range y {
		y[i] = float64(work[i])
	}
	return y
}

func hiss(n int, db float64, seed uint64) []float64 {
	rnd := rand.New(rand.NewPCG(seed, 8))
	x := make([]float64, n)
	for i := range x {
		x[i] = rnd.NormFloat64()
	}
	level(x, db)
	return x
}

func loop(x []float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = x[i%len(x)]
	}
	return out
}

func TestFilterConverges(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		for _, length := range []float64{0.064, 0.128, 0.256} {
			far := loop(speech(t, "far", rate), 6*rate)
			echo := convolve(t, far, room(rate, length, 0.008, -6, 1))
			noise := hiss(len(far), -70, 2)
			block := rate / 100
			f, err := newFilter(block, 26)
			if err != nil {
				t.Fatal(err)
			}
			x, y, e := make([]float32, block), make([]float32, block), make([]float32, block)
			var before, after [12]float64
			for at := 0; at < len(far); at += block {
				for i := range x {
					x[i] = float32(far[at+i])
				}
				f.predict(y, x)
				for i := range e {
					d := echo[at+i] + noise[at+i]
					e[i] = float32(d) - y[i]
					before[at*2/rate] += d * d
					after[at*2/rate] += float64(e[i]) * float64(e[i])
				}
				f.adapt(e)
			}
			line := []float64{}
			for i := range before {
				line = append(line, math.Round(100*math.Log10(before[i]/after[i]))/10)
			}
			t.Logf("%d Hz, %v s: ERLE of each half second %v", rate, length, line)
			if early, late := slices.Min(line[3:]), slices.Min(line[8:]); early < 10 || late < 18 {
				t.Errorf("%d Hz, %v s: ERLE %v dB from 1.5 s on and %v from 4 s on, want 10 and 18", rate, length, early, late)
			}
		}
	}
}
