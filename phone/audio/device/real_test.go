package device

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"housephone/phone/audio"
	"housephone/phone/audio/device/pulsetest"
)

// alsaDir has ALSA's configuration and the files of its devices.
var alsaDir string

// Devices of ALSA's file plugin: "tape" writes what is played to a file, "voice"
// records from one, both at 44.1 kHz in stereo only. libasound reads its
// configuration once in a process.
const asoundConf = `
</usr/share/alsa/alsa.conf>
pcm.raw {
	type file
	slave.pcm { type null }
	file "%[1]s/tape.raw"
	infile "%[1]s/voice.raw"
	format raw
}
pcm.tape { type plug slave { pcm raw rate 44100 channels 2 format S16_LE } route_policy duplicate }
pcm.voice { type plug slave { pcm raw rate 44100 channels 2 format S16_LE } }
`

const cardRate = 44100

func TestMain(m *testing.M) {
	if err := configureALSA(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(alsaDir)
		os.Exit(code)
	}))
}

func configureALSA() error {
	var err error
	if alsaDir, err = os.MkdirTemp("", "alsa"); err != nil {
		return err
	}
	tone, err := audio.NewTone(cardRate, -12, 700)
	if err != nil {
		return err
	}
	pcm := make([]int16, 20*cardRate)
	tone.Read(pcm)
	var voice []byte
	for _, v := range pcm {
		voice = binary.LittleEndian.AppendUint16(voice, uint16(v))
		voice = binary.LittleEndian.AppendUint16(voice, uint16(v))
	}
	config := filepath.Join(alsaDir, "asound.conf")
	return errors.Join(
		os.WriteFile(filepath.Join(alsaDir, "voice.raw"), voice, 0o600),
		os.WriteFile(config, fmt.Appendf(nil, asoundConf, alsaDir), 0o600),
		os.Setenv("ALSA_CONFIG_PATH", config),
	)
}

// journal is a log that tests can read.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(b)
}

func (j *journal) count(part string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.buf.String(), part)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

const lossText, backText = "level=WARN", "sound device is back"

// media does what the media thread of a call does: every 20 ms a frame out and a frame in.
type media struct {
	rate  int
	play  audio.Source
	mu    sync.Mutex
	heard []int16
	stop  chan struct{}
	ended chan struct{}
}

func startMedia(t *testing.T, rate int, src audio.Source, sink audio.Sink, play audio.Source) *media {
	m := &media{rate: rate, play: play, stop: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(m.ended)
		next := time.Now()
		frame := make([]int16, rate/50)
		for {
			select {
			case <-m.stop:
				return
			case <-time.After(time.Until(next)):
			}
			next = next.Add(20 * time.Millisecond)
			if src != nil {
				clear(frame[src.Read(frame):])
				m.mu.Lock()
				m.heard = append(m.heard, frame...)
				m.mu.Unlock()
			}
			if sink != nil {
				clear(frame[play.Read(frame):])
				sink.Write(frame)
			}
		}
	}()
	t.Cleanup(func() { m.end() })
	return m
}

func (m *media) end() {
	select {
	case <-m.stop:
	default:
		close(m.stop)
	}
	<-m.ended
}

// last is the newest sound heard.
func (m *media) last(d time.Duration) []int16 {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := min(len(m.heard), samples(d, m.rate))
	return append([]int16(nil), m.heard[len(m.heard)-n:]...)
}

// eventually waits until ok or fails the test.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func open(t *testing.T, name string, rate int, log *slog.Logger) (*Source, *Sink) {
	t.Helper()
	d, err := Open(name, log)
	if err != nil {
		t.Fatal(err)
	}
	src, err := d.OpenSource(rate)
	if err != nil {
		t.Fatal(err)
	}
	sink, err := d.OpenSink(rate)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = src.Close()
		_ = sink.Close()
	})
	return src.(*Source), sink.(*Sink)
}

func useServer(t *testing.T, server *pulsetest.Server) {
	for _, key := range []string{"PULSE_SERVER", "HOME", "PULSE_COOKIE", "PULSE_RUNTIME_PATH", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"} {
		t.Setenv(key, server.Env(key))
	}
}

