package speaker_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"housephone/phone/audio"
	"housephone/phone/audio/speaker"
)

// call is the media thread: it reads and writes once a tick.
type call struct {
	t      testing.TB
	room   *room
	phone  *speaker.Speakerphone
	source audio.SourceCloser
	sink   audio.SinkCloser
	rate   int
	clock  int // frames of 20 ms
	far    []int16
	out    []float64
}

// newCall opens a speakerphone in a room; far is what the far end says.
func newCall(t testing.TB, cfg speaker.Config, rate int, far []float64, length, gain float64) *call {
	t.Helper()
	c := &call{t: t, rate: rate, far: pcm(far)}
	c.room = newRoom(length, 0.012, gain, func(rate int) int { return c.clock * rate / 50 })
	cfg.Capture, cfg.Playback = c.room, c.room
	c.phone = speaker.New(cfg)
	c.openSink()
	c.openSource()
	t.Cleanup(func() { c.close(c.source); c.close(c.sink) })
	return c
}

func (c *call) openSource() {
	c.t.Helper()
	var err error
	if c.source, err = c.phone.Capture().OpenSource(c.rate); err != nil {
		c.t.Fatal(err)
	}
}

func (c *call) openSink() {
	c.t.Helper()
	var err error
	if c.sink, err = c.phone.Playback().OpenSink(c.rate); err != nil {
		c.t.Fatal(err)
	}
}

func (c *call) close(end io.Closer) {
	c.t.Helper()
	if err := end.Close(); err != nil {
		c.t.Error(err)
	}
}

func (c *call) read() {
	frame := make([]int16, c.rate/50)
	n := c.source.Read(frame)
	for _, v := range frame[:n] {
		c.out = append(c.out, float64(v))
	}
}

func (c *call) write() {
	n := c.rate / 50
	frame := make([]int16, n)
	if at := c.clock * n; at+n <= len(c.far) {
		copy(frame, c.far[at:])
	}
	c.sink.Write(frame)
}

// ticks runs for some seconds as the media pacer does it.
func (c *call) ticks(seconds float64) {
	for range int(seconds * 50) {
		c.clock++
		c.read()
		c.write()
	}
}

// erle is by how much the echo was made softer between two times of what was
// read, in seconds.
func (c *call) erle(from, to float64) float64 {
	a, b := int(from*float64(c.rate)), int(to*float64(c.rate))
	return db(power(c.room.echo[a:b]), power(c.out[a:b]))
}

// kept is how loud the near end is in the output, in dB; the delay of the
// processing is known but for some samples.
func (c *call) kept(from, to float64) float64 {
	a, b := int(from*float64(c.rate)), int(to*float64(c.rate))
	want, best := c.room.said[a:b], math.Inf(-1)
	// 10 ms, and 24 samples of 16 kHz for each conversion.
	delay := c.rate / 100
	if c.rate > 16000 {
		delay += 2 * 24 * c.rate / 16000
	}
	for lag := delay - 4; lag <= delay+4; lag++ {
		x := 0.0
		for i, v := range want {
			x += v * c.out[a+lag+i]
		}
		best = max(best, x)
	}
	return 20 * math.Log10(max(best/power(want)/float64(len(want)), 1e-3))
}

func all() speaker.Config { return speaker.Config{Echo: true, Noise: true} }

func TestEchoIsTakenOut(t *testing.T) {
	for _, rate := range []int{8000, 16000, 44100, 48000} {
		for length, gain := range map[float64]float64{0.064: -12, 0.128: 3, 0.256: 0} {
			if rate > 16000 && length != 0.256 {
				continue // the same as at 16 kHz
			}
			t.Run(fmt.Sprintf("%d Hz %v s %v dB", rate, length, gain), func(t *testing.T) {
				c := newCall(t, all(), rate, speech(t, "far", rate, 6), length, gain)
				c.ticks(6)
				got := c.erle(1.5, 5.5)
				st := c.phone.Stats()
				t.Logf("ERLE %.1f dB after 1.5 s; %+v", got, st)
				if got < 25 {
					t.Errorf("ERLE %.1f dB, want 25", got)
				}
				if !st.Cancelling || math.Abs(st.ReturnLoss+gain) > 3 || st.Enhancement < 20 || st.Bypassed != 0 {
					t.Errorf("told %+v, the return loss is %v dB", st, -gain)
				}
			})
		}
	}
}

