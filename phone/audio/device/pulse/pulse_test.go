package pulse

import (
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"housephone/phone/audio"
	"housephone/phone/audio/device/pulsetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDevicesOfARealServer(t *testing.T) {
	server := pulsetest.Start(t, pulsetest.Wire)
	list, err := Devices(t.Context(), server.Env)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []Device{
		{Name: "mic", Description: "Microphone", Capture: true, Default: true, Driver: "module-remap-source.c"},
		{Name: "speaker.monitor", Description: "Monitor of Speaker", Capture: true, Monitor: true, Driver: "module-null-sink.c"},
		{Name: "speaker", Description: "Speaker", Default: true, Driver: "module-null-sink.c"},
	} {
		if !slices.Contains(list, want) {
			t.Errorf("no %+v in %+v", want, list)
		}
	}
	if len(list) != 3 {
		t.Errorf("%d devices", len(list))
	}
}

// What is played must be heard, with its level and pitch, after the time that
// was asked for and little more.
func TestPlayAndRecord(t *testing.T) {
	server := pulsetest.Start(t, pulsetest.Wire)
	const rate = 16000
	mic, err := Open(t.Context(), server.Env, "mic", true, rate)
	if err != nil {
		t.Fatal(err)
	}
	speaker, err := Open(t.Context(), server.Env, "", false, rate)
	if err != nil {
		t.Fatal(err)
	}
	tone, err := audio.NewTone(rate, -12, 440)
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan []int16, 1000)
	if err := mic.Start(func(pcm []int16) { heard <- slices.Clone(pcm) }); err != nil {
		t.Fatal(err)
	}
	var on atomic.Int64 // when the tone began, in ns
	var begin atomic.Bool
	if err := speaker.Start(func(pcm []int16) {
		clear(pcm)
		if begin.Load() {
			on.CompareAndSwap(0, time.Now().UnixNano())
			tone.Read(pcm)
		}
	}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond)
	begin.Store(true)
	var pcm []int16
	var latency time.Duration
	for len(pcm) < rate {
		piece := <-heard
		if latency == 0 && audio.Level(piece) > -30 {
			latency = time.Since(time.Unix(0, on.Load()))
		}
		if latency != 0 {
			pcm = append(pcm, piece...)
		}
	}
	t.Logf("latency %v", latency)
	if latency > 250*time.Millisecond {
		t.Errorf("latency %v", latency)
	}
	clean := false // a busy machine leaves gaps
	for piece := range slices.Chunk(pcm, rate/10) {
		clean = clean || math.Abs(audio.ToneLevel(piece, rate, 440)+12) < 0.3
	}
	if !clean {
		t.Error("the tone does not come back")
	}
	for _, s := range []*Stream{mic, speaker} {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// The default device has a name once it records.
func TestNameOfTheDefault(t *testing.T) {
	server := pulsetest.Start(t, pulsetest.Wire)
	s, err := Open(t.Context(), server.Env, "", true, 16000)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(func([]int16) {}); err != nil {
		t.Fatal(err)
	}
	if got := s.Device(); got != "mic" {
		t.Errorf("the default records from %q", got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
