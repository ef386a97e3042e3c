package echo

import (
	"errors"
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
					for i := range 11 {
						a, b := i*rate/2, (i+1)*rate/2
						line = append(line, math.Round(db(power(s.echo[a:b]), power(out[a:b]))))
					}
					got := db(power(s.echo[3*rate/2:5*rate]), power(out[3*rate/2:5*rate]))
					t.Logf("ERLE %.1f dB after 1.5 s; each half second %v; %+v", got, line, c.Stats())
					if got < 25 {
						t.Errorf("ERLE %.1f dB, want 25", got)
					}
					if loss := c.Stats().ReturnLoss; math.Abs(loss+gain) > 2 {
						t.Errorf("return loss told as %.1f dB, want %.1f", loss, -gain)
					}
				})
			}
		}
	}
}

func TestDoubleTalk(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		for _, length := range []float64{0.064, 0.256} {
			for begin, gain := range map[int]float64{2: -6, 3: 3} {
				t.Run(fmt.Sprintf("%d Hz %v s from %d s", rate, length, begin), func(t *testing.T) {
					far := loop(speech(t, "far", rate), 9*rate)
					voice := speech(t, "near", rate)
					near := hiss(len(far), -68, 2)
					echo := convolve(t, far, room(rate, length, 0.008, gain, 1))
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
					segments, n := 0.0, 0.0
					for at := from; at+rate/20 <= to; at += rate / 20 {
						if part := voice[at-from : at-from+rate/20]; power(part) > 300*300 {
							segments += project(part, out[at:at+rate/20])
							n++
						}
					}
					// Soft syllables under a loud echo lose more than loud ones.
					if segments/n < -3 {
						t.Errorf("near end at %.1f dB in the mean of 50 ms, want -3 at least", segments/n)
					}
					t.Logf("near end %.1f dB, %.1f in the mean of 50 ms; echo %.1f dB under it before, all else %.1f dB after", kept, segments/n, db(power(near[from:to]), power(echo[from:to])), db(power(near[from:to]), wrong))
					if kept < -3 {
						t.Errorf("near end at %.1f dB, want -3 at least", kept)
					}
				})
			}
		}
	}
}

// Voices change sides and rooms their shape: the figures must not hang on one.
func TestManyRooms(t *testing.T) {
	const rate = 8000
	for seed := uint64(2); seed < 5; seed++ {
		for _, names := range [][2]string{{"far", "near"}, {"near", "far"}} {
			far, voice := loop(speech(t, names[0], rate), 7*rate), speech(t, names[1], rate)
			echo := convolve(t, far, room(rate, 0.064*float64(seed), 0.008*float64(seed), -3, seed))
			near := hiss(len(far), -65, seed)
			out := run(t, canceller(t, Config{}), scene{rate, far, echo, near})
			if got := db(power(echo[3*rate/2:6*rate]), power(out[3*rate/2:6*rate])); got < 25 {
				t.Errorf("%v, room %d: ERLE %.1f dB, want 25", names, seed, got)
			}
			from, to := 5*rate/2, 6*rate
			for i, v := range voice[:to-from] {
				near[from+i] += v
			}
			out = run(t, canceller(t, Config{}), scene{rate, far, echo, near})
			if kept := project(near[from:to], out[from:to]); kept < -3 {
				t.Errorf("%v, room %d: near end at %.1f dB, want -3 at least", names, seed, kept)
			}
		}
	}
}

// shifted returns x later by d.
func shifted(x []float64, rate int, d float64) []float64 {
	return append(make([]float64, int(d*float64(rate))), x...)[:len(x)]
}

// While the far end is silent, the near end passes as it is.
func TestNearEndAlone(t *testing.T) {
	const rate = 8000
	voice := loop(speech(t, "near", rate), 6*rate)
	quiet := make([]float64, len(voice))
	out := run(t, canceller(t, Config{}), scene{rate, quiet, quiet, voice})
	wrong := 0.0
	for i := range out[:5*rate] {
		wrong += (out[i] - voice[i]) * (out[i] - voice[i])
	}
	if got := db(power(voice), wrong/(5*rate)); got < 35 {
		t.Errorf("speech %.1f dB over what was done to it, want 35", got)
	}
}