func TestDoubleTalk(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		for _, length := range []float64{0.064, 0.256} {
			for begin, gain := range map[float64]float64{2: -6, 3: 3} {
				if rate > 16000 && (length != 0.256 || gain > 0) {
					continue // the same as at 16 kHz
				}
				c := newCall(t, all(), rate, speech(t, "far", rate, 9), length, gain)
				c.room.near = append(make([]float64, int(begin*float64(rate))), speech(t, "near", rate, 4)...)
				c.ticks(8)
				if got := c.kept(begin, begin+4); got < -3 || got > 1 {
					t.Errorf("%d Hz, %v s, from %v s: near end at %.1f dB, want -3 at least", rate, length, begin, got)
				}
			}
		}
	}
}

// With all three stages the near end comes out at one level, and the echo does
// not come back up with it.
func TestGain(t *testing.T) {
	const rate = 16000
	cfg := all()
	cfg.Gain = true
	c := newCall(t, cfg, rate, speech(t, "far", rate, 6), 0.128, -6)
	soft := speech(t, "near", rate, 8)
	for i := range soft {
		soft[i] *= 0.3
	}
	c.room.near = append(make([]float64, 6*rate), soft...)
	c.ticks(14)
	if got := c.erle(1.5, 5.5); got < 25 {
		t.Errorf("ERLE %.1f dB, want 25", got)
	}
	if got := db(power(c.out[11*rate:13*rate]), 32768*32768); got < -30 || got > -18 {
		t.Errorf("speech of -33 dBFS comes out at %.1f, want about -23", got)
	}
	if g := c.phone.Stats().Gain; g < 3 || g > 18 {
		t.Errorf("gain of %.1f dB told", g)
	}
}

// The thread that reads and writes does not keep to one order.
func TestAnyOrder(t *testing.T) {
	for name, swapped := range map[string]func(i int, rnd *rand.Rand) bool{
		"write first": func(int, *rand.Rand) bool { return true },
		"at random":   func(_ int, rnd *rand.Rand) bool { return rnd.IntN(2) == 0 },
		"one change":  func(i int, _ *rand.Rand) bool { return i < 7 },
	} {
		const rate = 16000
		c := newCall(t, all(), rate, speech(t, "far", rate, 6), 0.128, -6)
		rnd := rand.New(rand.NewPCG(3, 3))
		for i := range 300 {
			c.clock++
			if swapped(i, rnd) {
				c.write()
				c.read()
			} else {
				c.read()
				c.write()
			}
		}
		if got := c.erle(1.5, 5.5); got < 25 {
			t.Errorf("%s: ERLE %.1f dB, want 25", name, got)
		}
	}
}

// Reads or writes are left out for a while, and the canceller comes to itself.
func TestFramesLeftOut(t *testing.T) {
	const rate = 8000
	for name, skip := range map[string]func(i int) (read, write bool){
		"one read":      func(i int) (bool, bool) { return i != 0, true },
		"one write":     func(i int) (bool, bool) { return true, i != 0 },
		"both":          func(i int) (bool, bool) { return i > 1, i > 1 },
		"many reads":    func(i int) (bool, bool) { return false, true },
		"many writes":   func(i int) (bool, bool) { return true, false },
		"now and then":  func(i int) (bool, bool) { return i%3 != 0, i%4 != 0 },
		"nothing ticks": func(int) (bool, bool) { return false, false },
	} {
		c := newCall(t, all(), rate, speech(t, "far", rate, 16), 0.128, -6)
		c.ticks(3)
		for i := range 100 {
			c.clock++
			read, write := skip(i)
			if read {
				c.read()
			}
			if write {
				c.write()
			}
		}
		at := float64(len(c.out)) / rate
		c.ticks(8)
		if got := c.erle(at+3, at+7.5); got < 25 {
			t.Errorf("%s: ERLE %.1f dB three seconds after it, want 25", name, got)
		}
	}
}

