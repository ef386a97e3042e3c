package noise

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

func speech(t testing.TB) []int16 {
	t.Helper()
	raw, err := os.ReadFile("../conceal/testdata/speech8k.s16")
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]int16, len(raw)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(raw[2*i:]))
	}
	return pcm[:len(pcm)/160*160]
}

// coloured is noise of an rms through 1/(1 - a z^-1).
func coloured(n int, rms, a float64) []int16 {
	rnd := rand.New(rand.NewPCG(3, 9))
	out, y := make([]int16, n), 0.0
	for i := range out {
		y = a*y + rnd.NormFloat64()*math.Sqrt(1-a*a)
		out[i] = round16(y * rms)
	}
	return out
}

func level(pcm []int16) float64 {
	sum := 0.0
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	return decibels(sum / float64(len(pcm)))
}

// tilt is the correlation of neighbouring samples: 0 for white noise, towards 1
// for a dull one, towards -1 for a bright one.
func tilt(pcm []int16) float64 {
	var r0, r1 float64
	for i := 1; i < len(pcm); i++ {
		r0 += float64(pcm[i]) * float64(pcm[i])
		r1 += float64(pcm[i]) * float64(pcm[i-1])
	}
	return r1 / r0
}

// What the analyser hears and the generator makes from its payload must have the
// same level and shape.
func TestComfortNoiseCirculates(t *testing.T) {
	for _, c := range []struct{ rms, a float64 }{{30, 0}, {300, 0.8}, {300, -0.7}, {3000, 0.95}, {8, 0.5}} {
		in := coloured(8000, c.rms, c.a)
		var a Analyser
		for at := 0; at < len(in); at += 160 {
			a.Write(in[at : at+160])
		}
		payload := make([]byte, 20)
		n := a.Payload(payload)
		if n != 11 {
			t.Fatalf("payload of %d octets", n)
		}
		var g Comfort
		g.Update(payload[:n])
		out := make([]int16, 16000)
		g.Read(out[:8000])
		g.Read(out)
		if d := level(out) - level(in); math.Abs(d) > 1.5 {
			t.Errorf("rms %v tilt %v: %.1f dB off", c.rms, c.a, d)
		}
		if d := tilt(out) - tilt(in); math.Abs(d) > 0.1 {
			t.Errorf("rms %v tilt %v: tilt %.2f, want %.2f", c.rms, c.a, tilt(out), tilt(in))
		}
	}
}

// RFC 3389 3.1: one octet, the level in -dBov; 3.3 allows it alone.
func TestComfortLevels(t *testing.T) {
	for _, db := range []byte{10, 30, 50, 70} {
		var g Comfort
		g.Update([]byte{db})
		out := make([]int16, 16000)
		g.Read(out)
		if got := level(out[8000:]); math.Abs(got+float64(db)) > 0.5 {
			t.Errorf("payload %d: level %.1f dBov", db, got)
		}
	}
	for name, payload := range map[string][]byte{"127": {127, 200, 3}, "empty": {}, "top bit": {0xff}} {
		var g Comfort
		g.Update([]byte{20})
		g.Read(make([]int16, 800))
		g.Update(payload)
		g.Read(make([]int16, 4000))
		out := make([]int16, 800)
		g.Read(out)
		if got := slices.Max(out); got > 1 {
			t.Errorf("%s: peak %d, want silence", name, got)
		}
	}
}

func TestAnalyserOfSilence(t *testing.T) {
	var a Analyser
	payload := make([]byte, 11)
	if n := a.Payload(payload); n != 11 || payload[0] != 127 {
		t.Errorf("nothing written: %d octets, %v", n, payload)
	}
	a.Write(make([]int16, 160))
	a.Write(nil)
	if a.Payload(payload); !slices.Equal(payload, []byte{127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127}) {
		t.Errorf("silence: %v", payload)
	}
	if n := a.Payload(payload[:3]); n != 3 {
		t.Errorf("payload of %d octets in 3", n)
	}
	if n := a.Payload(nil); n != 0 {
		t.Errorf("payload of %d octets in none", n)
	}
	full := make([]int16, 160)
	for i := range full {
		full[i] = -32768
	}
	a = Analyser{}
	a.Write(full)
	if a.Payload(payload); payload[0] != 0 {
		t.Errorf("full scale: level %d", payload[0])
	}
}

