package opus

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/thesyncim/gopus/container/ogg"

	"housephone/phone/codec/g722"
)

// speech returns two and a half seconds of a voice at 48 kHz, made from a recording at
// 16 kHz.
func speech(t testing.TB) []int16 {
	t.Helper()
	raw, err := os.ReadFile("../../audio/echo/testdata/far.g722")
	if err != nil {
		t.Fatal(err)
	}
	wide := make([]int16, 2*len(raw))
	g722.NewDecoder().Decode(wide, raw)
	out := make([]int16, 120000)
	for i := range out {
		a, b, w := float64(wide[i/3]), float64(wide[i/3+1]), float64(i%3)/3
		out[i] = int16(a + (b-a)*w)
	}
	return out
}

// at returns pcm (48 kHz) at a lower rate.
func at(pcm []int16, rate int) []int16 {
	by := 48000 / rate
	out := make([]int16, len(pcm)/by)
	for i := range out {
		sum := 0
		for _, v := range pcm[i*by : (i+1)*by] {
			sum += int(v)
		}
		out[i] = int16(sum / by)
	}
	return out
}

func encoder(t testing.TB, cfg Config) *Encoder {
	t.Helper()
	e, err := NewEncoder(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func decoder(t testing.TB, rate int) *Decoder {
	t.Helper()
	d, err := NewDecoder(rate)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func encode(t testing.TB, cfg Config, pcm []int16) [][]byte {
	t.Helper()
	e := encoder(t, cfg)
	var packets [][]byte
	buf := make([]byte, MaxPacket)
	for i := 0; i+e.Frame() <= len(pcm); i += e.Frame() {
		packets = append(packets, slices.Clone(buf[:e.Encode(buf, pcm[i:i+e.Frame()])]))
	}
	return packets
}

func decode(t testing.TB, rate int, packets [][]byte) []int16 {
	t.Helper()
	d := decoder(t, rate)
	var pcm []int16
	buf := make([]int16, 6*d.Frame())
	for i, p := range packets {
		n := d.Decode(buf, p)
		if n == 0 {
			t.Fatalf("packet %d of %d octets is refused", i, len(p))
		}
		pcm = append(pcm, buf[:n]...)
	}
	return pcm
}

func ratio(want, got []int16) float64 {
	var s, e float64
	for i := range min(len(want), len(got)) {
		d := float64(want[i]) - float64(got[i])
		s += float64(want[i]) * float64(want[i])
		e += d * d
	}
	return 10 * math.Log10((s+1)/(e+1))
}

// best returns the ratio at the delay where it is greatest, and that delay.
func best(want, got []int16, most int) (snr float64, delay int) {
	snr = -100
	for d := range most {
		if v := ratio(want[:len(want)-most], got[d:]); v > snr {
			snr, delay = v, d
		}
	}
	return snr, delay
}

func ffmpeg(t testing.TB, in []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ffmpeg", append([]string{"-v", "error", "-nostdin"}, args...)...)
	cmd.Stdin = bytes.NewReader(in)
	out, errs := new(bytes.Buffer), new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = out, errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("ffmpeg %v: %v: %s", args, err, errs)
	}
	return out.Bytes()
}

func octets(pcm []int16) []byte {
	raw := make([]byte, 2*len(pcm))
	for i, v := range pcm {
		binary.LittleEndian.PutUint16(raw[2*i:], uint16(v))
	}
	return raw
}

func samples(raw []byte) []int16 {
	pcm := make([]int16, len(raw)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(raw[2*i:]))
	}
	return pcm
}

// unpack returns the packets of an Ogg file and how many samples to skip.
func unpack(t testing.TB, file []byte) (packets [][]byte, skip int) {
	t.Helper()
	r, err := ogg.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	for {
		p, _, err := r.ReadPacket()
		if errors.Is(err, io.EOF) {
			return packets, int(r.Header.PreSkip)
		}
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, p)
	}
}

