//go:build cgo && linux

package device

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"housephone/phone/audio"
)

// useALSA leaves this process no sound server, only what TestMain configures:
// the devices "tape" and "voice".
func useALSA(t *testing.T) {
	t.Helper()
	t.Setenv("PULSE_SERVER", "")
	t.Setenv("PULSE_RUNTIME_PATH", "")
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
}

func TestALSAFilePlugin(t *testing.T) {
	useALSA(t)
	var log journal
	d, err := Open("voice", log.logger())
	if err != nil {
		t.Fatal(err)
	}
	in, err := d.OpenSource(16000)
	if err != nil {
		t.Fatal(err)
	}
	src := in.(*Source)
	defer src.Close() //nolint:errcheck // checked elsewhere
	m := startMedia(t, 16000, src, nil, nil)
	eventually(t, "the voice is heard", func() bool { return toneHeard(m, 700, -12) })
	eventually(t, "with its pitch", func() bool {
		return math.Abs(audio.Frequency(m.last(300*time.Millisecond), 16000)-700) < 3
	})
	t.Logf("source %+v", src.Stats())
	m.end()
	if err := src.Close(); err != nil {
		t.Error(err)
	}

	if d, err = Open("alsa:tape", log.logger()); err != nil {
		t.Fatal(err)
	}
	out, err := d.OpenSink(8000)
	if err != nil {
		t.Fatal(err)
	}
	sink := out.(*Sink)
	tone, err := audio.NewTone(8000, -12, 440)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "open", func() bool { return sink.Stats().Open })
	m = startMedia(t, 8000, nil, sink, tone)
	time.Sleep(1500 * time.Millisecond)
	t.Logf("sink %+v", sink.Stats())
	m.end()
	if err := sink.Close(); err != nil {
		t.Error(err)
	}
	checkTape(t, filepath.Join(alsaDir, "tape.raw"))
	if n := log.count(lossText); n != 0 {
		t.Errorf("%d warnings:\n%s", n, log.String())
	}
}

// checkTape looks for the tone in the end of what was played.
func checkTape(t *testing.T, path string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	left := make([]int16, len(raw)/4)
	for i := range left {
		left[i] = int16(binary.LittleEndian.Uint16(raw[4*i:]))
	}
	// The devices have no clock: what was written must be about as long as it took.
	if s := float64(len(left)) / cardRate; s < 1 || s > 6 {
		t.Fatalf("%.2f s on the tape", s)
	}
	// A busy machine leaves gaps; between them the tone is what it was.
	for piece := range slices.Chunk(left, cardRate/10) {
		if math.Abs(audio.ToneLevel(piece, cardRate, 440)+12) < 0.5 {
			return
		}
	}
	t.Error("the tone is not on the tape")
}

// The null plugin takes and gives as fast as it is called; it must not eat the processor.
func TestALSANullPlugin(t *testing.T) {
	useALSA(t)
	src, sink := open(t, "alsa:null", 8000, nil)
	tone, err := audio.NewTone(8000, -12, 440)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "open", func() bool { return src.Stats().Open && sink.Stats().Open })
	m := startMedia(t, 8000, src, sink, tone)
	time.Sleep(time.Second)
	eventually(t, "silence is captured", func() bool { return src.buf.reads.Load() > 10 && sink.buf.reads.Load() > 10 })
	m.end()
	t.Logf("source %+v sink %+v", src.Stats(), sink.Stats())
	// A second of sound at full speed would be thousands of seconds.
	if d := src.Stats().Dropped; d > 8*8000 {
		t.Errorf("%d samples dropped: the device is not held back", d)
	}
}

func TestALSADeviceMissing(t *testing.T) {
	useALSA(t)
	var log journal
	src, sink := open(t, "hw:CARD=Speakerphone,DEV=0", 8000, log.logger())
	eventually(t, "warnings", func() bool { return log.count(lossText) == 2 })
	frame := make([]int16, 160)
	if n := src.Read(frame); n != 0 {
		t.Errorf("%d samples", n)
	}
	sink.Write(frame)
	for _, err := range []error{src.Close(), sink.Close()} {
		if err != nil {
			t.Error(err)
		}
	}
}

func TestListOfALSA(t *testing.T) {
	useALSA(t)
	list, err := List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, d := range list {
		if d.Driver != "alsa" || !d.Capture && !d.Playback {
			t.Errorf("%+v", d)
		}
		found = found || d.Name == "alsa:null" && d.Capture && d.Playback
	}
	if !found {
		t.Errorf("no null device in %+v", list)
	}
}