func toneHeard(m *media, hz, level float64) bool {
	pcm := m.last(200 * time.Millisecond)
	return len(pcm) == m.rate/5 && math.Abs(audio.ToneLevel(pcm, m.rate, hz)-level) < 1
}

// What is played to the default sound device comes back from it, pitch and level.
func TestCallThroughPulseAudio(t *testing.T) {
	useServer(t, pulsetest.Start(t, pulsetest.Wire))
	for _, rate := range []int{8000, 16000, 48000} {
		var log journal
		src, sink := open(t, "default", rate, log.logger())
		tone, err := audio.NewTone(rate, -12, 440)
		if err != nil {
			t.Fatal(err)
		}
		m := startMedia(t, rate, src, sink, tone)
		eventually(t, "the tone is heard", func() bool { return toneHeard(m, 440, -12) })
		time.Sleep(time.Second)
		eventually(t, "with its pitch", func() bool {
			return math.Abs(audio.Frequency(m.last(300*time.Millisecond), rate)-440) < 2
		})
		t.Logf("%d: source %+v", rate, src.Stats())
		t.Logf("%d: sink   %+v", rate, sink.Stats())
		m.end()
		for _, err := range []error{src.Close(), sink.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
		if n := log.count(lossText); n != 0 {
			t.Errorf("%d warnings:\n%s", n, log.String())
		}
	}
}

// click is a source of silence that gives one loud frame when it is asked to.
type click struct {
	mu   sync.Mutex
	want bool
	at   time.Time
}

func (c *click) Read(frame []int16) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(frame)
	if c.want {
		c.want, c.at = false, time.Now()
		for i := range frame {
			frame[i] = 16000 - int16(i/8%2)*32000 // 1 kHz at 16 kHz
		}
	}
	return len(frame)
}

// delay makes a click and measures how long it takes back to the media thread.
// A click that falls into a gap, as a busy machine makes them, gives false.
func delay(m *media, c *click) (time.Duration, bool) {
	m.mu.Lock()
	from := len(m.heard)
	m.mu.Unlock()
	c.mu.Lock()
	c.want = true
	c.mu.Unlock()
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		m.mu.Lock()
		heard := slices.ContainsFunc(m.heard[from:], func(v int16) bool { return v > 3000 || v < -3000 })
		m.mu.Unlock()
		if heard {
			c.mu.Lock()
			defer c.mu.Unlock()
			return time.Since(c.at), true
		}
	}
	return 0, false
}

// The delay from one call of the media thread to the other, through both
// buffers and the sound server, stays short. The bound leaves room for a busy
// machine; the log has the figure.
func TestDelayThroughPulseAudio(t *testing.T) {
	useServer(t, pulsetest.Start(t, pulsetest.Wire))
	src, sink := open(t, "default", 16000, nil)
	c := &click{}
	m := startMedia(t, 16000, src, sink, c)
	eventually(t, "both are open", func() bool { return src.Stats().Open && sink.Stats().Open })
	time.Sleep(700 * time.Millisecond)
	best, heard := time.Hour, 0
	for try := 0; try < 12 && heard < 6; try++ {
		time.Sleep(130 * time.Millisecond)
		if d, ok := delay(m, c); ok {
			t.Logf("delay %v, source buffer %v, sink buffer %v", d, src.Stats().Buffered, sink.Stats().Buffered)
			best = min(best, d)
			heard++
		}
	}
	t.Logf("source %+v sink %+v", src.Stats(), sink.Stats())
	if best > 250*time.Millisecond {
		t.Errorf("delay %v", best)
	}
}

// A server that ends in the middle of a call costs sound, not the call: one
// warning a direction, then sound again when it is back.
func TestServerKilledAndRestarted(t *testing.T) {
	server := pulsetest.Start(t, pulsetest.Wire)
	useServer(t, server)
	var log journal
	src, sink := open(t, "default", 16000, log.logger())
	tone, err := audio.NewTone(16000, -12, 700)
	if err != nil {
		t.Fatal(err)
	}
	m := startMedia(t, 16000, src, sink, tone)
	eventually(t, "the tone is heard", func() bool { return toneHeard(m, 700, -12) })
	server.Kill()
	eventually(t, "silence", func() bool { return audio.Level(m.last(100*time.Millisecond)) == audio.Silence })
	time.Sleep(1500 * time.Millisecond) // at least one more try
	server.Restart()
	eventually(t, "the tone is heard again", func() bool { return toneHeard(m, 700, -12) })
	eventually(t, "both say so", func() bool { return log.count(backText) == 2 })
	if n := log.count(lossText); n != 2 {
		t.Errorf("%d warnings, want one a direction:\n%s", n, log.String())
	}
	if n := src.Stats().Losses + sink.Stats().Losses; n != 2 {
		t.Errorf("%d losses", n)
	}
}