func FuzzComfort(f *testing.F) {
	f.Add([]byte{40, 0, 254, 255, 127})
	f.Fuzz(func(t *testing.T, payload []byte) {
		var g Comfort
		g.Update(payload)
		out := make([]int16, 4000)
		g.Read(out)
		if len(payload) > 0 && payload[0]&127 > 60 && payload[0]&127 < 127 && level(out) > -20 {
			t.Errorf("payload % x: %.1f dBov", payload, level(out))
		}
	})
}

func suppressor(t testing.TB, cfg SuppressorConfig) *Suppressor {
	t.Helper()
	s, err := NewSuppressor(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func add(a, b []int16) []int16 {
	sum := make([]int16, len(a))
	for i := range a {
		sum[i] = round16(float64(a[i]) + float64(b[i]))
	}
	return sum
}

// match returns the amplitude with which want is in got.
func match(want, got []int16) float64 {
	var a, b float64
	for i, v := range want {
		a += float64(v) * float64(got[i])
		b += float64(v) * float64(v)
	}
	return a / b
}

func TestSuppressor(t *testing.T) {
	voice := append(make([]int16, 16000), speech(t)...)
	for name, hiss := range map[string][]int16{"white": coloured(len(voice), 1000, 0), "rumble": coloured(len(voice), 1000, 0.9)} {
		s := suppressor(t, SuppressorConfig{})
		in := add(voice, hiss)
		out := slices.Clone(in)
		for at := 0; at < len(out); at += 160 {
			if err := s.Process(out[at : at+160]); err != nil {
				t.Fatal(err)
			}
		}
		pause := level(in[12000:16000]) - level(out[12000:16000])
		kept := 20 * math.Log10(match(voice[16000:len(voice)-80], out[16080:]))
		t.Logf("%s: noise %.1f dB down in the pause, speech %.1f dB", name, pause, kept)
		if pause < 11 {
			t.Errorf("%s: noise %.1f dB down, want 11", name, pause)
		}
		if kept < -1.5 {
			t.Errorf("%s: speech at %.1f dB, want -1.5 at least", name, kept)
		}
		var before, after float64
		for i := 16080; i < len(voice); i++ {
			v := float64(voice[i-80])
			before += math.Pow(float64(in[i-80])-v, 2)
			after += math.Pow(float64(out[i])-v, 2)
		}
		if gain := 10 * math.Log10(before/after); gain < 2 {
			t.Errorf("%s: %.1f dB less error in speech, want 2", name, gain)
		}
	}
}

// Without noise the suppressor is a delay of 10 ms.
func TestSuppressorLeavesCleanSpeech(t *testing.T) {
	voice := append(make([]int16, 8000), speech(t)...)
	s := suppressor(t, SuppressorConfig{})
	out := slices.Clone(voice)
	if err := s.Process(out); err != nil {
		t.Fatal(err)
	}
	if got := 20 * math.Log10(match(voice[8000:len(voice)-80], out[8080:])); math.Abs(got) > 0.3 {
		t.Errorf("clean speech at %.2f dB", got)
	}
}

func TestSuppressorConfig(t *testing.T) {
	for _, cfg := range []SuppressorConfig{{Rate: 7000}, {Rate: 96000}, {Rate: 44100}, {Depth: -1}, {Depth: 61}, {Depth: math.NaN()}} {
		if _, err := NewSuppressor(cfg); err == nil {
			t.Errorf("%+v: no error", cfg)
		}
	}
	for _, rate := range []int{8000, 16000, 24000, 32000, 48000} {
		s := suppressor(t, SuppressorConfig{Rate: rate})
		if err := s.Process(make([]int16, rate/50)); err != nil {
			t.Errorf("%d Hz: %v", rate, err)
		}
		if err := s.Process(make([]int16, rate/50-1)); !errors.Is(err, ErrFrame) {
			t.Errorf("%d Hz: a frame too short gives %v, want ErrFrame", rate, err)
		}
	}
}

func gain(t testing.TB, cfg GainConfig) *Gain {
	t.Helper()
	g, err := NewGain(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func scaled(pcm []int16, db float64) []int16 {
	out := make([]int16, len(pcm))
	for i, v := range pcm {
		out[i] = round16(float64(v) * math.Pow(10, db/20))
	}
	return out
}

func process(g *Gain, pcm []int16) []int16 {
	out := slices.Clone(pcm)
	for at := 0; at < len(out); at += 160 {
		g.Process(out[at:min(at+160, len(out))])
	}
	return out
}

// active is the level of the frames of speech.
func active(pcm []int16) float64 {
	loudest, sum, n := -100.0, 0.0, 0.0
	for at := 0; at+160 <= len(pcm); at += 160 {
		loudest = max(loudest, level(pcm[at:at+160]))
	}
	for at := 0; at+160 <= len(pcm); at += 160 {
		if l := level(pcm[at : at+160]); l > loudest-20 {
			sum += math.Pow(10, l/10)
			n++
		}
	}
	return 10 * math.Log10(sum/n)
}

func TestGainLevelsSpeech(t *testing.T) {
	voice := slices.Concat(speech(t), speech(t), speech(t))
	base := active(voice)
	for _, db := range []float64{-45, -38, -30, -23, -15, -8} {
		g := gain(t, GainConfig{})
		out := process(g, scaled(voice, db-base))
		want := min(max(-23, db-12), db+18)
		got := active(out[2*len(voice)/3:])
		t.Logf("speech at %.0f dBov leaves at %.1f, gain %.1f", db, got, g.Now())
		if math.Abs(got-want) > 3 {
			t.Errorf("speech at %.0f dBov leaves at %.1f, want %.1f", db, got, want)
		}
	}
}

// Nothing but the room is not made louder, however long it lasts.
func TestGainDoesNotPump(t *testing.T) {
	g := gain(t, GainConfig{})
	room := coloured(8000*30, 40, 0.5)
	out := process(g, room)
	if d := level(out[8000*29:]) - level(room[8000*29:]); d > 1 {
		t.Errorf("after 30 s of a quiet room the gain is %.1f dB", d)
	}
	process(g, scaled(speech(t), -20))
	before := g.Now()
	process(g, make([]int16, 80000))
	if g.Now() != before {
		t.Errorf("the gain goes from %.1f to %.1f dB in silence", before, g.Now())
	}
}

func TestLimiter(t *testing.T) {
	g := gain(t, GainConfig{})
	process(g, scaled(speech(t), -25))
	loud := make([]int16, 1600)
	for i := range loud {
		loud[i] = int16(32000 * math.Sin(float64(i)/3))
	}
	out := process(g, loud)
	limit := 32767 * math.Pow(10, -1.0/20)
	if got := float64(max(slices.Max(out), -slices.Min(out))); got > limit+1 {
		t.Errorf("peak %.0f, want %.0f at most", got, limit)
	}
}

func TestGainConfig(t *testing.T) {
	for _, cfg := range []GainConfig{
		{Rate: 1}, {Rate: 96000}, {Target: -60}, {Target: 3}, {Most: -1}, {Most: 50}, {Least: 41}, {Peak: 1}, {Peak: -30}, {Target: math.NaN()},
	} {
		if _, err := NewGain(cfg); err == nil {
			t.Errorf("%+v: no error", cfg)
		}
	}
	gain(t, GainConfig{}).Process(nil)
}

func TestNoAllocation(t *testing.T) {
	s, g := suppressor(t, SuppressorConfig{}), gain(t, GainConfig{})
	var a Analyser
	var c Comfort
	frame, payload := coloured(160, 1000, 0.5), make([]byte, 11)
	n := testing.AllocsPerRun(100, func() {
		if err := s.Process(frame); err != nil {
			t.Fatal(err)
		}
		g.Process(frame)
		a.Write(frame)
		c.Update(payload[:a.Payload(payload)])
		c.Read(frame)
	})
	if n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func BenchmarkSuppressor(b *testing.B) {
	for name, rate := range map[string]int{"8k": 8000, "16k": 16000, "48k": 48000} {
		b.Run(name, func(b *testing.B) {
			s := suppressor(b, SuppressorConfig{Rate: rate})
			frame := coloured(rate/50, 1000, 0.5)
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Process(frame); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkGain(b *testing.B) {
	g := gain(b, GainConfig{})
	frame := coloured(160, 1000, 0.5)
	b.ReportAllocs()
	for b.Loop() {
		g.Process(frame)
	}
}

func BenchmarkComfort(b *testing.B) {
	var c Comfort
	c.Update([]byte{50, 100, 110, 120, 127, 130, 127, 127, 127, 127, 127})
	frame := make([]int16, 160)
	b.ReportAllocs()
	for b.Loop() {
		c.Read(frame)
	}
}
