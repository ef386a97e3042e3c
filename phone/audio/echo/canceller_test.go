package echo

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// scene is a call: what the loudspeaker plays, and of what the microphone's
// signal is made.
type scene struct {
	rate            int
	far, echo, near []float64
}

func (s scene) mic() []int16 {
	out := make([]int16, len(s.far))
	for i := range out {
		out[i] = round16(float32(s.echo[i] + s.near[i]))
	}
	return out
}

func pcm(x []float64) []int16 {
	out := make([]int16, len(x))
	for i, v := range x {
		out[i] = round16(float32(v))
	}
	return out
}

func run(t testing.TB, c *Canceller, s scene) []float64 {
	t.Helper()
	mic, far := s.mic(), pcm(s.far)
	for at := 0; at+s.rate/50 <= len(mic); at += s.rate / 50 {
		if err := c.Process(mic[at:at+s.rate/50], far[at:at+s.rate/50]); err != nil {
			t.Fatal(err)
		}
	}
	out := make([]float64, len(mic))
	for i, v := range mic[s.rate/100:] { // 10 ms late
		out[i] = float64(v)
	}
	return out
}

func canceller(t testing.TB, cfg Config) *Canceller {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func db(a, b float64) float64 { return 10 * math.Log10((a+1e-3)/(b+1e-3)) }

// project returns the amplitude of want in got, in dB.
func project(want, got []float64) float64 {
	var a, b float64
	for i, v := range want {
		a += v * got[i]
		b += v * v
	}
	return 20 * math.Log10(max(a/b, 1e-3))
}

func TestEchoIsTakenOut(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		for _, length := range []float64{0.064, 0.128, 0.256} {
			for _, gain := range []float64{-12, 0} {
				t.Run(fmt.Sprintf("%d Hz %v s %v dB", rate, length, gain), func(t *testing.T) {
					far := loop(speech(t, "far", rate), 6*rate)
					s := scene{rate: rate, far: far, echo: convolve(t, far, room(rate, length, 0.008, gain, 1)), near: hiss(len(far), -68, 2)}
					c := canceller(t, Config{Rate: rate})
					out := run(t, c, s)
					line := []float64{}
					for i := 0; i < 11; i++ {
						a, b := i*rate/2, (i+1)*rate/2
						line = append(line, math.Round(db(power(s.echo[a:b]), power(out[a:b]))))
					}
					got := db(power(s.echo[3*rate/2:5*rate]), power(out[3*rate/2:5*rate]))
					t.Logf("ERLE %.1f dB after 1.5 s; each half second %v; %+v", got, line, c.Stats())
					if got < 25 {
						t.Errorf("ERLE %.1f dB, want 25", got)
					}
				})
			}
		}
	}
}

func TestDoubleTalk(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		for _, length := range []float64{0.064, 0.256} {
			for _, begin := range []int{2, 4} {
				t.Run(fmt.Sprintf("%d Hz %v s from %d s", rate, length, begin), func(t *testing.T) {
					far := loop(speech(t, "far", rate), 9*rate)
					voice := speech(t, "near", rate)
					near := hiss(len(far), -68, 2)
					echo := convolve(t, far, room(rate, length, 0.008, -6, 1))
					from := begin * rate
					for i := from; i < len(near) && i-from < len(voice); i++ {
						near[i] += voice[i-from]
					}
					s := scene{rate: rate, far: far, echo: echo, near: near}
					c := canceller(t, Config{Rate: rate})
					out := run(t, c, s)
					to := min(from+len(voice), len(near)) - rate/50
					kept := project(near[from:to], out[from:to])
					var wrong float64
					for i := from; i < to; i++ {
						wrong += (out[i] - near[i]) * (out[i] - near[i])
					}
					wrong /= float64(to - from)
					t.Logf("near end %.1f dB; echo %.1f dB under it before, all else %.1f dB after", kept, db(power(near[from:to]), power(echo[from:to])), db(power(near[from:to]), wrong))
					if kept < -3 {
						t.Errorf("near end at %.1f dB, want -3 at least", kept)
					}
				})
			}
		}
	}
}

func BenchmarkProcess(b *testing.B) {
	for _, rate := range []int{8000, 16000} {
		b.Run(fmt.Sprint(rate), func(b *testing.B) {
			c := canceller(b, Config{Rate: rate})
			far := pcm(speech(b, "far", rate))
			mic := make([]int16, rate/50)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				at := i * rate / 50 % (5 * rate)
				copy(mic, far[at:])
				if err := c.Process(mic, far[at:at+rate/50]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

var _ = time.Second