// A server that is there but answers nothing neither holds the media thread
// nor the end of the call.
func TestServerHangs(t *testing.T) {
	server := pulsetest.Start(t, pulsetest.Wire)
	useServer(t, server)
	var log journal
	src, sink := open(t, "default", 48000, log.logger())
	tone, err := audio.NewTone(48000, -12, 440)
	if err != nil {
		t.Fatal(err)
	}
	m := startMedia(t, 48000, src, sink, tone)
	eventually(t, "the tone is heard", func() bool { return toneHeard(m, 440, -12) })
	server.Signal(syscall.SIGSTOP)
	eventually(t, "warnings", func() bool { return log.count(lossText) == 2 })
	begin := time.Now()
	for _, err := range []error{src.Close(), sink.Close()} {
		if err != nil {
			t.Error(err)
		}
	}
	if d := time.Since(begin); d > 2500*time.Millisecond {
		t.Errorf("Close of both took %v", d)
	}
	server.Signal(syscall.SIGCONT)
}

// A named device that is unplugged is waited for; another one is not used in its place.
func TestNamedDeviceUnplugged(t *testing.T) {
	server := pulsetest.Start(t, pulsetest.Wire)
	useServer(t, server)
	load := []string{"load-module", "module-null-sink", "sink_name=usb", "norewinds=1"}
	module := server.Control(load...)
	var log journal
	d, err := Open("usb", log.logger())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.OpenSource(8000); err == nil {
		t.Error("a sink gives sound")
	}
	mic, err := Open("pulse:usb.monitor", log.logger())
	if err != nil {
		t.Fatal(err)
	}
	out, err := d.OpenSink(8000)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close() //nolint:errcheck // checked elsewhere
	in, err := mic.OpenSource(8000)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close() //nolint:errcheck // checked elsewhere
	tone, err := audio.NewTone(8000, -12, 440)
	if err != nil {
		t.Fatal(err)
	}
	m := startMedia(t, 8000, in, out, tone)
	eventually(t, "the tone is heard", func() bool { return toneHeard(m, 440, -12) })
	server.Control("unload-module", module)
	t.Cleanup(func() { t.Log(log.String()) })
	eventually(t, "one warning a direction", func() bool { return log.count(lossText) == 2 })
	if out := server.Control("list", "sink-inputs"); out != "" {
		t.Errorf("plays elsewhere:\n%s", out)
	}
	server.Control(load...)
	eventually(t, "the tone is heard again", func() bool { return toneHeard(m, 440, -12) })
	if n := log.count(lossText); n != 2 {
		t.Errorf("%d warnings:\n%s", n, log.String())
	}
}

func TestListOfPulseAudio(t *testing.T) {
	server := pulsetest.Start(t, pulsetest.Wire)
	useServer(t, server)
	got, err := List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []Info{
		{Name: "pulse:mic", Driver: "pulse", Description: "Microphone", Capture: true, Default: true},
		{Name: "pulse:speaker", Driver: "pulse", Description: "Speaker", Playback: true, Default: true},
		{Name: "pulse:speaker.monitor", Driver: "pulse", Description: "Monitor of Speaker", Capture: true},
	}
	if len(got) < 3 {
		t.Fatalf("%+v", got)
	}
	for i, w := range want {
		if got[i] != w {
			t.Errorf("%d: %+v, want %+v", i, got[i], w)
		}
	}
	_, err = Open("loudspeaker", nil)
	if err == nil || !strings.Contains(err.Error(), `no sound device "loudspeaker"; there is default, none, pulse:mic, pulse:speaker`) {
		t.Errorf("unknown device: %v", err)
	}
	server.Kill()
	if _, err := Open("loudspeaker", nil); err != nil {
		t.Errorf("a server that is configured but not there yet: %v", err)
	}
	_ = os.Remove(server.Socket())
}
