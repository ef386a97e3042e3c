package codec

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"housephone/phone/codec/opus"
)

func TestByName(t *testing.T) {
	for _, tc := range []struct {
		name string
		ok   bool
		pt   uint8
	}{
		{"pcmu", true, 0}, {"PCMU", true, 0}, {"PcmA", true, 8}, {"g722", true, 9}, {"Opus", true, 96},
		{"l16", true, 97}, {"L16/16000", true, 97}, {"l16/8000", true, 98}, {"l16/44100", false, 0}, {"opus/48000", true, 96},
		{"", false, 0}, {"pcm", false, 0}, {"pcmu ", false, 0},
	} {
		c, ok := ByName(tc.name)
		if ok != tc.ok || c.PayloadType != tc.pt {
			t.Errorf("ByName(%q) = %v, %v", tc.name, c, ok)
		}
	}
}

func TestEveryCodecOfTheTableWorks(t *testing.T) {
	for _, c := range Table() {
		enc, err := c.NewEncoder()
		if err != nil {
			t.Fatal(err)
		}
		dec, err := c.NewDecoder()
		if err != nil {
			t.Fatal(err)
		}
		pcm := make([]int16, c.Samples(20*time.Millisecond))
		for i := range pcm {
			pcm[i] = int16(1000 * (i%16 - 8))
		}
		payload := make([]byte, 1500)
		n := enc.Encode(payload, pcm)
		if n == 0 || n > 1280 {
			t.Errorf("%v: a packet of %d bytes", c, n)
		}
		got := make([]int16, len(pcm))
		if m := dec.Decode(got, payload[:n]); m != len(pcm) {
			t.Errorf("%v: %d samples came back as %d", c, len(pcm), m)
		}
		allocs := testing.AllocsPerRun(100, func() {
			n := enc.Encode(payload, pcm)
			dec.Decode(got, payload[:n])
		})
		if allocs != 0 {
			t.Errorf("%v: %v allocations a frame", c, allocs)
		}
	}
}

// A second of speech-like sound comes back at its level with every codec.
func TestEveryCodecKeepsTheSound(t *testing.T) {
	for _, c := range Table() {
		enc, err := c.NewEncoder()
		if err != nil {
			t.Fatal(err)
		}
		dec, err := c.NewDecoder()
		if err != nil {
			t.Fatal(err)
		}
		frame := c.Samples(20 * time.Millisecond)
		pcm, got, payload := make([]int16, frame), make([]int16, frame), make([]byte, 1500)
		var in, out float64
		for i := range 50 {
			for j := range pcm {
				at := float64(i*frame+j) / float64(c.SampleRate)
				pcm[j] = int16(6000*math.Sin(2*math.Pi*440*at) + 3000*math.Sin(2*math.Pi*1200*at))
			}
			n := dec.Decode(got, payload[:enc.Encode(payload, pcm)])
			for j := range n {
				in += float64(pcm[j]) * float64(pcm[j])
				out += float64(got[j]) * float64(got[j])
			}
		}
		if db := 10 * math.Log10(out/in); in == 0 || math.Abs(db) > 1 {
			t.Errorf("%v: the level changes by %.2f dB", c, db)
		}
	}
}

func TestTable(t *testing.T) {
	types := map[uint8]bool{}
	for _, c := range Table() {
		if types[c.PayloadType] {
			t.Errorf("%v shares payload type %d", c, c.PayloadType)
		}
		types[c.PayloadType] = true
	}
	var names []string
	for _, c := range Default() {
		names = append(names, c.String())
	}
	if got := strings.Join(names, ","); got != "G722/8000,PCMA/8000,PCMU/8000" {
		t.Errorf("default: %s", got)
	}
}

func TestL16(t *testing.T) {
	var c l16
	if n := c.Encode(make([]byte, 3), []int16{1, 2}); n != 2 {
		t.Errorf("%d bytes, one sample fits", n)
	}
	payload := make([]byte, 6)
	c.Encode(payload, []int16{-2, 256, 32767})
	if want := []byte{0xff, 0xfe, 1, 0, 0x7f, 0xff}; !bytes.Equal(payload, want) {
		t.Errorf("% x, want % x", payload, want)
	}
	pcm := make([]int16, 8)
	if n := c.Decode(pcm, payload[:5]); n != 2 || pcm[0] != -2 || pcm[1] != 256 {
		t.Errorf("%d samples: %v", n, pcm)
	}
}

func TestPtime(t *testing.T) {
	for _, tc := range []struct {
		name         string
		wished, want int
	}{
		{"pcma", 60, 60}, {"g722", 10, 10}, {"opus", 10, 20}, {"opus", 60, 20},
		{"l16", 20, 20}, {"l16", 60, 40}, {"l16/8000", 60, 60},
	} {
		c, _ := ByName(tc.name)
		if got := c.Ptime(time.Duration(tc.wished) * time.Millisecond); got != time.Duration(tc.want)*time.Millisecond {
			t.Errorf("%s at %d ms: %v", tc.name, tc.wished, got)
		}
	}
}

func TestOpusParameters(t *testing.T) {
	for fmtp, want := range map[string]opus.Config{
		"":                                       {Rate: 48000},
		"useinbandfec=1":                         {Rate: 48000, FEC: true},
		"stereo=1; useinbandfec=1 ; x":           {Rate: 48000, FEC: true},
		"useinbandfec=0;maxaveragebitrate=9000":  {Rate: 48000, Bitrate: 9000},
		"maxaveragebitrate=1":                    {Rate: 48000, Bitrate: 6000},
		"maxaveragebitrate=510000":               {Rate: 48000},
		"maxaveragebitrate=-5;useinbandfec=yes":  {Rate: 48000},
		"maxaveragebitrate=99999999999999999999": {Rate: 48000},
	} {
		if got := opusConfig(48000, fmtp); got != want {
			t.Errorf("%q: %+v, want %+v", fmtp, got, want)
		}
		c, _ := ByName("opus")
		if _, err := c.NewEncoderFor(fmtp); err != nil {
			t.Errorf("%q: %v", fmtp, err)
		}
	}
}

func FuzzFmtp(f *testing.F) {
	f.Add("useinbandfec=1;maxaveragebitrate=20000")
	f.Fuzz(func(t *testing.T, fmtp string) {
		cfg := opusConfig(48000, fmtp)
		if cfg.Bitrate != 0 && (cfg.Bitrate < 6000 || cfg.Bitrate >= 32000) {
			t.Errorf("%q: %d bit/s", fmtp, cfg.Bitrate)
		}
	})
}

func TestFrameSizes(t *testing.T) {
	c := Codec{Name: "G722", ClockRate: 8000, SampleRate: 16000, Channels: 1}
	if n := c.Samples(20 * time.Millisecond); n != 320 {
		t.Errorf("samples: %d", n)
	}
	if n := c.Timestamps(20 * time.Millisecond); n != 160 {
		t.Errorf("timestamps: %d", n)
	}
	if s := c.String(); s != "G722/8000" {
		t.Errorf("rtpmap: %s", s)
	}
}

func TestUnknownCodec(t *testing.T) {
	c := Codec{Name: "GSM"}
	if _, err := c.NewEncoder(); !errors.Is(err, ErrUnknown) {
		t.Errorf("encoder: %v", err)
	}
	if _, err := c.NewDecoder(); !errors.Is(err, ErrUnknown) {
		t.Errorf("decoder: %v", err)
	}
}