// A source without a sink is a microphone; a sink that is opened and closed
// later changes nothing for the near end.
func TestOneEndOnly(t *testing.T) {
	const rate = 16000
	c := newCall(t, all(), rate, speech(t, "far", rate, 20), 0.128, -6)
	c.room.near = speech(t, "near", rate, 4)
	c.close(c.sink)
	for range 4 * 50 {
		c.clock++
		c.read()
	}
	if got := c.kept(0.5, 3.5); math.Abs(got) > 1 {
		t.Errorf("near end alone at %.1f dB", got)
	}
	c.openSink()
	c.ticks(4)
	if got := c.erle(5.5, 7.5); got < 25 {
		t.Errorf("ERLE %.1f dB 1.5 s after the sink was opened, want 25", got)
	}
	c.close(c.source)
	for range 50 {
		c.clock++
		c.write()
	}
	c.openSource()
	at := float64(len(c.out)) / rate
	c.ticks(4)
	if got := c.erle(at+1.5, at+3.5); got < 25 {
		t.Errorf("ERLE %.1f dB 1.5 s after the source was opened again, want 25", got)
	}
}

// A second call finds the devices with other buffers than the first.
func TestOpenedAgain(t *testing.T) {
	const rate = 16000
	c := newCall(t, all(), rate, speech(t, "far", rate, 30), 0.128, -6)
	c.ticks(4)
	for _, delay := range []float64{0.19, 0.165, 0.005} {
		c.close(c.source)
		c.close(c.sink)
		c.clock += 50
		c.room.delay = delay
		c.openSource()
		c.openSink()
		at := float64(len(c.out)) / rate
		c.ticks(6)
		if got := c.erle(at+3, at+5.5); got < 25 {
			t.Errorf("delay of %v s: ERLE %.1f dB 3 s after the devices were opened, want 25", delay, got)
		}
	}
	if c.room.open != 2 {
		t.Errorf("%d ends are open, want 2", c.room.open)
	}
}

// The loudspeaker alone is opened again while the microphone runs on.
func TestSinkReplaced(t *testing.T) {
	const rate = 16000
	c := newCall(t, all(), rate, speech(t, "far", rate, 30), 0.128, -6)
	c.ticks(4)
	old := c.sink
	c.room.delay = 0.04
	c.openSink()
	c.close(old)
	at := float64(len(c.out)) / rate
	c.ticks(6)
	if got := c.erle(at+2.5, at+5.5); got < 25 {
		t.Errorf("ERLE %.1f dB 2.5 s after it, want 25", got)
	}
}

// A codec of another rate is agreed on; the new ends are opened before the old
// ones are closed.
func TestRateChange(t *testing.T) {
	c := newCall(t, all(), 8000, speech(t, "far", 8000, 4), 0.128, -6)
	c.ticks(4)
	for _, rate := range []int{16000, 48000, 8000} {
		source, sink := c.source, c.sink
		c.rate, c.clock = rate, 0
		c.far, c.out, c.room.echo, c.room.said = pcm(speech(t, "far", rate, 4)), nil, nil, nil
		c.openSource()
		c.openSink()
		c.close(source)
		c.close(sink)
		c.ticks(4)
		if got := c.erle(1.5, 3.5); got < 25 {
			t.Errorf("ERLE %.1f dB 1.5 s after the change to %d Hz, want 25", got, rate)
		}
	}
}

func TestSilenceKeepsWhatWasLearnt(t *testing.T) {
	const rate = 8000
	far := speech(t, "far", rate, 20)
	clear(far[4*rate : 12*rate])
	c := newCall(t, all(), rate, far, 0.128, -6)
	c.ticks(18)
	if got := c.erle(12, 17); got < 25 {
		t.Errorf("ERLE %.1f dB right after 8 s of silence, want 25", got)
	}
}

