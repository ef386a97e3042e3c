package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"housephone/phone/codec/g711"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func tone(t *testing.T, rate int, level float64, n int, hz ...float64) []int16 {
	t.Helper()
	src, err := NewTone(rate, level, hz...)
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]int16, n)
	src.Read(pcm)
	return pcm
}

func near(got, want, tolerance float64) bool { return math.Abs(got-want) <= tolerance }

func TestToneAndLevel(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		pcm := tone(t, rate, -12, rate, 440)
		if l := Level(pcm); !near(l, -12, 0.05) {
			t.Errorf("rate %d: level %.2f dBFS", rate, l)
		}
		if l := ToneLevel(pcm, rate, 440); !near(l, -12, 0.05) {
			t.Errorf("rate %d: level at 440 Hz %.2f dBFS", rate, l)
		}
		if l := ToneLevel(pcm, rate, 700); l > -60 {
			t.Errorf("rate %d: level at 700 Hz %.2f dBFS", rate, l)
		}
		if f := Frequency(pcm[:rate/10], rate); !near(f, 440, 2) {
			t.Errorf("rate %d: %.1f Hz", rate, f)
		}
	}
	if l := Level(make([]int16, 160)); l != Silence {
		t.Errorf("silence is %v", l)
	}
	if f := Frequency(make([]int16, 160), 8000); f != 0 {
		t.Errorf("silence has %v Hz", f)
	}
	if l := Level(nil); l != Silence {
		t.Errorf("nothing is %v", l)
	}
}

func TestDualTone(t *testing.T) {
	pcm := tone(t, 8000, -15, 800, 770, 1336)
	for _, hz := range []float64{770, 1336} {
		if l := ToneLevel(pcm, 8000, hz); !near(l, -15, 0.5) {
			t.Errorf("%g Hz: %.2f dBFS", hz, l)
		}
	}
}

func TestVolumeGain(t *testing.T) {
	pcm := tone(t, 8000, 0, 8000, 1000)
	for step, want := range map[int]float64{-1: Silence, 0: Silence, 1: -38, 10: -20, 19: -2, 20: 0, 99: 0} {
		frame := append([]int16(nil), pcm...)
		VolumeGain(step).Apply(frame)
		if l := Level(frame); !near(l, want, 0.1) {
			t.Errorf("step %d: %.2f dB, want %v", step, l, want)
		}
	}
}

func TestResample(t *testing.T) {
	for _, from := range []int{8000, 11025, 16000, 22050, 24000, 44100, 48000} {
		for _, to := range []int{8000, 16000, 24000, 48000} {
			in := tone(t, from, -6, from, 1000)
			out, err := Resample(in, from, to)
			if err != nil {
				t.Fatal(err)
			}
			if len(out) != to {
				t.Errorf("%d to %d: a second became %d samples", from, to, len(out))
			}
			mid := out[to/4 : to*3/4]
			if l := ToneLevel(mid, to, 1000); !near(l, -6, 0.1) {
				t.Errorf("%d to %d: level %.2f", from, to, l)
			}
			if n := noise(mid, to, 1000); n > -60 {
				t.Errorf("%d to %d: noise %.1f dBFS", from, to, n)
			}
			want := tone(t, to, -6, to, 1000)
			if d := difference(mid, want[to/4:to*3/4]); d > -55 {
				t.Errorf("%d to %d: not in time with the original (%.1f dBFS apart)", from, to, d)
			}
		}
	}
}

func TestResampleSuppressesAliases(t *testing.T) {
	out, err := Resample(tone(t, 48000, -6, 48000, 5500), 48000, 8000)
	if err != nil {
		t.Fatal(err)
	}
	if l := Level(out[1000:7000]); l > -60 {
		t.Errorf("5500 Hz is heard at 8 kHz with %.1f dBFS", l)
	}
}

