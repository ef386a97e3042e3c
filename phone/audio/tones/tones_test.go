package tones

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"
)

// power returns the level of hz in pcm in dBFS of a sine (Goertzel).
func power(pcm []int16, rate int, hz float64) float64 {
	coefficient := 2 * math.Cos(2*math.Pi*hz/float64(rate))
	var s1, s2 float64
	for _, v := range pcm {
		s1, s2 = float64(v)+coefficient*s1-s2, s1
	}
	p := (s1*s1 + s2*s2 - coefficient*s1*s2) * 4 / float64(len(pcm)) / float64(len(pcm))
	return 10 * math.Log10(p/(32767*32767)+1e-12)
}

func play(t *testing.T, tone Tone, rate int, length time.Duration) []int16 {
	t.Helper()
	g, err := New(tone, rate)
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]int16, int(length.Seconds()*float64(rate)))
	n := 0
	for n < len(pcm) {
		m := g.Read(pcm[n:min(n+rate/50, len(pcm))])
		if m == 0 {
			break
		}
		n += m
	}
	return pcm[:n]
}

// cadence returns the lengths of sound and silence in turn, in ms, and the place
// of each sound.
func cadence(pcm []int16, rate int) (lengths []int, sounds [][]int16) {
	step := rate / 200
	loud := func(i int) bool {
		return slices.ContainsFunc(pcm[i:i+step], func(v int16) bool { return v > 300 || v < -300 })
	}
	start, was := 0, loud(0)
	for i := step; i+step <= len(pcm); i += step {
		if is := loud(i); is != was {
			lengths = append(lengths, (i-start)*1000/rate)
			if was {
				sounds = append(sounds, pcm[start:i])
			}
			start, was = i, is
		}
	}
	if was {
		sounds = append(sounds, pcm[start:])
	}
	return lengths, sounds
}

func TestProgressTones(t *testing.T) {
	for _, c := range []struct {
		country string
		signal  Signal
		ms      []int
		hz      []float64
	}{
		{"", Dial, nil, []float64{425}},
		{"itu", Ringback, []int{1000, 4000, 1000}, []float64{425}},
		{"itu", Busy, []int{500, 500, 500}, []float64{425}},
		{"itu", Congestion, []int{250, 250, 250}, []float64{425}},
		{"US", Dial, nil, []float64{350, 440}},
		{"us", Ringback, []int{2000, 4000, 2000}, []float64{440, 480}},
		{"us", Busy, []int{500, 500, 500}, []float64{480, 620}},
		{"us", Congestion, []int{250, 250, 250}, []float64{480, 620}},
		{"uk", Dial, nil, []float64{350, 440}},
		{"gb", Ringback, []int{400, 200, 400, 2000, 400}, []float64{400, 450}},
		{"gb", Busy, []int{375, 375, 375}, []float64{400}},
		{"gb", Congestion, []int{400, 350, 225, 525, 400}, []float64{400}},
		{"de", Dial, nil, []float64{425}},
		{"de", Ringback, []int{1000, 4000, 1000}, []float64{425}},
		{"de", Busy, []int{480, 480, 480}, []float64{425}},
		{"de", Congestion, []int{240, 240, 240}, []float64{425}},
		{"fr", Dial, nil, []float64{440}},
		{"fr", Ringback, []int{1500, 3500, 1500}, []float64{440}},
		{"fr", Busy, []int{500, 500, 500}, []float64{440}},
		{"fr", Congestion, []int{250, 250, 250}, []float64{440}},
		{"it", Dial, []int{200, 200, 600, 1000, 200}, []float64{425}},
		{"it", Ringback, []int{1000, 4000, 1000}, []float64{425}},
		{"it", Busy, []int{500, 500, 500}, []float64{425}},
		{"it", Congestion, []int{200, 200, 200}, []float64{425}},
	} {
		for _, rate := range []int{8000, 16000, 48000} {
			tone, err := Progress(c.country, c.signal)
			if err != nil {
				t.Fatal(err)
			}
			lengths, sounds := cadence(play(t, tone, rate, 9*time.Second), rate)
			for i, want := range c.ms {
				// Half of an edge is too soft to be seen.
				if i >= len(lengths) || lengths[i] < want-10 || lengths[i] > want+10 {
					t.Errorf("%q %v at %d Hz: cadence %v, want %v", c.country, c.signal, rate, lengths, c.ms)
					break
				}
			}
			if len(c.ms) == 0 && len(lengths) != 0 {
				t.Errorf("%q %v: cadence %v, want none", c.country, c.signal, lengths)
			}
			middle := sounds[0][len(sounds[0])/10 : len(sounds[0])*9/10]
			for _, hz := range []float64{350, 400, 425, 440, 450, 480, 620} {
				got := power(middle, rate, hz)
				if slices.Contains(c.hz, hz) {
					if math.Abs(got-level) > 1 {
						t.Errorf("%q %v: %v Hz at %.1f dBFS, want %d", c.country, c.signal, hz, got, level)
					}
				} else if len(c.hz) == 1 && math.Abs(hz-c.hz[0]) > 20 && got > -35 {
					t.Errorf("%q %v: %v Hz at %.1f dBFS where none should be", c.country, c.signal, hz, got)
				}
			}
		}
	}
}