// A microphone that was unplugged gives silence, then nothing, and is cleaned
// again when it is back.
func TestMicrophoneGone(t *testing.T) {
	const rate = 8000
	c := newCall(t, all(), rate, speech(t, "far", rate, 20), 0.128, -6)
	c.ticks(3)
	c.room.deaf = true
	before := len(c.out)
	c.ticks(3)
	if got := len(c.out) - before; got != rate/2 {
		t.Errorf("%d samples without a microphone, want %d", got, rate/2)
	}
	c.room.deaf = false
	c.out, c.room.echo = nil, nil
	c.ticks(5)
	if got := c.erle(2, 4.5); got < 25 {
		t.Errorf("ERLE %.1f dB 2 s after it is back, want 25", got)
	}
}

// What is not wanted is not done, and a canceller of the sound server is enough.
func TestOff(t *testing.T) {
	const rate = 16000
	for _, c := range []struct {
		name       string
		cfg        speaker.Config
		cancelling bool
		same       bool
	}{
		{"room", speaker.Config{}, false, true},
		{"pulse:alsa_input.usb.echo-cancel", speaker.Config{Echo: true}, false, true},
		{"pulse:echo-cancel-source", speaker.Config{Echo: true, Noise: true}, false, false},
		{"room", speaker.Config{Noise: true}, false, false},
		{"room", speaker.Config{Echo: true}, true, false},
	} {
		clock := 0
		r := newRoom(0.064, 0.01, 0, func(rate int) int { return clock * rate / 50 })
		r.name, r.near = c.name, speech(t, "near", rate, 1)
		c.cfg.Capture = r
		phone := speaker.New(c.cfg)
		source, err := phone.Capture().OpenSource(rate)
		if err != nil {
			t.Fatal(err)
		}
		var out []float64
		frame := make([]int16, rate/50)
		for clock = 1; clock <= 50; clock++ {
			source.Read(frame)
			for _, v := range frame {
				out = append(out, float64(v))
			}
		}
		if err := source.Close(); err != nil {
			t.Error(err)
		}
		if same := slices.Equal(pcm(out), pcm(r.said)); same != c.same {
			t.Errorf("%s, %+v: sound unchanged: %v", c.name, c.cfg, same)
		}
		if got := phone.Stats().Cancelling; got != c.cancelling {
			t.Errorf("%s, %+v: cancelling %v", c.name, c.cfg, got)
		}
	}
}

