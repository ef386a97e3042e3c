package conceal

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
	raw, err := os.ReadFile("testdata/speech8k.s16")
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]int16, len(raw)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(raw[2*i:]))
	}
	return pcm[:len(pcm)/160*160]
}

func concealer(t testing.TB, rate int) *Concealer {
	t.Helper()
	c, err := New(rate)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// vowel is a voice at a pitch: harmonics under two formants.
func vowel(n, rate int, pitch float64) []int16 {
	x := make([]float64, n)
	for k := 1.0; k*pitch < 3000; k++ {
		hz := k * pitch
		first, second := (hz-600)/200, (hz-1200)/200
		level := 1/(1+first*first) + 0.3/(1+second*second)
		for i := range x {
			x[i] += level * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)+k*k)
		}
	}
	peak := 0.0
	for _, v := range x {
		peak = max(peak, math.Abs(v))
	}
	out := make([]int16, n)
	for i, v := range x {
		out[i] = int16(v / peak * 12000)
	}
	return out
}

func snr(want, got []int16) float64 {
	var s, e float64
	for i, v := range want {
		d := float64(v) - float64(got[i])
		s += float64(v) * float64(v)
		e += d * d
	}
	return 10 * math.Log10(s/(e+1e-9))
}

// A steady voice must go on nearly unchanged through a gap of 10 ms, at any rate.
func TestVowelGoesOn(t *testing.T) {
	for _, rate := range []int{8000, 16000, 24000, 44100, 48000} {
		for _, pitch := range []float64{80, 110, 150, 210, 300} {
			c := concealer(t, rate)
			pcm := vowel(rate/2, rate, pitch)
			frame := rate / 100
			at := 30 * frame
			for i := 0; i < at; i += frame {
				c.Good(pcm[i : i+frame])
			}
			got := make([]int16, frame)
			c.Lost(got)
			if v := snr(pcm[at:at+frame], got); v < 10 {
				t.Errorf("%d Hz, pitch %v: %.1f dB in the gap, want 10", rate, pitch, v)
			}
		}
	}
}

func TestFadesToSilence(t *testing.T) {
	c := concealer(t, 8000)
	c.Good(vowel(1600, 8000, 100))
	gap := make([]int16, 800)
	c.Lost(gap)
	rms := func(x []int16) float64 {
		sum := 0.0
		for _, v := range x {
			sum += float64(v) * float64(v)
		}
		return math.Sqrt(sum / float64(len(x)))
	}
	first, third, sixth, last := rms(gap[:80]), rms(gap[160:240]), rms(gap[400:480]), rms(gap[480:])
	if third < 0.6*first || third > 0.95*first || sixth > 0.3*first || last != 0 {
		t.Errorf("levels after 0, 20, 50 and 60 ms: %.0f %.0f %.0f %.0f", first, third, sixth, last)
	}
}

// spectrum returns the level of 16 bands of 200 Hz in dB.
func spectrum(x []int16) (bands [16]float64) {
	for b := range bands {
		power := 0.0
		for _, off := range []float64{50, 100, 150, 200} {
			w := 2 * math.Pi * (200*float64(b) + off) / 8000
			var re, im float64
			for i, v := range x {
				win := 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/float64(len(x)))
				re += win * float64(v) * math.Cos(w*float64(i))
				im += win * float64(v) * math.Sin(w*float64(i))
			}
			power += re*re + im*im
		}
		bands[b] = 10 * math.Log10(power/float64(len(x))+100)
	}
	return bands
}

func distance(a, b []int16) float64 {
	x, y := spectrum(a), spectrum(b)
	sum := 0.0
	for i := range x {
		sum += (x[i] - y[i]) * (x[i] - y[i])
	}
	return math.Sqrt(sum / float64(len(x)))
}

