package phonetest

import (
	"math"
	"testing"
	"time"
)

func TestToneAndKeys(t *testing.T) {
	for _, pt := range []uint8{0, 8} {
		a, b := NewRTP(t), NewRTP(t)
		stop := a.StartTone(b.Addr(), pt, 440)
		b.AwaitTone(t, 440)
		if f := b.Frequency(); math.Abs(f-440) > 5 {
			t.Errorf("frequency %.0f", f)
		}
		if b.Hears(880) || b.Hears(400) {
			t.Error("hears what is not there")
		}
		if l := b.Level(); math.Abs(l+12) > 0.5 {
			t.Errorf("level %.1f dBFS, want -12", l)
		}
		stop()
		a.SendKeys(b.Addr(), 101, "1#1")
		b.AwaitKeys(t, "1#1")
		a.Tone(b.Addr(), pt, 0, 400*time.Millisecond)
		b.AwaitPackets(t, 0)
		if b.Port()%2 != 0 {
			t.Errorf("odd port %d", b.Port())
		}
	}
}

func TestSilenceHasNoFrequency(t *testing.T) {
	a, b := NewRTP(t), NewRTP(t)
	a.Tone(b.Addr(), 8, 0, 340*time.Millisecond)
	b.Await(t, "15 packets", func(r *RTP) bool { return r.Count() >= 15 })
	if b.Frequency() != 0 || b.Level() > -60 {
		t.Errorf("frequency %.0f at %.0f dBFS", b.Frequency(), b.Level())
	}
}

func TestSequenceIsContinuous(t *testing.T) {
	a, b := NewRTP(t), NewRTP(t)
	a.Tone(b.Addr(), 0, 300, 60*time.Millisecond)
	a.SendKeys(b.Addr(), 96, "5")
	a.Tone(b.Addr(), 0, 300, 40*time.Millisecond)
	b.Await(t, "12 packets", func(r *RTP) bool { return r.Count() == 12 })
	for i, p := range b.Packets() {
		if p.Seq != uint16(100+i) || p.SSRC != b.Packets()[0].SSRC {
			t.Errorf("packet %d: seq %d ssrc %x", i, p.Seq, p.SSRC)
		}
		if wantMarker := i == 0 || i == 3 || i == 10; p.Marker != wantMarker {
			t.Errorf("packet %d: marker %v", i, p.Marker)
		}
	}
}

func TestEcho(t *testing.T) {
	p, a := NewPeer(t), NewRTP(t)
	echo := p.RTP()
	echo.Echo()
	stop := a.StartTone(echo.Addr(), 0, 1000)
	defer stop()
	a.AwaitTone(t, 1000)
	if got := a.Packets()[0]; got.Source != echo.Addr() || got.SSRC != echo.ssrc {
		t.Errorf("echo from %v with ssrc %x", got.Source, got.SSRC)
	}
}

// Reference points of ITU-T G.711 tables 1a and 2a, in 16-bit scale.
func TestG711(t *testing.T) {
	for _, tc := range []struct {
		pt, code byte
		want     float64
	}{
		{0, 0xff, 0}, {0, 0x7f, 0}, {0, 0x80, 32124}, {0, 0x00, -32124}, {0, 0xfe, 8},
		{8, 0xd5, 8}, {8, 0x55, -8}, {8, 0xaa, 32256}, {8, 0x2a, -32256},
	} {
		if got := decode(tc.pt, tc.code); got != tc.want {
			t.Errorf("type %d code %#x: %v, want %v", tc.pt, tc.code, got, tc.want)
		}
		if v := int16(tc.want); v != 0 && encode(tc.pt, v) != tc.code {
			t.Errorf("type %d value %d: %#x, want %#x", tc.pt, v, encode(tc.pt, v), tc.code)
		}
	}
}
