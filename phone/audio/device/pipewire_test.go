//go:build sound

package device

import (
	"testing"
	"time"

	"housephone/phone/audio"
	"housephone/phone/audio/device/pulsetest"
)

// PipeWire speaks PulseAudio's protocol with an accent of its own: sound goes through it at every rate, and is back
// after it was killed.
func TestSoundThroughPipeWire(t *testing.T) {
	server := pulsetest.StartPipeWire(t, "hall")
	for _, key := range []string{"PULSE_SERVER", "HOME", "PULSE_COOKIE", "PULSE_RUNTIME_PATH", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"} {
		t.Setenv(key, server.Env(key))
	}
	for _, rate := range []int{8000, 16000, 48000} {
		var log journal
		src, sink := openBoth(t, "pulse:hall_mic", "pulse:hall_mouth", rate, &log)
		tone, err := audio.NewTone(rate, -12, 440)
		if err != nil {
			t.Fatal(err)
		}
		m := startMedia(t, rate, src, sink, tone)
		eventually(t, "the tone is heard", func() bool { return toneHeard(m, 440, -12) })
		if rate == 48000 {
			server.Kill()
			eventually(t, "silence", func() bool { return audio.Level(m.last(100*time.Millisecond)) == audio.Silence })
			server.Restart("hall")
			eventually(t, "the tone is heard again", func() bool { return toneHeard(m, 440, -12) })
			if n := log.count(lossText); n < 2 {
				t.Errorf("%d warnings:\n%s", n, log.String())
			}
		}
		m.end()
		for _, err := range []error{src.Close(), sink.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	}
	infos, err := List(t.Context())
	if err != nil || len(infos) < 3 {
		t.Errorf("%+v, %v", infos, err)
	}
}

// openBoth opens a microphone and a loudspeaker of different names.
func openBoth(t *testing.T, mic, loud string, rate int, log *journal) (audio.SourceCloser, audio.SinkCloser) {
	t.Helper()
	from, err := Open(mic, log.logger())
	if err != nil {
		t.Fatal(err)
	}
	to, err := Open(loud, log.logger())
	if err != nil {
		t.Fatal(err)
	}
	src, err := from.OpenSource(rate)
	if err != nil {
		t.Fatal(err)
	}
	sink, err := to.OpenSink(rate)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = src.Close()
		_ = sink.Close()
	})
	return src, sink
}