// The far end falls silent after a while of both talking: nothing of the near
// end may be lost from then on.
func TestNearEndAfterwards(t *testing.T) {
	const rate = 16000
	far := loop(speech(t, "far", rate), 9*rate)
	clear(far[4*rate:])
	near := hiss(len(far), -68, 2)
	for i, v := range speech(t, "near", rate)[:4*rate] {
		near[4*rate+rate/2+i] += v
	}
	echo := convolve(t, far, room(rate, 0.128, 0.008, 0, 1))
	out := run(t, canceller(t, Config{Rate: rate}), scene{rate, far, echo, near})
	from, to := 4*rate+rate/2, 8*rate+rate/2
	if kept := project(near[from:to], out[from:to]); math.Abs(kept) > 0.5 {
		t.Errorf("near end at %.1f dB", kept)
	}
}

// An echo that begins later than the filter is long must be found.
func TestLongDelayIsFound(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		for _, delay := range []float64{0.15, 0.45} {
			far := loop(speech(t, "far", rate), 10*rate)
			echo := shifted(convolve(t, far, room(rate, 0.1, 0.002, -6, 1)), rate, delay)
			c := canceller(t, Config{Rate: rate, Tail: 128 * time.Millisecond})
			out := run(t, c, scene{rate, far, echo, hiss(len(far), -68, 2)})
			if got := db(power(echo[7*rate:9*rate]), power(out[7*rate:9*rate])); got < 25 {
				t.Errorf("%d Hz, %v s: ERLE %.1f dB after 7 s, want 25", rate, delay, got)
			}
			if d := c.Stats().Delay.Seconds(); d > delay || d < delay-0.03 {
				t.Errorf("%d Hz: delay of %v s taken out, the echo begins at %v s", rate, d, delay)
			}
		}
	}
}

func TestSetDelay(t *testing.T) {
	const rate = 8000
	far := loop(speech(t, "far", rate), 5*rate)
	echo := shifted(convolve(t, far, room(rate, 0.1, 0.002, -6, 1)), rate, 0.3)
	c := canceller(t, Config{Fixed: true, Tail: 128 * time.Millisecond})
	c.SetDelay(290 * time.Millisecond)
	out := run(t, c, scene{rate, far, echo, hiss(len(far), -68, 2)})
	if got := db(power(echo[2*rate:]), power(out[2*rate:])); got < 25 {
		t.Errorf("ERLE %.1f dB, want 25", got)
	}
	c.SetDelay(time.Hour)
	c.SetDelay(-time.Hour)
	if c.Stats().Delay != 0 {
		t.Errorf("delay %v", c.Stats().Delay)
	}
}

// Someone moves the speakerphone: the echo must not come through for long.
func TestRoomChanges(t *testing.T) {
	const rate = 16000
	far := loop(speech(t, "far", rate), 12*rate)
	one, other := convolve(t, far, room(rate, 0.128, 0.008, -6, 1)), convolve(t, far, room(rate, 0.128, 0.011, -3, 9))
	echo := append(append([]float64{}, one[:5*rate]...), other[5*rate:]...)
	out := run(t, canceller(t, Config{Rate: rate}), scene{rate, far, echo, hiss(len(far), -68, 2)})
	line := []float64{}
	for i := range 11 {
		line = append(line, math.Round(db(power(echo[i*rate:(i+1)*rate]), power(out[i*rate:(i+1)*rate]))))
	}
	t.Logf("ERLE each second %v, another room from 5 s on", line)
	if got := db(power(echo[7*rate:11*rate]), power(out[7*rate:11*rate])); got < 25 {
		t.Errorf("ERLE %.1f dB two seconds after the change, want 25", got)
	}
}