// With 5 % of the packets lost, concealment must be nearer to the speech than
// silence and than the repetition of the last packet.
func TestSpeechWithLoss(t *testing.T) {
	pcm := speech(t)
	rnd := rand.New(rand.NewPCG(5, 100))
	var concealed, repeated, silence, loud float64
	var steps, stepsRepeated float64
	lost := 0
	for range 8 {
		c := concealer(t, 8000)
		before := make([]int16, 160)
		for at := 0; at+320 <= len(pcm); at += 160 {
			clean := pcm[at : at+160]
			frame := slices.Clone(clean)
			if rnd.Float64() >= 0.05 || at == 0 {
				c.Good(frame)
				before = frame
				continue
			}
			c.Lost(frame)
			power := 0.0
			for _, v := range clean {
				power += float64(v) * float64(v)
			}
			if power/160 > 200*200 {
				lost++
				concealed += distance(clean, frame)
				repeated += distance(clean, before)
				silence += distance(clean, make([]int16, 160))
				loud += snr(clean, frame)
				steps += math.Abs(float64(frame[0]) - float64(before[159]))
				stepsRepeated += math.Abs(float64(before[0]) - float64(before[159]))
			}
			before = frame
		}
	}
	n := float64(lost)
	t.Logf("%d frames lost in speech: spectral distance %.1f dB concealed, %.1f repeated, %.1f silent; snr %.1f dB; step %.0f, repeated %.0f",
		lost, concealed/n, repeated/n, silence/n, loud/n, steps/n, stepsRepeated/n)
	if lost < 40 {
		t.Fatalf("only %d frames lost", lost)
	}
	if concealed > 0.5*silence || concealed > 1.02*repeated {
		t.Errorf("spectral distance %.1f dB concealed, %.1f repeated, %.1f silent", concealed/n, repeated/n, silence/n)
	}
	if loud/n < 0.5 {
		t.Errorf("signal to noise in the gaps %.1f dB, want 0.5", loud/n)
	}
	if steps > 0.5*stepsRepeated {
		t.Errorf("step at the seam %.0f, repeated %.0f", steps/n, stepsRepeated/n)
	}
}

func TestGoodFramesStayAsTheyAre(t *testing.T) {
	c := concealer(t, 8000)
	pcm := speech(t)
	for at := 0; at < len(pcm); at += 160 {
		frame := slices.Clone(pcm[at : at+160])
		c.Good(frame)
		if !slices.Equal(frame, pcm[at:at+160]) {
			t.Fatalf("the frame at %d was changed", at)
		}
	}
	c.Lost(make([]int16, 160))
	after := slices.Clone(pcm[8000:8160])
	c.Good(after)
	if slices.Equal(after[:32], pcm[8000:8032]) || !slices.Equal(after[80:], pcm[8080:8160]) {
		t.Error("the frame after a gap is not faded in at its first 8 ms")
	}
}

func TestNothingBefore(t *testing.T) {
	c := concealer(t, 16000)
	frame := []int16{1, 2, 3, 4}
	c.Lost(frame)
	if !slices.Equal(frame, make([]int16, 4)) {
		t.Errorf("with no past: %v", frame)
	}
	c.Good(vowel(3200, 16000, 100))
	c.Reset()
	c.Lost(frame)
	if !slices.Equal(frame, make([]int16, 4)) {
		t.Errorf("after Reset: %v", frame)
	}
	c.Lost(nil)
	c.Good(nil)
}

func TestRefusedRates(t *testing.T) {
	for _, rate := range []int{0, -1, 7999, 48001} {
		if _, err := New(rate); !errors.Is(err, ErrRate) {
			t.Errorf("%d Hz: error %v, want ErrRate", rate, err)
		}
	}
}

// Any order of frames of any size and content must be survived.
func FuzzConcealer(f *testing.F) {
	f.Add([]byte{0, 1, 200, 255, 3, 0, 90}, uint16(8000))
	f.Fuzz(func(t *testing.T, script []byte, rate uint16) {
		c, err := New(int(rate))
		if err != nil {
			return
		}
		for i, b := range script {
			frame := make([]int16, int(b>>1)*7)
			for j := range frame {
				frame[j] = int16(j*int(b)*2621 + i)
			}
			if b&1 == 0 {
				c.Good(frame)
			} else {
				c.Lost(frame)
			}
		}
	})
}

func TestNoAllocation(t *testing.T) {
	c := concealer(t, 16000)
	pcm := vowel(320, 16000, 140)
	if n := testing.AllocsPerRun(100, func() { c.Good(pcm); c.Lost(pcm) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func BenchmarkLost(b *testing.B) {
	for _, rate := range []int{8000, 16000, 48000} {
		b.Run(map[int]string{8000: "8k", 16000: "16k", 48000: "48k"}[rate], func(b *testing.B) {
			c := concealer(b, rate)
			pcm := vowel(rate/50, rate, 140)
			frame := slices.Clone(pcm)
			b.ReportAllocs()
			for b.Loop() {
				c.Good(pcm)
				c.Lost(frame)
			}
		})
	}
}

func BenchmarkGood(b *testing.B) {
	c := concealer(b, 8000)
	pcm := vowel(160, 8000, 140)
	b.ReportAllocs()
	for b.Loop() {
		c.Good(pcm)
	}
}
