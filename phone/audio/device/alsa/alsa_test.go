package alsa

import (
	"testing"
	"time"
)

func TestSyntax(t *testing.T) {
	for name, want := range map[string]bool{
		"hw:1,0": true, "plughw:CARD=Device,DEV=0": true, "hw": true, "sysdefault:CARD=PCH": true,
		"default": false, "alsa_input.usb-Jabra": false, "": false, "pulse:hw:1": false,
	} {
		if got := Syntax(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func TestWorth(t *testing.T) {
	for name, want := range map[string]bool{
		"default": true, "null": true, "intercom": true, "plughw:CARD=USB,DEV=0": true, "sysdefault:CARD=USB": true,
		"hw:CARD=USB,DEV=0": false, "surround51:CARD=USB,DEV=0": false, "samplerate": false, "": false,
	} {
		if got := worth(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

// A card with a clock is never held back; a device without one runs in time.
func TestPace(t *testing.T) {
	const piece = 10 * time.Millisecond
	start := time.Unix(1000, 0)
	for _, tc := range []struct {
		name  string
		speed float64 // of the device's own clock, 0 = none
	}{{"exact", 1}, {"200 ppm fast", 1.0002}, {"200 ppm slow", 0.9998}, {"no clock", 0}} {
		var p pace
		now := start
		var held time.Duration
		const pieces = 60 * 100
		for range pieces {
			if tc.speed > 0 {
				now = now.Add(time.Duration(float64(piece) / tc.speed))
			}
			d := p.wait(now, piece)
			held += d
			now = now.Add(d)
		}
		took, want := now.Sub(start), time.Duration(pieces)*piece
		switch {
		case tc.speed > 0 && held > 0:
			t.Errorf("%s: held back by %v", tc.name, held)
		case took < want-100*time.Millisecond || took > want+100*time.Millisecond:
			t.Errorf("%s: %v of sound took %v", tc.name, want, took)
		}
	}
}

// A card that was late catches up at full speed.
func TestPaceAfterAStall(t *testing.T) {
	var p pace
	now := time.Unix(1000, 0)
	p.wait(now, 30*time.Millisecond) // its buffer at the start
	now = now.Add(2 * time.Second)
	for range 10 {
		if d := p.wait(now, 10*time.Millisecond); d != 0 {
			t.Errorf("held back by %v", d)
		}
	}
}
