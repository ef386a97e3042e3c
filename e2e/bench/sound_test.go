package main

import (
	"slices"
	"testing"
	"time"

	"housephone/phone/phonetest"
)

func TestParseMetric(t *testing.T) {
	const out = "goos: linux\nBenchmarkRoom/64ms-2   \t 1\t 123456 ns/op\t 0.125 echo-left-%\t 0 near-end-lost-dB\nPASS\n"
	for metric, want := range map[string]float64{"ns/op": 123456, "echo-left-%": 0.125, "near-end-lost-dB": 0} {
		if v, ok := parseMetric(out, metric); !ok || v != want {
			t.Errorf("%s: %v, %v", metric, v, ok)
		}
	}
	if v, ok := parseMetric(out, "MB/s"); ok {
		t.Errorf("MB/s: %v", v)
	}
}

func TestClicksArePaired(t *testing.T) {
	at := func(ms ...int) (out []time.Time) {
		for _, v := range ms {
			out = append(out, time.Unix(0, 0).Add(time.Duration(v)*time.Millisecond))
		}
		return out
	}
	got := pairs(at(1000, 1400, 1800, 2200), at(960, 1050, 1456, 2261)) // one from before, one that is lost
	if want := []time.Duration{50 * time.Millisecond, 56 * time.Millisecond, 61 * time.Millisecond}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// The payload type of the offer is taken over.
func TestVoices(t *testing.T) {
	opus, err := opusTone()
	if err != nil {
		t.Fatal(err)
	}
	offer := &phonetest.Msg{Body: []byte("m=audio 4000 RTP/AVP 8 107\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:107 opus/48000/2\r\n")}
	for _, c := range []struct {
		v    voice
		pt   byte
		step uint32
	}{{silence(), 8, 160}, {opus, 107, 960}} {
		v := c.v.agreed(offer)
		if v.pt != c.pt || v.step != c.step {
			t.Errorf("%s: payload type %d, step %d", v.codec, v.pt, v.step)
		}
		m := &phonetest.Msg{Body: v.sdp(4444)}
		if a := m.MediaAddr(); a.Port() != 4444 {
			t.Errorf("%s: %s", v.codec, m.Body)
		}
		p := v.packet(make([]byte, 12, 1500), 3)
		if p[1] != c.pt || p[3] != 3 || p[7] != byte(3*c.step) || len(p) != 12+len(v.payloads[3%len(v.payloads)]) {
			t.Errorf("%s: % x", v.codec, p[:12])
		}
	}
}
