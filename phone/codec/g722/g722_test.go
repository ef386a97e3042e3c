package g722

import (
	"bytes"
	"encoding/binary"
	"flag"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew with ffmpeg")

func samples(raw []byte) []int16 {
	pcm := make([]int16, len(raw)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(raw[2*i:]))
	}
	return pcm
}

func octets(pcm []int16) []byte {
	raw := make([]byte, 2*len(pcm))
	for i, v := range pcm {
		binary.LittleEndian.PutUint16(raw[2*i:], uint16(v))
	}
	return raw
}

func golden(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// ffmpeg runs the reference peer with in as its standard input.
func ffmpeg(t testing.TB, in []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ffmpeg", append([]string{"-v", "error", "-nostdin"}, args...)...)
	cmd.Stdin = bytes.NewReader(in)
	out := new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = out, io.Discard
	if err := cmd.Run(); err != nil {
		t.Fatalf("ffmpeg %v: %v", args, err)
	}
	return out.Bytes()
}

func ffmpegEncode(t testing.TB, pcm []int16) []byte {
	return ffmpeg(t, octets(pcm), "-f", "s16le", "-ar", "16000", "-ac", "1", "-i", "pipe:0", "-c:a", "g722", "-f", "g722", "pipe:1")
}

func ffmpegDecode(t testing.TB, coded []byte) []int16 {
	return samples(ffmpeg(t, coded, "-f", "g722", "-i", "pipe:0", "-f", "s16le", "pipe:1"))
}

func encode(pcm []int16, frame int) []byte {
	e, out := NewEncoder(), make([]byte, len(pcm)/2)
	n := 0
	for len(pcm) > 0 {
		m := min(frame, len(pcm))
		n += e.Encode(out[n:], pcm[:m])
		pcm = pcm[m:]
	}
	return out[:n]
}

func decode(coded []byte, frame int) []int16 {
	d, out := NewDecoder(), make([]int16, 2*len(coded))
	n := 0
	for len(coded) > 0 {
		m := min(frame, len(coded))
		n += d.Decode(out[n:], coded[:m])
		coded = coded[m:]
	}
	return out[:n]
}

func firstDifference[T comparable](a, b []T) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	if len(a) != len(b) {
		return min(len(a), len(b))
	}
	return -1
}

