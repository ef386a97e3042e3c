package codec

import (
	"errors"
	"testing"
	"time"
)

func TestByName(t *testing.T) {
	for _, tc := range []struct {
		name string
		ok   bool
		pt   uint8
	}{
		{"pcmu", true, 0}, {"PCMU", true, 0}, {"PcmA", true, 8},
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