func TestEveryCountryHasEverySignal(t *testing.T) {
	for _, country := range Countries() {
		for s := Dial; s <= Congestion; s++ {
			tone, err := Progress(country, s)
			if err != nil {
				t.Errorf("%s %v: %v", country, s, err)
			}
			if _, err := New(tone, 8000); err != nil {
				t.Errorf("%s %v: %v", country, s, err)
			}
		}
	}
}

func TestUnknown(t *testing.T) {
	if _, err := Progress("zz", Busy); !errors.Is(err, ErrUnknown) {
		t.Errorf("country zz: %v", err)
	}
	for _, s := range []Signal{-1, 4} {
		if _, err := Progress("itu", s); !errors.Is(err, ErrUnknown) {
			t.Errorf("signal %d: %v", s, err)
		}
	}
	for _, key := range []rune{'E', ' ', 0, -1, 'é', 'ı', '１', 'A' + 256} {
		if _, err := Key(key, time.Second); !errors.Is(err, ErrUnknown) {
			t.Errorf("key %q: %v", key, err)
		}
	}
}

func TestRefused(t *testing.T) {
	fine := Tone{Segments: []Segment{on(100, 440)}}
	for name, c := range map[string]struct {
		tone Tone
		rate int
	}{
		"rate 0":         {fine, 0},
		"rate huge":      {fine, 1 << 30},
		"no segments":    {Tone{}, 8000},
		"above Nyquist":  {Tone{Segments: []Segment{on(100, 4000)}}, 8000},
		"not a number":   {Tone{Segments: []Segment{on(100, math.NaN())}}, 8000},
		"negative":       {Tone{Segments: []Segment{on(-1, 440)}}, 8000},
		"less than none": {Tone{Segments: []Segment{{Length: 1}}}, 8000},
	} {
		if _, err := New(c.tone, c.rate); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestKeys(t *testing.T) {
	low := []float64{697, 770, 852, 941}
	high := []float64{1209, 1336, 1477, 1633}
	for row, keys := range []string{"123A", "456B", "789C", "*0#D"} {
		for column, key := range keys {
			tone, err := Key(key, 200*time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			pcm := play(t, tone, 8000, time.Second)
			if len(pcm) != 1600 {
				t.Fatalf("key %c lasts %d samples, want 1600", key, len(pcm))
			}
			for i := range 4 {
				for _, c := range []struct {
					hz   float64
					here bool
				}{{low[i], i == row}, {high[i], i == column}} {
					if got := power(pcm, 8000, c.hz); (got > -14) != c.here || !c.here && got > -35 {
						t.Errorf("key %c: %v Hz at %.1f dBFS", key, c.hz, got)
					}
				}
			}
		}
	}
}

// A step between samples that no frequency of the tone can explain is a click.
func TestNoClicks(t *testing.T) {
	tone, err := Progress("gb", Congestion)
	if err != nil {
		t.Fatal(err)
	}
	pcm := play(t, tone, 8000, 3*time.Second)
	steepest := amplitude(level) * 2 * math.Pi * 400 / 8000 * 1.3
	for i := 1; i < len(pcm); i++ {
		if d := math.Abs(float64(pcm[i]) - float64(pcm[i-1])); d > steepest {
			t.Fatalf("a step of %.0f at %d, at most %.0f in the tone", d, i, steepest)
		}
	}
}

func TestRing(t *testing.T) {
	pcm := play(t, Ring(), 16000, 8*time.Second)
	if len(pcm) != 8*16000 {
		t.Fatalf("the ring ends after %d samples", len(pcm))
	}
	var first, second float64
	for i := range 2 * 16000 {
		first += math.Abs(float64(pcm[i]))
		second += math.Abs(float64(pcm[2*16000+i]))
	}
	if first < 100*second {
		t.Errorf("two seconds of ring and two of pause: %.0f and %.0f", first, second)
	}
	if slices.Max(pcm) < 8000 || slices.Max(pcm) > 32000 {
		t.Errorf("peak %d", slices.Max(pcm))
	}
}

func TestLevelHoldsForHours(t *testing.T) {
	g, err := New(Tone{Segments: []Segment{on(0, 440)}, Level: -12}, 8000)
	if err != nil {
		t.Fatal(err)
	}
	frame := make([]int16, 8000)
	for range 1200 {
		g.Read(frame)
	}
	if got := power(frame, 8000, 440); math.Abs(got+12) > 0.01 {
		t.Errorf("after 20 minutes %.3f dBFS, want -12", got)
	}
}

func TestOnceEndsAndResets(t *testing.T) {
	tone, err := Key('5', 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	g, err := New(tone, 8000)
	if err != nil {
		t.Fatal(err)
	}
	frame := make([]int16, 320)
	for _, want := range []int{320, 80, 0, 0} {
		if n := g.Read(frame); n != want {
			t.Errorf("read %d samples, want %d", n, want)
		}
	}
	g.Reset()
	if n := g.Read(frame); n != 320 {
		t.Errorf("after Reset read %d samples", n)
	}
}

func TestNoAllocation(t *testing.T) {
	g, err := New(Ring(), 48000)
	if err != nil {
		t.Fatal(err)
	}
	frame := make([]int16, 960)
	if n := testing.AllocsPerRun(500, func() { g.Read(frame) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func BenchmarkRead(b *testing.B) {
	tone, err := Progress("us", Dial)
	if err != nil {
		b.Fatal(err)
	}
	g, err := New(tone, 8000)
	if err != nil {
		b.Fatal(err)
	}
	frame := make([]int16, 160)
	b.ReportAllocs()
	for b.Loop() {
		g.Read(frame)
	}
}
