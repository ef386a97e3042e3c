package resample

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
)

func sine(n, rate int, hz, amplitude float64) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(math.Round(amplitude * math.Sin(2*math.Pi*hz*float64(i)/float64(rate))))
	}
	return pcm
}

// fit returns the amplitude of the sine of hz in pcm and what is left beside it,
// in dB below full scale both.
func fit(pcm []int16, rate int, hz float64) (level, rest float64) {
	var c, s, total float64
	n := len(pcm)
	period := float64(rate) / hz
	n = int(math.Floor(math.Floor(float64(n)/period) * period)) // whole periods
	for i, v := range pcm[:n] {
		a := 2 * math.Pi * hz * float64(i) / float64(rate)
		c += float64(v) * math.Cos(a)
		s += float64(v) * math.Sin(a)
	}
	c, s = 2*c/float64(n), 2*s/float64(n)
	for i, v := range pcm[:n] {
		a := 2 * math.Pi * hz * float64(i) / float64(rate)
		e := float64(v) - c*math.Cos(a) - s*math.Sin(a)
		total += e * e
	}
	db := func(power float64) float64 { return 10 * math.Log10((power+1e-9)/(32768*32768)) }
	return db(c*c + s*s), db(2 * total / float64(n))
}

func convert(t testing.TB, from, to int, pcm []int16, frame int) []int16 {
	t.Helper()
	r, err := New(from, to)
	if err != nil {
		t.Fatal(err)
	}
	var out []int16
	buf := make([]int16, r.Len(frame))
	for len(pcm) > 0 {
		m := min(frame, len(pcm))
		out = append(out, buf[:r.Process(buf, pcm[:m])]...)
		pcm = pcm[m:]
	}
	return out
}

func rates() [][2]int {
	pairs := [][2]int{}
	for _, from := range []int{8000, 16000, 22050, 24000, 44100, 48000} {
		for _, to := range []int{8000, 16000, 24000, 48000} {
			if from != to {
				pairs = append(pairs, [2]int{from, to})
			}
		}
	}
	return append(pairs, [2]int{16000, 44100}, [2]int{48000, 44100})
}

// A tone in the pass band keeps its level and nothing else appears.
func TestToneStaysPure(t *testing.T) {
	for _, p := range rates() {
		from, to := p[0], p[1]
		for _, hz := range []float64{300, 1000, 0.4 * float64(min(from, to))} {
			out := convert(t, from, to, sine(from, from, hz, 16000), from/50)
			level, rest := fit(out[to/10:], to, hz)
			want := 20 * math.Log10(16000.0/32768)
			if math.Abs(level-want) > 0.1 {
				t.Errorf("%d -> %d, %.0f Hz: level %.2f dB, want %.2f", from, to, hz, level, want)
			}
			if snr := level - rest; snr < 72 {
				t.Errorf("%d -> %d, %.0f Hz: %.1f dB of tone over all else, want 72", from, to, hz, snr)
			}
		}
	}
}

// What the lower rate cannot carry must not come back as an alias.
func TestAliasesAreRemoved(t *testing.T) {
	for _, p := range rates() {
		from, to := p[0], p[1]
		if to >= from {
			continue
		}
		for _, share := range []float64{0.56, 0.62, 0.75} {
			hz := share * float64(to)
			if hz > 0.49*float64(from) {
				continue
			}
			out := convert(t, from, to, sine(from, from, hz, 16000), from/50)
			if _, rest := fit(out[to/10:], to, 1000); rest > -70 {
				t.Errorf("%d -> %d: %.0f Hz leaves %.1f dBFS", from, to, hz, rest)
			}
		}
	}
}

func TestTelephoneBandIsFlat(t *testing.T) {
	for _, hz := range []float64{50, 300, 2000, 3000, 3400} {
		for _, p := range [][2]int{{8000, 48000}, {48000, 8000}, {16000, 8000}, {8000, 16000}} {
			out := convert(t, p[0], p[1], sine(p[0], p[0], hz, 16000), p[0]/50)
			level, _ := fit(out[p[1]/10:], p[1], hz)
			if got := level - 20*math.Log10(16000.0/32768); math.Abs(got) > 1 {
				t.Errorf("%d -> %d: %.0f Hz passes with %.2f dB", p[0], p[1], hz, got)
			}
		}
	}
}