// noise is the level of all but the tone.
func noise(pcm []int16, rate int, hz float64) float64 {
	var si, co float64
	for i, s := range pcm {
		w := 2 * math.Pi * hz * float64(i) / float64(rate)
		si += float64(s) * math.Sin(w)
		co += float64(s) * math.Cos(w)
	}
	n := float64(len(pcm))
	rest := make([]int16, len(pcm))
	for i, s := range pcm {
		w := 2 * math.Pi * hz * float64(i) / float64(rate)
		rest[i] = clip(float64(s) - 2*si/n*math.Sin(w) - 2*co/n*math.Cos(w))
	}
	return Level(rest)
}

func difference(a, b []int16) float64 {
	d := make([]int16, len(a))
	for i := range a {
		d[i] = a[i] - b[i]
	}
	return Level(d)
}

func TestResamplerStreams(t *testing.T) {
	in := tone(t, 8000, -6, 8000, 440)
	whole, err := NewResampler(8000, 48000)
	if err != nil {
		t.Fatal(err)
	}
	want := whole.Process(nil, in)
	parts, _ := NewResampler(8000, 48000)
	var got []int16
	for len(in) > 0 {
		n := min(160, len(in))
		got = parts.Process(got, in[:n])
		in = in[n:]
	}
	if difference(got, want) != Silence {
		t.Error("frames give something else than the whole")
	}
	frame, out := make([]int16, 160), make([]int16, 0, 2000)
	if n := testing.AllocsPerRun(100, func() { parts.Process(out[:0], frame) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func TestOpen(t *testing.T) {
	for _, tc := range []struct {
		spec string
		err  error
	}{
		{"none", nil}, {"tone:440", nil}, {"tone:20", nil}, {"file:x.wav", nil}, {"file:a:b.wav", nil},
		{"", ErrSpec}, {"tone:", ErrSpec}, {"tone:NaN", ErrSpec}, {"tone:1e9", ErrSpec}, {"tone", ErrSpec}, {"file:", ErrSpec},
		{"default", ErrNoDevice}, {"hw:0,0", ErrNoDevice}, {"none:1", ErrNoDevice},
	} {
		d, err := Open(tc.spec)
		if !errors.Is(err, tc.err) {
			t.Errorf("Open(%q): %v", tc.spec, err)
		}
		if err == nil && d.String() != tc.spec {
			t.Errorf("Open(%q) calls itself %q", tc.spec, d)
		}
	}
}

type driver struct{ name string }

func (d driver) Open(name string) (Device, error) {
	if name != d.name {
		return nil, ErrNoDevice
	}
	return none{}, nil
}

func TestDriversAreAskedInOrder(t *testing.T) {
	if _, err := Open("default", driver{"pulse"}, driver{"default"}); err != nil {
		t.Error(err)
	}
	if _, err := Open("hw:1", driver{"pulse"}, driver{"default"}); !errors.Is(err, ErrNoDevice) {
		t.Error(err)
	}
}

func TestNoneAndToneDevices(t *testing.T) {
	d, _ := Open("none")
	src, err := d.OpenSource(8000)
	if err != nil || src.Read(make([]int16, 160)) != 0 {
		t.Errorf("none gives sound (%v)", err)
	}
	d, _ = Open("tone:440")
	src, err = d.OpenSource(16000)
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]int16, 1600)
	if n := src.Read(pcm); n != 1600 || !near(Frequency(pcm, 16000), 440, 2) || !near(Level(pcm), -12, 0.1) {
		t.Errorf("tone gives %d samples of %.0f Hz at %.1f dBFS", n, Frequency(pcm, 16000), Level(pcm))
	}
	if _, err := d.OpenSink(8000); !errors.Is(err, ErrNoPlayback) {
		t.Errorf("tone takes sound: %v", err)
	}
	if _, err := d.OpenSource(100); !errors.Is(err, ErrRate) {
		t.Errorf("rate 100: %v", err)
	}
}

// wav builds a file of any format.
func wav(tag, channels, rate, bits int, data []byte) []byte {
	le := binary.LittleEndian
	b := append([]byte("RIFF"), 0, 0, 0, 0)
	b = append(b, "WAVEJUNK\x03\x00\x00\x00abc\x00fmt \x10\x00\x00\x00"...)
	b = le.AppendUint16(b, uint16(tag))
	b = le.AppendUint16(b, uint16(channels))
	b = le.AppendUint32(b, uint32(rate))
	b = le.AppendUint32(b, uint32(rate*channels*bits/8))
	b = le.AppendUint16(b, uint16(channels*bits/8))
	b = le.AppendUint16(b, uint16(bits))
	b = append(b, "data"...)
	b = le.AppendUint32(b, uint32(len(data)))
	return append(b, data...)
}

func TestReadWAV(t *testing.T) {
	pcm := tone(t, 8000, -6, 8000, 440)
	var s8, s16, s24, stereo []byte
	for _, s := range pcm {
		lo, hi := byte(s), byte(uint16(s)>>8)
		s8 = append(s8, hi^0x80)
		s16 = append(s16, lo, hi)
		s24 = append(s24, 0x55, lo, hi)
		stereo = append(stereo, lo, hi, lo, hi)
	}
	alaw, ulaw := make([]byte, 8000), make([]byte, 8000)
	g711.ALaw{}.Encode(alaw, pcm)
	g711.ULaw{}.Encode(ulaw, pcm)
	for _, tc := range []struct {
		name                string
		tag, channels, bits int
		data                []byte
		noise               float64
	}{
		{"8 bit", wavPCM, 1, 8, s8, -40},
		{"16 bit", wavPCM, 1, 16, s16, Silence},
		{"24 bit", wavPCM, 1, 24, s24, Silence},
		{"stereo", wavPCM, 2, 16, stereo, Silence},
		{"A-law", wavALaw, 1, 8, alaw, -38},
		{"u-law", wavULaw, 1, 8, ulaw, -38},
	} {
		got, rate, err := ReadWAV(bytes.NewReader(wav(tc.tag, tc.channels, 8000, tc.bits, tc.data)))
		if err != nil || rate != 8000 || len(got) != len(pcm) {
			t.Errorf("%s: %d samples at %d: %v", tc.name, len(got), rate, err)
			continue
		}
		if d := difference(got, pcm); d > tc.noise {
			t.Errorf("%s: %.1f dBFS off", tc.name, d)
		}
	}
}

func TestReadWAVErrors(t *testing.T) {
	ok := wav(wavPCM, 1, 8000, 16, make([]byte, 16))
	for _, tc := range []struct {
		name string
		data []byte
		err  error
	}{
		{"empty", nil, ErrNotWAV},
		{"text", []byte("this is no sound file at all"), ErrNotWAV},
		{"no data", ok[:len(ok)-24], ErrNotWAV},
		{"only chunks", append([]byte("RIFF\x00\x00\x00\x00WAVE"), bytes.Repeat([]byte("LIST\x00\x00\x00\x00"), 100)...), ErrNotWAV},
		{"data first", []byte("RIFF\x00\x00\x00\x00WAVEdata\x02\x00\x00\x00ab"), ErrNotWAV},
		{"huge format", []byte("RIFF\x00\x00\x00\x00WAVEfmt \xff\xff\xff\xff"), ErrNotWAV},
		{"three channels", wav(wavPCM, 3, 8000, 16, nil), ErrWAVFormat},
		{"float", wav(3, 1, 8000, 32, nil), ErrWAVFormat},
		{"32 bit", wav(wavPCM, 1, 8000, 32, nil), ErrWAVFormat},
		{"no rate", wav(wavPCM, 1, 0, 16, nil), ErrRate},
		{"too long", wav(wavPCM, 1, 8000, 16, make([]byte, MaxWAVBytes+2)), ErrTooLong},
	} {
		if _, _, err := ReadWAV(bytes.NewReader(tc.data)); !errors.Is(err, tc.err) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	if got, _, err := ReadWAV(bytes.NewReader(ok[:len(ok)-7])); err != nil || len(got) != 4 {
		t.Errorf("cut short: %d samples, %v", len(got), err)
	}
}

func FuzzReadWAV(f *testing.F) {
	f.Add(wav(wavPCM, 2, 44100, 24, make([]byte, 60)))
	f.Add(wav(wavALaw, 1, 8000, 8, make([]byte, 61)))
	f.Fuzz(func(t *testing.T, data []byte) {
		pcm, rate, err := ReadWAV(bytes.NewReader(data))
		if err != nil {
			return
		}
		if len(pcm) > len(data) || checkRate(rate) != nil {
			t.Fatalf("%d samples at %d from %d bytes", len(pcm), rate, len(data))
		}
	})
}

func TestFileSourceLoops(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.wav")
	pcm := tone(t, 44100, -6, 44100, 440)
	var data []byte
	for _, s := range pcm {
		data = binary.LittleEndian.AppendUint16(data, uint16(s))
	}
	if err := os.WriteFile(path, wav(wavPCM, 1, 44100, 16, data), 0o600); err != nil {
		t.Fatal(err)
	}
	d, _ := Open("file:" + path)
	src, err := d.OpenSource(8000)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]int16, 3*8000)
	for i := 0; i < len(got); i += 160 {
		if n := src.Read(got[i : i+160]); n != 160 {
			t.Fatalf("%d samples", n)
		}
	}
	if f := Frequency(got[2*8000:2*8000+4000], 8000); !near(f, 440, 1) {
		t.Errorf("third round has %.1f Hz", f)
	}
	if err := src.Close(); err != nil {
		t.Error(err)
	}
	if n := src.Read(got); n != 0 {
		t.Errorf("%d samples after Close", n)
	}
	d, _ = Open("file:" + path + ".missing")
	if _, err := d.OpenSource(8000); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

func TestWAVFileCanBeReadWhileItGrows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.wav")
	w, err := CreateWAV(path, 8000)
	if err != nil {
		t.Fatal(err)
	}
	if pcm, err := LoadWAV(path, 8000); err != nil || len(pcm) != 0 {
		t.Errorf("new file: %d samples, %v", len(pcm), err)
	}
	frame := tone(t, 8000, -6, 160, 500)
	deadline := time.Now().Add(10 * time.Second)
	seen := 0
	for seen == 0 && time.Now().Before(deadline) {
		w.Write(frame)
		time.Sleep(20 * time.Millisecond)
		pcm, err := LoadWAV(path, 8000)
		if err != nil {
			t.Fatal(err)
		}
		seen = len(pcm)
	}
	if seen == 0 {
		t.Error("nothing to read while the file was written")
	}
	for range 10 {
		w.Write(frame)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	pcm, err := LoadWAV(path, 8000)
	if err != nil || len(pcm) < 11*160 || len(pcm)%160 != 0 {
		t.Errorf("%d samples, %v", len(pcm), err)
	}
	if w.Dropped() != 0 {
		t.Errorf("%d frames dropped", w.Dropped())
	}
	w.Write(frame)
	if w.Dropped() != 1 {
		t.Error("a frame after Close was not counted as dropped")
	}
	if err := w.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestWAVFileDropsWhatDoesNotFit(t *testing.T) {
	w, err := CreateWAV(filepath.Join(t.TempDir(), "a.wav"), 8000)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(make([]int16, 5*8000))
	if w.Dropped() != 1 {
		t.Error("five seconds at once were not dropped")
	}
	if n := testing.AllocsPerRun(100, func() { w.Write(nil) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestCreateWAVErrors(t *testing.T) {
	if _, err := CreateWAV(filepath.Join(t.TempDir(), "no", "a.wav"), 8000); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	if _, err := CreateWAV(filepath.Join(t.TempDir(), "a.wav"), 1); !errors.Is(err, ErrRate) {
		t.Errorf("rate 1: %v", err)
	}
}

func BenchmarkResample48to8(b *testing.B) {
	r, err := NewResampler(48000, 8000)
	if err != nil {
		b.Fatal(err)
	}
	in, out := make([]int16, 960), make([]int16, 0, 200)
	b.ReportAllocs()
	for b.Loop() {
		r.Process(out[:0], in)
	}
}

func BenchmarkTone(b *testing.B) {
	t, err := NewTone(8000, -12, 440)
	if err != nil {
		b.Fatal(err)
	}
	frame := make([]int16, 160)
	b.ReportAllocs()
	for b.Loop() {
		t.Read(frame)
	}
}