func pack(t testing.TB, packets [][]byte) []byte {
	t.Helper()
	file := new(bytes.Buffer)
	w, err := ogg.NewWriter(file, 48000, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packets {
		if err := w.WritePacket(p, 960); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// libopus.ogg was coded, and libopus.s16 decoded from 0.5 to 0.9 s, by libopus.
func TestGolden(t *testing.T) {
	file, err := os.ReadFile("testdata/libopus.ogg")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile("testdata/libopus.s16")
	if err != nil {
		t.Fatal(err)
	}
	want := samples(raw)
	packets, skip := unpack(t, file)
	got := decode(t, 48000, packets)[skip+24000:][:len(want)]
	for i := range want {
		if d := int(want[i]) - int(got[i]); d < -1 || d > 1 {
			t.Fatalf("sample %d is %d, libopus gives %d", i, got[i], want[i])
		}
	}
}

func needFFmpeg(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed; TestGolden holds what libopus gave")
	}
}

func TestDecodesLibopus(t *testing.T) {
	needFFmpeg(t)
	pcm := speech(t)
	for _, args := range [][]string{
		{"-b:a", "12k", "-application", "voip"},
		{"-b:a", "24k", "-application", "voip", "-fec", "1", "-packet_loss", "10"},
		{"-b:a", "64k", "-application", "audio"},
		{"-b:a", "32k", "-application", "lowdelay", "-frame_duration", "10"},
		{"-b:a", "24k", "-application", "voip", "-frame_duration", "60"},
		{"-b:a", "32k", "-ac", "2"},
	} {
		cmd := append([]string{"-f", "s16le", "-ar", "48000", "-ac", "1", "-i", "pipe:0", "-c:a", "libopus"}, args...)
		file := ffmpeg(t, octets(pcm), append(cmd, "-f", "ogg", "pipe:1")...)
		packets, skip := unpack(t, file)
		theirs := samples(ffmpeg(t, file, "-c:a", "libopus", "-i", "pipe:0", "-ac", "1", "-f", "s16le", "pipe:1"))
		ours := decode(t, 48000, packets)[skip:]
		if v := ratio(theirs, ours); v < 60 {
			t.Errorf("%v: %.1f dB between our decoding and libopus'", args, v)
		}
		narrow := decode(t, 16000, packets)[skip/3:]
		if v, _ := best(at(theirs, 16000), narrow, 40); v < 12 {
			t.Errorf("%v: decoded at 16 kHz: %.1f dB", args, v)
		}
	}
}

func TestLibopusDecodesOurs(t *testing.T) {
	needFFmpeg(t)
	pcm := speech(t)
	for _, cfg := range []Config{{}, {Bitrate: 12000}, {Bitrate: 64000, Complexity: 10}, {FEC: true}, {Rate: 16000}, {Rate: 8000}, {Rate: 24000}} {
		rate := max(cfg.Rate, 1)
		if cfg.Rate == 0 {
			rate = 48000
		}
		packets := encode(t, cfg, at(pcm, rate))
		// The writer tells 312 samples to skip.
		theirs := samples(ffmpeg(t, pack(t, packets), "-c:a", "libopus", "-i", "pipe:0", "-f", "s16le", "pipe:1"))
		ours := decode(t, 48000, packets)[312:]
		if v := ratio(ours, theirs); v < 60 || len(theirs) < len(ours)-960 {
			t.Errorf("%+v: %.1f dB between libopus' decoding and ours", cfg, v)
		}
	}
}

func TestQuality(t *testing.T) {
	pcm := speech(t)
	for _, rate := range []int{8000, 12000, 16000, 24000, 48000} {
		in := at(pcm, rate)
		packets := encode(t, Config{Rate: rate}, in)
		total := 0
		for _, p := range packets {
			total += len(p)
		}
		snr, delay := best(in, decode(t, rate, packets), rate/50)
		t.Logf("%d Hz: %.1f dB, delay %.1f ms, %d bit/s", rate, snr, 1000*float64(delay)/float64(rate), total*16/5)
		if snr < 8 {
			t.Errorf("%d Hz: signal to noise %.1f dB, want 8", rate, snr)
		}
		if bits := total * 16 / 5; bits < 10000 || bits > 40000 {
			t.Errorf("%d Hz: %d bit/s", rate, bits)
		}
	}
}

// A lost packet must be better filled with the copy in the next one than
// without, and either better than silence.
func TestLoss(t *testing.T) {
	in := at(speech(t), 16000)
	packets := encode(t, Config{Rate: 16000, FEC: true, Loss: 20, Bitrate: 32000}, in)
	clean := decode(t, 16000, packets)
	var copied, concealed []int16
	var lost []int16
	plain, fec := decoder(t, 16000), decoder(t, 16000)
	a, b := make([]int16, 1920), make([]int16, 1920)
	copies := 0
	for i, p := range packets {
		if i%7 != 6 || i+1 == len(packets) {
			plain.Decode(a, p)
			fec.Decode(b, p)
			continue
		}
		if HasFEC(packets[i+1]) {
			copies++
		}
		if n := plain.Lost(a, nil); n != 320 {
			t.Fatalf("%d samples without the next packet", n)
		}
		if n := fec.Lost(b, packets[i+1]); n != 320 {
			t.Fatalf("%d samples with the next packet", n)
		}
		concealed, copied = append(concealed, a[:320]...), append(copied, b[:320]...)
		lost = append(lost, clean[i*320:(i+1)*320]...)
	}
	x, y := ratio(lost, concealed), ratio(lost, copied)
	t.Logf("%d of %d lost packets have a copy: %.1f dB with it, %.1f dB without", copies, len(lost)/320, y, x)
	if copies == 0 || y < x+2 || x < 0 {
		t.Errorf("%d copies: %.1f dB with them, %.1f dB without", copies, y, x)
	}
	if n := plain.Lost(make([]int16, 319), nil); n != 0 {
		t.Errorf("%d samples in a short frame", n)
	}
	if HasFEC(encode(t, Config{Rate: 16000}, in[:3200])[5]) {
		t.Error("a copy in a packet without FEC")
	}
}

func TestDTX(t *testing.T) {
	in := slices.Concat(at(speech(t), 16000)[:32000], make([]int16, 48000))
	for _, dtx := range []bool{false, true} {
		sent := 0
		for _, p := range encode(t, Config{Rate: 16000, DTX: dtx}, in)[120:] {
			if len(p) > 0 {
				sent++
			}
		}
		if dtx && sent > 30 || !dtx && sent != 130 {
			t.Errorf("DTX %v: %d of 130 packets of silence are sent", dtx, sent)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, cfg := range []Config{{Rate: 44100}, {Rate: -1}, {Bitrate: 1}, {Bitrate: 1 << 20}, {Loss: 101}, {Loss: -1}, {Complexity: 11}, {Complexity: -1}} {
		if _, err := NewEncoder(cfg); err == nil {
			t.Errorf("%+v: no error", cfg)
		}
	}
	if _, err := NewDecoder(44100); !errors.Is(err, ErrRate) {
		t.Errorf("decoder at 44100 Hz: %v", err)
	}
	e, d := encoder(t, Config{}), decoder(t, 0)
	buf := make([]byte, MaxPacket)
	for _, n := range []int{0, 1, 480, 959, 961, 1920} {
		if got := e.Encode(buf, make([]int16, n)); got != 0 {
			t.Errorf("a frame of %d samples gives %d octets", n, got)
		}
	}
	pcm := make([]int16, 5760)
	for _, p := range [][]byte{nil, {}, {3}, {0xff, 0xff}, bytes.Repeat([]byte{0xfb}, 2000)} {
		if n := d.Decode(pcm, p); n != 0 {
			t.Errorf("payload % x: %d samples", p[:min(len(p), 4)], n)
		}
	}
	packet := buf[:e.Encode(buf, speech(t)[4800:5760])]
	if n := d.Decode(pcm[:959], packet); n != 0 {
		t.Errorf("%d samples where there is no room", n)
	}
	if n := d.Decode(pcm, packet); n != 960 {
		t.Errorf("after refused packets a good one gives %d samples", n)
	}
}

// One decoder, thousands of damaged packets: none may end the process, and good
// ones must be heard again afterwards.
func TestDamagedPackets(t *testing.T) {
	rnd := rand.New(rand.NewPCG(4, 2))
	good := encode(t, Config{FEC: true}, speech(t)[:48000])
	d := decoder(t, 16000)
	pcm := make([]int16, 6*d.Frame())
	for range 3000 {
		p := slices.Clone(good[rnd.IntN(len(good))])
		for range rnd.IntN(4) {
			p[rnd.IntN(min(len(p), 1+rnd.IntN(40)))] = byte(rnd.Uint32())
		}
		p = p[:1+rnd.IntN(len(p))]
		d.Decode(pcm, p)
		if rnd.IntN(4) == 0 {
			d.Lost(pcm, p)
		}
	}
	for _, p := range good[:5] {
		if n := d.Decode(pcm, p); n != d.Frame() {
			t.Fatalf("a good packet gives %d samples", n)
		}
	}
}

func FuzzDecode(f *testing.F) {
	file, err := os.ReadFile("testdata/libopus.ogg")
	if err != nil {
		f.Fatal(err)
	}
	packets, _ := unpack(f, file)
	for i := 0; i+1 < len(packets); i += 9 {
		f.Add(packets[i], packets[i+1], uint8(i))
	}
	f.Fuzz(func(t *testing.T, one, two []byte, kind uint8) {
		rate := []int{8000, 12000, 16000, 24000, 48000}[kind%5]
		d := decoder(t, rate)
		pcm := make([]int16, 6*d.Frame())
		for _, p := range [][]byte{one, two} {
			if n := d.Decode(pcm, p); n < 0 || n > len(pcm) {
				t.Fatalf("%d samples", n)
			}
			if n := d.Lost(pcm, p); n != 0 && n != d.Frame() {
				t.Fatalf("%d samples of a lost packet", n)
			}
			d.Lost(pcm, nil)
		}
		if n := d.Decode(pcm, packets[20]); n != d.Frame() {
			t.Fatalf("after it, a good packet gives %d samples", n)
		}
	})
}

// FEC costs copies of the encoder's state in gopus; nothing else allocates.
func TestAllocation(t *testing.T) {
	for most, cfg := range map[float64]Config{0: {}, 0.5: {Rate: 16000}, 6: {Rate: 16000, FEC: true}} {
		e := encoder(t, cfg)
		in := at(speech(t), e.Frame()*50)
		d := decoder(t, e.Frame()*50)
		buf, pcm, i := make([]byte, MaxPacket), make([]int16, 6*e.Frame()), 0
		call := func() {
			d.Decode(pcm, buf[:e.Encode(buf, in[i:i+e.Frame()])])
			i = (i + e.Frame()) % (len(in) - e.Frame())
		}
		for range 250 { // its buffers grow at first
			call()
		}
		if n := testing.AllocsPerRun(200, call); n > most {
			t.Errorf("%+v: %v allocations a frame, want %v at most", cfg, n, most)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, rate := range []int{16000, 48000} {
		for _, complexity := range []int{1, 5, 10} {
			b.Run(fmt.Sprintf("%d/complexity%d", rate, complexity), func(b *testing.B) {
				e := encoder(b, Config{Rate: rate, Complexity: complexity})
				in := at(speech(b), rate)
				buf, i := make([]byte, MaxPacket), 0
				b.ReportAllocs()
				for b.Loop() {
					e.Encode(buf, in[i:i+e.Frame()])
					i = (i + e.Frame()) % (len(in) - e.Frame())
				}
			})
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, rate := range []int{16000, 48000} {
		b.Run(fmt.Sprint(rate), func(b *testing.B) {
			packets := encode(b, Config{Rate: rate}, at(speech(b), rate))
			d := decoder(b, rate)
			pcm, i := make([]int16, d.Frame()), 0
			b.ReportAllocs()
			for b.Loop() {
				d.Decode(pcm, packets[i])
				i = (i + 1) % len(packets)
			}
		})
	}
}