// The size of the frames must not matter, nor may a sample be lost between them.
func TestStreaming(t *testing.T) {
	for _, p := range rates() {
		from, to := p[0], p[1]
		in := sine(from/2, from, 440, 10000)
		whole := convert(t, from, to, in, len(in))
		if want := len(in) * to / from; whole == nil || abs(len(whole)-want) > 1 {
			t.Errorf("%d -> %d: %d samples for %d, want %d", from, to, len(whole), len(in), want)
		}
		for _, frame := range []int{1, 7, from / 100, from / 50, 3000} {
			if !slices.Equal(convert(t, from, to, in, frame), whole) {
				t.Errorf("%d -> %d: frames of %d give other samples", from, to, frame)
			}
		}
		r, _ := New(from, to)
		r.Process(make([]int16, r.Len(len(in))), in)
		r.Reset()
		again := make([]int16, r.Len(len(in)))
		if !slices.Equal(again[:r.Process(again, in)], whole) {
			t.Errorf("%d -> %d: after Reset the past is still heard", from, to)
		}
	}
}

// 20 ms in must be 20 ms out, frame by frame, for the rates of codecs and cards.
func TestFramesStayWhole(t *testing.T) {
	for _, from := range []int{8000, 16000, 24000, 48000} {
		for _, to := range []int{8000, 16000, 24000, 48000} {
			r, err := New(from, to)
			if err != nil {
				t.Fatal(err)
			}
			in, out := make([]int16, from/50), make([]int16, r.Len(from/50))
			for range 10 {
				if n := r.Process(out, in); n != to/50 {
					t.Fatalf("%d -> %d: %d samples for 20 ms, want %d", from, to, n, to/50)
				}
			}
		}
	}
}

func TestSaturation(t *testing.T) {
	in := make([]int16, 8000)
	for i := range in {
		in[i] = 32767
		if i/50%2 == 0 {
			in[i] = -32768
		}
	}
	out := convert(t, 8000, 48000, in, 160)
	for i := 1; i < len(out); i++ {
		if d := int(out[i]) - int(out[i-1]); abs(d) > 40000 {
			t.Fatalf("sample %d wraps: %d after %d", i, out[i], out[i-1])
		}
	}
}

func TestShortDestination(t *testing.T) {
	r, err := New(8000, 16000)
	if err != nil {
		t.Fatal(err)
	}
	if n := r.Process(make([]int16, 10), make([]int16, 160)); n != 10 {
		t.Errorf("wrote %d samples into 10", n)
	}
	if n := r.Process(nil, make([]int16, 160)); n != 0 {
		t.Errorf("wrote %d samples into none", n)
	}
}

func TestRefusedRates(t *testing.T) {
	for _, p := range [][2]int{{0, 8000}, {8000, 0}, {-8000, 8000}, {8000, 1 << 30}, {44101, 48000}, {3999, 8000}} {
		if _, err := New(p[0], p[1]); !errors.Is(err, ErrRate) {
			t.Errorf("%d -> %d: error %v, want ErrRate", p[0], p[1], err)
		}
	}
}

func TestDrift(t *testing.T) {
	const rate, seconds = 16000, 20
	for _, ppm := range []float64{0, 50, -200, 1000, -5000} {
		d := NewDrift()
		d.Set(ppm)
		in := sine(rate*seconds, rate, 1000, 16000)
		var out []int16
		buf := make([]int16, d.Len(320))
		for len(in) > 0 {
			n := d.Process(buf, in[:320])
			out = append(out, buf[:n]...)
			in = in[320:]
		}
		used := min(max(ppm, -MaxDrift), MaxDrift)
		want := rate * seconds * (1 + used*1e-6)
		if math.Abs(float64(len(out))-want) > 2 {
			t.Errorf("%.0f ppm: %d samples, want %.0f", ppm, len(out), want)
		}
		level, rest := fit(out[rate:2*rate], rate, 1000/(1+used*1e-6))
		if level-rest < 68 {
			t.Errorf("%.0f ppm: %.1f dB of tone over all else, want 68", ppm, level-rest)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	r, err := New(16000, 48000)
	if err != nil {
		t.Fatal(err)
	}
	d := NewDrift()
	in, out := make([]int16, 320), make([]int16, 1000)
	if n := testing.AllocsPerRun(100, func() { r.Process(out, in); d.Process(out, in) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func abs(v int) int { return max(v, -v) }

func BenchmarkResample(b *testing.B) {
	for _, p := range [][2]int{{8000, 16000}, {16000, 8000}, {8000, 48000}, {48000, 8000}, {16000, 48000}, {48000, 16000}, {44100, 16000}} {
		b.Run(fmt.Sprintf("%d-%d", p[0], p[1]), func(b *testing.B) {
			r, err := New(p[0], p[1])
			if err != nil {
				b.Fatal(err)
			}
			in := sine(p[0]/50, p[0], 440, 10000)
			out := make([]int16, r.Len(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				r.Process(out, in)
			}
		})
	}
}

func BenchmarkDrift(b *testing.B) {
	d := NewDrift()
	d.Set(120)
	in := sine(320, 16000, 440, 10000)
	out := make([]int16, d.Len(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		d.Process(out, in)
	}
}