// The golden files are ffmpeg's: speech.s16 coded, and what it decoded from that.
func TestGolden(t *testing.T) {
	pcm := samples(golden(t, "speech.s16"))
	if *update {
		coded := ffmpegEncode(t, pcm)
		for name, raw := range map[string][]byte{"speech.g722": coded, "decoded.s16": octets(ffmpegDecode(t, coded))} {
			if err := os.WriteFile(filepath.Join("testdata", name), raw, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	coded, decoded := golden(t, "speech.g722"), samples(golden(t, "decoded.s16"))
	for _, frame := range []int{2, 160, 320, 322, 4096} {
		if i := firstDifference(encode(pcm, frame), coded); i >= 0 {
			t.Errorf("coded in frames of %d: differs from octet %d on", frame, i)
		}
		if i := firstDifference(decode(coded, frame/2), decoded); i >= 0 {
			t.Errorf("decoded in frames of %d: differs from sample %d on", frame/2, i)
		}
	}
}

func signals() map[string][]int16 {
	const n = 32000
	rnd := rand.New(rand.NewPCG(7, 22))
	make16 := func(f func(i int) float64) []int16 {
		pcm := make([]int16, n)
		for i := range pcm {
			pcm[i] = int16(max(min(f(i), 32767), -32768))
		}
		return pcm
	}
	return map[string][]int16{
		"silence":    make16(func(int) float64 { return 0 }),
		"sine":       make16(func(i int) float64 { return 10000 * math.Sin(2*math.Pi*1000*float64(i)/16000) }),
		"sweep":      make16(func(i int) float64 { x := float64(i) / n; return 20000 * math.Sin(2*math.Pi*4000*x*x*n/16000) }),
		"loud noise": make16(func(int) float64 { return rnd.NormFloat64() * 20000 }),
		"soft noise": make16(func(int) float64 { return rnd.NormFloat64() * 20 }),
		"clicks":     make16(func(i int) float64 { return float64(i%997/996) * 32767 }),
		"square":     make16(func(i int) float64 { return float64(i/40%2)*65535 - 32768 }),
		"extremes":   make16(func(int) float64 { return float64(rnd.IntN(2))*65535 - 32768 }),
		"low dc":     make16(func(int) float64 { return -32768 }),
	}
}

func TestAgainstFFmpeg(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed; TestGolden holds what it gave for speech")
	}
	for name, pcm := range signals() {
		theirs := ffmpegEncode(t, pcm)
		ours := encode(pcm, 320)
		if i := firstDifference(ours, theirs); i >= 0 {
			t.Errorf("%s: coded differs from octet %d of %d on", name, i, len(theirs))
		}
		if i := firstDifference(decode(ours, 160), ffmpegDecode(t, ours)); i >= 0 {
			t.Errorf("%s: decoded differs from sample %d on", name, i)
		}
	}
	for name, coded := range octetStreams() {
		if i := firstDifference(decode(coded, 160), ffmpegDecode(t, coded)); i >= 0 {
			t.Errorf("%s: decoded differs from sample %d on", name, i)
		}
	}
}

// octetStreams are octets that no coder would send.
func octetStreams() map[string][]byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	random, alternating := make([]byte, 16000), make([]byte, 16000)
	for i := range random {
		random[i] = byte(rnd.Uint32())
		alternating[i] = 0x35 // of one sign in both bands, then of the other
		if i/(1+i/4000)%2 == 1 {
			alternating[i] = 0xd5
		}
	}
	return map[string][]byte{"random": random, "alternating": alternating}
}

// delay is what coder and decoder add together: 22 samples (G.722 section 3.1).
const delay = 22

func snr(in, out []int16) float64 {
	var signal, noise float64
	for i := delay; i < len(out); i++ {
		x := float64(in[i-delay])
		signal += x * x
		noise += (x - float64(out[i])) * (x - float64(out[i]))
	}
	return 10 * math.Log10(signal/noise)
}

func TestSignalToNoise(t *testing.T) {
	all := signals()
	all["speech"] = samples(golden(t, "speech.s16"))
	for name, least := range map[string]float64{"speech": 17, "sine": 30, "sweep": 20, "soft noise": 8} {
		pcm := all[name]
		got := snr(pcm, decode(encode(pcm, 320), 160))
		t.Logf("%s: %.1f dB", name, got)
		if got < least {
			t.Errorf("%s: signal to noise %.1f dB, want %.0f or more", name, got, least)
		}
	}
}

func TestSizes(t *testing.T) {
	for _, c := range []struct{ pcm, dst, want int }{
		{0, 0, 0}, {1, 4, 0}, {2, 4, 1}, {3, 4, 1}, {320, 160, 160}, {320, 100, 100}, {1000, 500, 500},
	} {
		if n := NewEncoder().Encode(make([]byte, c.dst), make([]int16, c.pcm)); n != c.want {
			t.Errorf("coding %d samples into %d octets gave %d, want %d", c.pcm, c.dst, n, c.want)
		}
	}
	for _, c := range []struct{ payload, dst, want int }{
		{0, 0, 0}, {1, 1, 0}, {1, 2, 2}, {160, 320, 320}, {160, 319, 318}, {500, 4000, 1000},
	} {
		if n := NewDecoder().Decode(make([]int16, c.dst), make([]byte, c.payload)); n != c.want {
			t.Errorf("decoding %d octets into %d samples gave %d, want %d", c.payload, c.dst, n, c.want)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	e, d := NewEncoder(), NewDecoder()
	pcm, coded := make([]int16, 320), make([]byte, 160)
	if n := testing.AllocsPerRun(100, func() { e.Encode(coded, pcm); d.Decode(pcm, coded) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(golden(f, "speech.g722")[:400], 160)
	f.Fuzz(func(t *testing.T, coded []byte, frame int) {
		frame = max(1, min(frame, 4096))
		whole := decode(coded, len(coded)+1)
		if i := firstDifference(decode(coded, frame), whole); i >= 0 {
			t.Errorf("frames of %d differ from sample %d on", frame, i)
		}
	})
}

func BenchmarkEncodeDecode(b *testing.B) {
	e, d := NewEncoder(), NewDecoder()
	pcm := samples(golden(b, "speech.s16"))
	coded, out := make([]byte, 160), make([]int16, 320)
	frames := len(pcm) / 320
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		at := i % frames * 320
		e.Encode(coded, pcm[at:at+320])
		d.Decode(out, coded)
	}
}

func BenchmarkEncode(b *testing.B) {
	e := NewEncoder()
	pcm := samples(golden(b, "speech.s16"))
	coded := make([]byte, 160)
	frames := len(pcm) / 320
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		at := i % frames * 320
		e.Encode(coded, pcm[at:at+320])
	}
}

func BenchmarkDecode(b *testing.B) {
	d := NewDecoder()
	coded := golden(b, "speech.g722")
	out := make([]int16, 320)
	frames := len(coded) / 160
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		at := i % frames * 160
		d.Decode(out, coded[at:at+160])
	}
}