func TestCancelsEcho(t *testing.T) {
	for name, want := range map[string]bool{
		"default": false, "pulse:alsa_input.pci.analog-stereo": false, "": false, "alsa:hw:1": false, "echo": false,
		"pulse:alsa_input.usb-0.analog-mono.echo-cancel": true,
		"pulse:echo-cancel-source":                       true,
		"Echo-Cancel Source":                             true,
		"echocancel_source":                              true,
		"echo_cancel.mic":                                true,
	} {
		if got := speaker.CancelsEcho(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

// Frames and rates that cannot be processed are heard all the same.
func TestBypass(t *testing.T) {
	clock := 0
	r := newRoom(0.064, 0.01, 0, func(rate int) int { return clock * rate / 50 })
	phone := speaker.New(speaker.Config{Capture: r, Playback: r, Echo: true, Noise: true, Gain: true, Tail: time.Hour})
	for _, c := range []struct {
		rate, frame int
		bypassed    uint64
	}{{22050, 441, 0}, {4000, 80, 0}, {8000, 1, 3}, {8000, 81, 3}, {48000, 240, 3}, {8000, 1920, 3}, {8000, 0, 0}, {8000, 960, 0}} {
		source, err := phone.Capture().OpenSource(c.rate)
		if err != nil {
			t.Fatal(err)
		}
		frame := make([]int16, c.frame)
		for range 3 {
			clock += 20
			if n := source.Read(frame); n != c.frame {
				t.Errorf("%d Hz: %d samples of %d", c.rate, n, c.frame)
			}
		}
		if err := errors.Join(source.Close(), source.Close()); err != nil {
			t.Error(err)
		}
		if n := source.Read(frame); n != 0 {
			t.Errorf("%d samples after Close", n)
		}
		if got := phone.Stats().Bypassed; got != c.bypassed {
			t.Errorf("%d Hz, frame of %d: %d bypassed, want %d", c.rate, c.frame, got, c.bypassed)
		}
	}
	if r.open != 0 {
		t.Errorf("%d ends left open", r.open)
	}
}

func TestDevices(t *testing.T) {
	phone := speaker.New(speaker.Config{})
	if _, err := phone.Capture().OpenSource(8000); !errors.Is(err, audio.ErrNoCapture) {
		t.Errorf("no capture: %v", err)
	}
	if _, err := phone.Playback().OpenSink(8000); !errors.Is(err, audio.ErrNoPlayback) {
		t.Errorf("no playback: %v", err)
	}
	if got := phone.Capture().String() + phone.Playback().String(); got != "nonenone" {
		t.Errorf("names %q", got)
	}
	tone, err := audio.Open("tone:440")
	if err != nil {
		t.Fatal(err)
	}
	phone = speaker.New(speaker.Config{Capture: tone, Playback: tone, Echo: true})
	if _, err := phone.Playback().OpenSink(8000); !errors.Is(err, audio.ErrNoPlayback) {
		t.Errorf("a tone plays: %v", err)
	}
	if _, err := phone.Capture().OpenSource(1); !errors.Is(err, audio.ErrRate) {
		t.Errorf("rate 1: %v", err)
	}
	if _, err := phone.Capture().OpenSink(8000); !errors.Is(err, audio.ErrNoPlayback) {
		t.Errorf("capture plays: %v", err)
	}
	if _, err := phone.Playback().OpenSource(8000); !errors.Is(err, audio.ErrNoCapture) {
		t.Errorf("playback captures: %v", err)
	}
	if got := phone.Capture().String(); got != "tone:440" {
		t.Errorf("name %q", got)
	}
}

// Ends are opened and closed while the media thread reads and writes.
func TestConcurrency(t *testing.T) {
	const rate = 8000
	none, err := audio.Open("none")
	if err != nil {
		t.Fatal(err)
	}
	phone := speaker.New(speaker.Config{Capture: none, Playback: none, Echo: true, Noise: true, Gain: true})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range 20 {
				source, err := phone.Capture().OpenSource(rate)
				if err != nil {
					t.Error(err)
					return
				}
				sink, err := phone.Playback().OpenSink(rate)
				if err != nil {
					t.Error(err)
					return
				}
				var media sync.WaitGroup
				media.Go(func() {
					frame := make([]int16, rate/50)
					for range 10 {
						source.Read(frame)
						sink.Write(frame)
					}
				})
				phone.Stats()
				if err := errors.Join(source.Close(), sink.Close()); err != nil {
					t.Error(err)
				}
				media.Wait()
			}
		})
	}
	wg.Wait()
}

// steady gives and takes sound without any work.
type steady struct{}

func (steady) OpenSource(int) (audio.SourceCloser, error) { return steady{}, nil }
func (steady) OpenSink(int) (audio.SinkCloser, error)     { return steady{}, nil }
func (steady) String() string                             { return "steady" }
func (steady) Close() error                               { return nil }
func (steady) Write([]int16)                              {}
func (steady) Read(frame []int16) int {
	for i := range frame {
		frame[i] = int16(i * 50)
	}
	return len(frame)
}

// frames returns what the media thread does once a tick.
func frames(t testing.TB, rate int) func() {
	phone := speaker.New(speaker.Config{Capture: steady{}, Playback: steady{}, Echo: true, Noise: true, Gain: true})
	source, err := phone.Capture().OpenSource(rate)
	if err != nil {
		t.Fatal(err)
	}
	sink, err := phone.Playback().OpenSink(rate)
	if err != nil {
		t.Fatal(err)
	}
	mic, far := make([]int16, rate/50), pcm(speech(t, "far", rate, 4))
	at := 0
	return func() {
		source.Read(mic)
		sink.Write(far[at : at+len(mic)])
		at = (at + len(mic)) % len(far)
	}
}

func TestNoAllocation(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		if n := testing.AllocsPerRun(200, frames(t, rate)); n != 0 {
			t.Errorf("%d Hz: %v allocations a frame", rate, n)
		}
	}
}

func BenchmarkFrame(b *testing.B) {
	for _, rate := range []int{8000, 16000, 48000} {
		b.Run(fmt.Sprint(rate), func(b *testing.B) {
			f := frames(b, rate)
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}
