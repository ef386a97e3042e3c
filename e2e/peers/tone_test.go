package peers

import (
	"math"
	"testing"
	"time"
)

func TestTone(t *testing.T) {
	t.Parallel()
	s, err := ReadWAV(WriteTone(t, 440, time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if s.Rate != 8000 || s.Length() != time.Second {
		t.Fatalf("%d Hz, %v", s.Rate, s.Length())
	}
	if got := s.RMS(); math.Abs(got-16384/math.Sqrt2) > 50 {
		t.Errorf("level %v", got)
	}
	for hz, want := range map[float64]float64{440: 1, 480: 0, 1000: 0} {
		if got := s.Power(hz); math.Abs(got-want) > 0.02 {
			t.Errorf("share at %v Hz is %.3f, want %v", hz, got, want)
		}
	}
	if n := len(s.Last(heard).Samples); n != 3200 {
		t.Errorf("the last %v have %d samples", heard, n)
	}
}

func TestPortsDoNotOverlap(t *testing.T) {
	t.Parallel()
	taken := map[int]bool{}
	for range 3 {
		p := NewPorts(t)
		first, last := p.Range(20, 2)
		if first%2 != 0 || last != first+19 {
			t.Errorf("range %d-%d", first, last)
		}
		for _, port := range []int{p.Next(), p.Pair(), first} {
			if taken[port] {
				t.Errorf("port %d twice", port)
			}
			taken[port] = true
		}
	}
}

func TestProcessEndsAndReports(t *testing.T) {
	t.Parallel()
	p := Start(t, Command{Path: "/bin/sh", Args: []string{"-c", "echo ready; read x; echo got $x; exit 3"}})
	p.WaitLog("ready", time.Second*5)
	p.Say("word")
	if exit := p.Wait(5 * time.Second); exit.Code != 3 {
		t.Errorf("exit %d", exit.Code)
	}
	p.WaitLog("got word", time.Second)
	stubborn := Start(t, Command{Path: "/bin/sh", Args: []string{"-c", "sleep 60 & echo $!; wait"}})
	stubborn.WaitLog(`\d+`, 5*time.Second)
	if exit := stubborn.Kill(); exit.Code != -1 {
		t.Errorf("exit %d", exit.Code)
	}
}
