package player_test

import (
	"testing"

	"housephone/phone/audio"
	"housephone/phone/ivr/player"
)

func TestFloor(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		p := player.New()
		src := player.NewFloor(rate).Under(p)
		frame := make([]int16, rate/50)
		for range 200 { // beyond the end of the table
			if n := src.Read(frame); n != len(frame) {
				t.Fatalf("%d of %d samples", n, len(frame))
			}
			if level := audio.Level(frame); level > -55 || level < -72 {
				t.Fatalf("%d Hz: the floor has %.0f dBFS", rate, level)
			}
		}
		clip := player.Clip{1000, -1000, 1000}
		if err := p.Play(player.Item{Sound: clip}); err != nil {
			t.Fatal(err)
		}
		src.Read(frame)
		if frame[0] != 1000 || frame[2] != 1000 || frame[3] > 300 {
			t.Errorf("%d Hz: %v", rate, frame[:6])
		}
		if err := p.Play(player.Item{Sound: make(player.Clip, len(frame))}); err != nil {
			t.Fatal(err)
		}
		if src.Read(frame); audio.Level(frame) < -72 {
			t.Errorf("%d Hz: digital silence is heard", rate)
		}
	}
}

func TestFloorAllocatesNothing(t *testing.T) {
	src := player.NewFloor(8000).Under(player.New())
	frame := make([]int16, 160)
	if n := testing.AllocsPerRun(1000, func() { src.Read(frame) }); n > 0 {
		t.Errorf("%v allocations a frame", n)
	}
}
