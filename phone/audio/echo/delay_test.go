package echo

import (
	"errors"
	"math"
	"testing"
	"time"
)

// listen gives an Estimator mic and far in frames of 20 ms and returns the
// delays it was sure of.
func listen(t *testing.T, rate int, mic, far []float64) (sure []time.Duration) {
	t.Helper()
	e, err := NewEstimator(rate)
	if err != nil {
		t.Fatal(err)
	}
	m, f := pcm(mic), pcm(far)
	for at := 0; at+rate/50 <= len(m); at += rate / 50 {
		if e.Write(m[at:at+rate/50], f[at:at+rate/50]) {
			if d, ok := e.Delay(); ok {
				sure = append(sure, d)
			}
		}
	}
	return sure
}

func TestEstimatorFindsTheDelay(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		for _, delay := range []float64{0.001, 0.02, 0.1, 0.25, 0.48} {
			far := loop(speech(t, "far", rate), 5*rate)
			mic := shifted(convolve(t, far, room(rate, 0.1, 0, -10, 3)), rate, delay)
			for i, v := range hiss(len(mic), -55, 2) {
				mic[i] += v
			}
			sure := listen(t, rate, mic, far)
			if len(sure) < 5 {
				t.Errorf("%d Hz, %v s: sure only %d times", rate, delay, len(sure))
			}
			for _, got := range sure {
				if d := math.Abs(got.Seconds() - delay); d > 0.002 {
					t.Errorf("%d Hz: sure of %v, want %v s", rate, got, delay)
				}
			}
		}
	}
}

// Where there is no echo it must not claim one: the canceller would forget the
// room for it.
func TestEstimatorDoubts(t *testing.T) {
	const rate = 8000
	far := loop(speech(t, "far", rate), 8*rate)
	tone := make([]float64, len(far))
	for i := range tone {
		tone[i] = 4000 * math.Sin(2*math.Pi*425*float64(i)/rate)
	}
	for name, c := range map[string][2][]float64{
		"another voice": {loop(speech(t, "near", rate), 8*rate), far},
		"noise":         {hiss(len(far), -30, 3), far},
		"far silent":    {far, make([]float64, len(far))},
		"mic silent":    {make([]float64, len(far)), far},
	} {
		if sure := listen(t, rate, c[0], c[1]); len(sure) > 1 {
			t.Errorf("%s: sure of %v", name, sure)
		}
	}
	for _, got := range listen(t, rate, shifted(tone, rate, 0.1), tone) { // where it begins, all is clear
		if d := math.Abs(got.Seconds() - 0.1); d > 0.002 {
			t.Errorf("a tone: sure of %v, want 100ms or nothing", got)
		}
	}
}

func TestEstimatorRates(t *testing.T) {
	for _, rate := range []int{0, 4000, 11025, 44100, 96000} {
		if _, err := NewEstimator(rate); !errors.Is(err, ErrRate) {
			t.Errorf("%d Hz: %v, want ErrRate", rate, err)
		}
	}
}