// What the room sounds like is not heard to come and go with the far end.
func TestRoomNoiseStays(t *testing.T) {
	const rate = 8000
	far := loop(speech(t, "far", rate), 9*rate)
	clear(far[6*rate:])
	room1 := hiss(len(far), -50, 2)
	echo := convolve(t, far, room(rate, 0.064, 0.008, 0, 1))
	for _, noise := range []float64{0, 15} {
		out := run(t, canceller(t, Config{Noise: noise}), scene{rate, far, echo, room1})
		during, after := power(out[4*rate:6*rate]), power(out[7*rate:9*rate-80])
		t.Logf("suppression %v dB: %.1f dB during speech of the far end, %.1f after", noise, db(during, 32768*32768), db(after, 32768*32768))
		if d := db(during, after); math.Abs(d) > 3 {
			t.Errorf("suppression %v dB: %.1f dB more while the far end talks", noise, d)
		}
		if d := db(power(room1), after); math.Abs(d-noise) > 3.5 {
			t.Errorf("suppression %v dB: %.1f dB less noise", noise, d)
		}
	}
}

func TestConfig(t *testing.T) {
	for _, cfg := range []Config{
		{Rate: 1000}, {Rate: 22050}, {Rate: 96000}, {Tail: time.Millisecond}, {Tail: time.Second}, {Tail: -1},
		{Noise: -1}, {Noise: 41}, {Noise: math.NaN()},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v: no error", cfg)
		}
	}
	for _, rate := range []int{8000, 12000, 16000, 24000, 32000, 48000} {
		c := canceller(t, Config{Rate: rate})
		if err := c.Process(make([]int16, rate/50), make([]int16, rate/50)); err != nil {
			t.Errorf("%d Hz: %v", rate, err)
		}
		for _, n := range []int{1, rate/100 - 1, rate/50 + 1} {
			if err := c.Process(make([]int16, n), make([]int16, n)); !errors.Is(err, ErrFrame) {
				t.Errorf("%d Hz, %d samples: %v, want ErrFrame", rate, n, err)
			}
		}
		if err := c.Process(make([]int16, rate/50), make([]int16, rate/100)); !errors.Is(err, ErrFrame) {
			t.Errorf("%d Hz, frames of two lengths: %v, want ErrFrame", rate, err)
		}
	}
}

// Whatever comes in, the output stays bounded and the canceller comes to itself.
func TestExtremes(t *testing.T) {
	const rate = 8000
	c := canceller(t, Config{})
	square := func(n, period int) []int16 {
		x := make([]int16, n)
		for i := range x {
			x[i] = 32767
			if i/period%2 == 1 {
				x[i] = -32768
			}
		}
		return x
	}
	for _, p := range [][2]int{{4, 9}, {1, 1}, {40, 3}, {8000, 8000}} {
		if err := c.Process(square(2*rate, p[0]), square(2*rate, p[1])); err != nil {
			t.Fatal(err)
		}
	}
	far := loop(speech(t, "far", rate), 8*rate)
	echo := convolve(t, far, room(rate, 0.064, 0.008, -6, 1))
	out := run(t, c, scene{rate, far, echo, hiss(len(far), -68, 2)})
	if got := db(power(echo[5*rate:7*rate]), power(out[5*rate:7*rate])); got < 25 {
		t.Errorf("ERLE %.1f dB five seconds after it, want 25", got)
	}
}

func TestNoAllocation(t *testing.T) {
	const rate = 8000
	c := canceller(t, Config{})
	far := pcm(speech(t, "far", rate))
	mic, i := make([]int16, 160), 0
	n := testing.AllocsPerRun(300, func() {
		copy(mic, far[i:])
		if err := c.Process(mic, far[i:i+160]); err != nil {
			t.Fatal(err)
		}
		i = (i + 160) % (4 * rate)
	})
	if n != 0 {
		t.Errorf("%v allocations a frame", n)
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
