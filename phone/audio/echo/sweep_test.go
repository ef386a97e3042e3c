package echo

import (
	"errors"
	"math"
	"testing"
	"time"
)

func TestMeasure(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		for _, c := range []struct{ delay, gain, noise float64 }{
			{0.002, 0, -80}, {0.060, -10, -70}, {0.250, 6, -60}, {0.400, -20, -65},
		} {
			sweep, err := Sweep(rate)
			if err != nil {
				t.Fatal(err)
			}
			played := make([]float64, int(Recording().Seconds()*float64(rate)))
			for i, v := range sweep {
				played[i] = float64(v)
			}
			h := room(rate, c.delay+0.1, c.delay, c.gain, 5)
			heard := convolve(t, played, h)
			for i, v := range hiss(len(heard), c.noise, 6) {
				heard[i] += v
			}
			got, err := Measure(rate, pcm(heard))
			if err != nil {
				t.Errorf("%d Hz %+v: %v", rate, c, err)
				continue
			}
			want := time.Duration(c.delay * float64(time.Second))
			if d := got.Delay - want; d < -time.Millisecond || d > time.Millisecond {
				t.Errorf("%d Hz %+v: delay %v", rate, c, got.Delay)
			}
			if math.Abs(got.ReturnLoss+c.gain) > 1.5 {
				t.Errorf("%d Hz %+v: return loss %.1f dB, want %.0f", rate, c, got.ReturnLoss, -c.gain)
			}
		}
	}
}

func TestNotHeard(t *testing.T) {
	for name, recording := range map[string][]int16{
		"nothing": nil, "silence": make([]int16, 14400), "noise": pcm(hiss(14400, -40, 1)),
		"speech": pcm(loop(speech(t, "near", 8000), 14400)), "short": make([]int16, 100),
	} {
		if r, err := Measure(8000, recording); !errors.Is(err, ErrNotHeard) {
			t.Errorf("%s: %+v, error %v, want ErrNotHeard", name, r, err)
		}
	}
	for _, rate := range []int{0, 7999, 96000} {
		if _, err := Sweep(rate); !errors.Is(err, ErrRate) {
			t.Errorf("sweep at %d Hz: %v", rate, err)
		}
		if _, err := Measure(rate, nil); !errors.Is(err, ErrRate) {
			t.Errorf("measure at %d Hz: %v", rate, err)
		}
	}
}
