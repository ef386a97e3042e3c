package ringer_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"housephone/phone/audio"
	"housephone/phone/audio/ringer"
)

// speaker is a loudspeaker that notes what it plays.
type speaker struct {
	mu          sync.Mutex
	pcm         []int16
	open, opens int
	tries       int
	at          time.Time     // of the last Close
	slow        time.Duration // of Close
	err         error
	rate        int
}

func (s *speaker) OpenSource(int) (audio.SourceCloser, error) { return nil, audio.ErrNoCapture }
func (s *speaker) String() string                             { return "speaker" }

func (s *speaker) OpenSink(rate int) (audio.SinkCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tries++
	if s.err != nil {
		return nil, s.err
	}
	s.open++
	s.opens++
	s.rate = rate
	return s, nil
}

func (s *speaker) Write(frame []int16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pcm = append(s.pcm, frame...)
}

func (s *speaker) Close() error {
	s.mu.Lock()
	slow := s.slow
	s.mu.Unlock()
	time.Sleep(slow)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	s.at = time.Now()
	return nil
}

func (s *speaker) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *speaker) closesIn(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slow = d
}

// state is how many ends are open, how often one was, and what was played since.
func (s *speaker) state() (open, opens int, pcm []int16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pcm, s.pcm = s.pcm, nil
	return s.open, s.opens, pcm
}

// bench runs a ringer in a bubble.
func bench(t *testing.T, cfg ringer.Config, f func(t *testing.T, r *ringer.Ringer, s *speaker, log *bytes.Buffer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, log := &speaker{}, &bytes.Buffer{}
		cfg.Device, cfg.Log = s, slog.New(slog.NewTextHandler(log, nil))
		r, err := ringer.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		synctest.Wait()
		f(t, r, s, log)
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("run: %v", err)
		}
		if s.open != 0 {
			t.Errorf("%d ends left open", s.open)
		}
	})
}

func show(r *ringer.Ringer, l ringer.Line) { r.Show(ringer.State{Line: l}) }

func TestSounds(t *testing.T) {
	for _, c := range []struct {
		name    string
		country string
		state   ringer.State
		hz      []float64
	}{
		{"ringback", "", ringer.State{Line: ringer.Dialling}, []float64{425}},
		{"ringback", "us", ringer.State{Line: ringer.Dialling}, []float64{440, 480}},
		{"busy", "gb", ringer.State{Line: ringer.Ended, Cause: ringer.Busy}, []float64{400}},
		{"congestion", "US", ringer.State{Line: ringer.Ended, Cause: ringer.Failed}, []float64{480, 620}},
		{"ring", "de", ringer.State{Line: ringer.Incoming}, []float64{659.26, 1318.51}},
	} {
		bench(t, ringer.Config{Country: c.country}, func(t *testing.T, r *ringer.Ringer, s *speaker, _ *bytes.Buffer) {
			r.Show(c.state)
			time.Sleep(210 * time.Millisecond)
			open, _, pcm := s.state()
			if open != 1 || s.rate != 16000 {
				t.Errorf("%s: %d open at %d Hz", c.name, open, s.rate)
			}
			// One frame at once and one each 20 ms.
			if len(pcm) != 11*320 {
				t.Fatalf("%s: %d samples in 210 ms", c.name, len(pcm))
			}
			for _, hz := range c.hz {
				if l := audio.ToneLevel(pcm, 16000, hz); l < -35 {
					t.Errorf("%s %s: %v Hz at %.1f dBFS", c.country, c.name, hz, l)
				}
			}
			show(r, ringer.Active)
			synctest.Wait()
			if open, _, _ := s.state(); open != 0 {
				t.Errorf("%s: open while the call is active", c.name)
			}
		})
	}
}

// The device is open only while there is something to play.
func TestOpenOnlyWhenNeeded(t *testing.T) {
	bench(t, ringer.Config{}, func(t *testing.T, r *ringer.Ringer, s *speaker, log *bytes.Buffer) {
		for _, l := range []ringer.Line{ringer.EarlyMedia, ringer.Active, ringer.Ended, ringer.Idle} {
			show(r, l)
			time.Sleep(time.Second)
		}
		if _, opens, _ := s.state(); opens != 0 {
			t.Errorf("opened %d times", opens)
		}
		show(r, ringer.Dialling)
		time.Sleep(time.Second)
		r.Show(ringer.State{Line: ringer.Ended, Cause: ringer.Busy})
		show(r, ringer.Idle) // at once, as the phone does
		begin := time.Now()
		time.Sleep(10 * time.Second)
		open, opens, _ := s.state()
		if open != 0 || opens != 1 {
			t.Errorf("%d open after %d times", open, opens)
		}
		if d := s.at.Sub(begin); d < 5*time.Second || d > 5020*time.Millisecond {
			t.Errorf("the busy tone lasted %v", d)
		}
		if log.Len() > 0 {
			t.Errorf("log: %s", log)
		}
	})
}

func TestVolume(t *testing.T) {
	bench(t, ringer.Config{Volume: 10}, func(t *testing.T, r *ringer.Ringer, s *speaker, _ *bytes.Buffer) {
		for _, c := range []struct {
			step int
			want float64
		}{{-1, -38}, {10, -38}, {20, -18}, {99, -18}, {0, audio.Silence}} {
			if c.step >= 0 {
				r.SetVolume(c.step)
			}
			show(r, ringer.Dialling)
			time.Sleep(210 * time.Millisecond)
			show(r, ringer.Idle)
			synctest.Wait()
			_, _, pcm := s.state()
			if got := audio.ToneLevel(pcm[320:], 16000, 425); math.Abs(got-c.want) > 1 {
				t.Errorf("volume %d: %.1f dBFS, want %.1f", c.step, got, c.want)
			}
		}
	})
}

func TestKey(t *testing.T) {
	bench(t, ringer.Config{}, func(t *testing.T, r *ringer.Ringer, s *speaker, _ *bytes.Buffer) {
		r.Keys("x")
		time.Sleep(time.Second)
		if _, opens, _ := s.state(); opens != 0 {
			t.Error("a key that does not exist beeps")
		}
		r.Keys("5")
		time.Sleep(time.Second)
		open, opens, pcm := s.state()
		if open != 0 || opens != 1 {
			t.Fatalf("%d open after %d times", open, opens)
		}
		for _, hz := range []float64{770, 1336} {
			if l := audio.ToneLevel(pcm[:1600], 16000, hz); math.Abs(l+22) > 2 {
				t.Errorf("%v Hz at %.1f dBFS", hz, l)
			}
		}
		if l := audio.Level(pcm[1600:]); l != audio.Silence {
			t.Errorf("%.1f dBFS after the beep", l)
		}
	})
}

// A call that opens its loudspeaker gets it when the ringer has let go, and
// hears its keys beep.
func TestShare(t *testing.T) {
	bench(t, ringer.Config{}, func(t *testing.T, r *ringer.Ringer, s *speaker, _ *bytes.Buffer) {
		const slow = 200 * time.Millisecond
		s.closesIn(slow)
		line := &speaker{}
		calls := r.Share(line)
		show(r, ringer.Incoming)
		time.Sleep(time.Second)
		begin := time.Now()
		sink, err := calls.OpenSink(8000)
		if err != nil {
			t.Fatal(err)
		}
		if open, _, _ := s.state(); open != 0 || time.Since(begin) != slow {
			t.Errorf("%d open, after %v", open, time.Since(begin))
		}
		show(r, ringer.Active)
		speech := make([]int16, 160)
		for i := range speech {
			speech[i] = 1000
		}
		want := speech[0]
		for i := range 10 {
			if i == 2 {
				r.Keys("1")
			}
			sink.Write(speech)
		}
		if speech[0] != want || speech[159] != want {
			t.Error("the frame of the call was changed")
		}
		_, _, pcm := line.state()
		for i, v := range pcm {
			pcm[i] = v - 1000
		}
		for _, c := range []struct {
			from, to int
			loud     bool
		}{{0, 320, false}, {320, 1120, true}, {1120, 1600, false}} {
			for _, hz := range []float64{697, 1209} {
				if l := audio.ToneLevel(pcm[c.from:c.to], 8000, hz); (l > -25) != c.loud {
					t.Errorf("samples %d to %d: %v Hz at %.1f dBFS", c.from, c.to, hz, l)
				}
			}
		}
		// The next call rings when this one has closed.
		show(r, ringer.Incoming)
		time.Sleep(time.Second)
		if open, opens, _ := s.state(); open != 0 || opens != 1 {
			t.Errorf("%d open, %d times, while a call has its loudspeaker", open, opens)
		}
		if err := errors.Join(sink.Close(), sink.Close()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if open, _, _ := s.state(); open != 1 || line.open != 0 {
			t.Errorf("%d and %d open, want the ringer's alone", open, line.open)
		}
	})
}

// Several keys beep one after the other, as they are sent.
func TestKeysInACall(t *testing.T) {
	bench(t, ringer.Config{KeyEvery: 200 * time.Millisecond}, func(t *testing.T, r *ringer.Ringer, _ *speaker, _ *bytes.Buffer) {
		line := &speaker{}
		sink, err := r.Share(line).OpenSink(8000)
		if err != nil {
			t.Fatal(err)
		}
		show(r, ringer.Active)
		r.Keys("1x,2")
		frame := make([]int16, 160)
		for range 60 {
			clear(frame)
			sink.Write(frame)
		}
		_, _, pcm := line.state()
		for _, c := range []struct {
			from, to time.Duration
			hz       float64 // 0 = silence
		}{{0, 100, 1209}, {100, 700, 0}, {700, 800, 1336}, {800, 1200, 0}} {
			part := pcm[c.from*8+16 : c.to*8-16]
			if c.hz == 0 && audio.Level(part) > -60 || c.hz > 0 && audio.ToneLevel(part, 8000, c.hz) < -25 {
				t.Errorf("%d to %d ms: %.1f dBFS, of it %v Hz %.1f dBFS", c.from, c.to, audio.Level(part), c.hz, audio.ToneLevel(part, 8000, c.hz))
			}
		}
		if err := sink.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A loudspeaker that does not open leaves the ringer as it was; one that does
// not close holds no call up.
func TestShareFails(t *testing.T) {
	bench(t, ringer.Config{}, func(t *testing.T, r *ringer.Ringer, s *speaker, log *bytes.Buffer) {
		gone := errors.New("gone")
		show(r, ringer.Incoming)
		time.Sleep(100 * time.Millisecond)
		if _, err := r.Share(&speaker{err: gone}).OpenSink(8000); !errors.Is(err, gone) {
			t.Errorf("open: %v", err)
		}
		synctest.Wait()
		if open, _, _ := s.state(); open != 1 {
			t.Errorf("%d open after it", open)
		}
		s.closesIn(3 * time.Second)
		begin := time.Now()
		sink, err := r.Share(&speaker{}).OpenSink(8000)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took != time.Second {
			t.Errorf("waited %v", took)
		}
		if !strings.Contains(log.String(), "does not close") {
			t.Errorf("log: %s", log)
		}
		time.Sleep(5 * time.Second)
		s.closesIn(0)
		if err := sink.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A device that is missing is told of once and tried again.
func TestDeviceMissing(t *testing.T) {
	bench(t, ringer.Config{}, func(t *testing.T, r *ringer.Ringer, s *speaker, log *bytes.Buffer) {
		s.fail(errors.New("unplugged"))
		show(r, ringer.Incoming)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if n := strings.Count(log.String(), "unplugged"); n != 1 {
			t.Errorf("told %d times: %s", n, log)
		}
		if s.tries < 4 || s.tries > 6 {
			t.Errorf("%d tries in 5 s", s.tries)
		}
		s.fail(nil)
		time.Sleep(1100 * time.Millisecond)
		if open, opens, _ := s.state(); open != 1 || opens != 1 {
			t.Errorf("%d open, %d times", open, opens)
		}
	})
}

func wav(t *testing.T, hz float64, seconds float64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ring.wav")
	w, err := audio.CreateWAV(path, 8000)
	if err != nil {
		t.Fatal(err)
	}
	tone, err := audio.NewTone(8000, -12, hz)
	if err != nil {
		t.Fatal(err)
	}
	frame := make([]int16, int(8000*seconds))
	tone.Read(frame)
	w.Write(frame)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRingFile(t *testing.T) {
	bench(t, ringer.Config{RingFile: wav(t, 1000, 0.25)}, func(t *testing.T, r *ringer.Ringer, s *speaker, log *bytes.Buffer) {
		show(r, ringer.Incoming)
		time.Sleep(2 * time.Second)
		_, _, pcm := s.state()
		for at := 0; at+3200 <= len(pcm); at += 3200 {
			if l := audio.ToneLevel(pcm[at:at+3200], 16000, 1000); math.Abs(l+12) > 2 {
				t.Errorf("%.1f dBFS at %d ms", l, at/16)
			}
		}
		if log.Len() > 0 {
			t.Errorf("log: %s", log)
		}
	})
}

// A ring file that cannot be used is told of once, and the built-in tone rings.
func TestRingFileBad(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string]string{
		"empty": "", "text": strings.Repeat("no sound ", 100),
		"head":   "RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00",
		"silent": "RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data\x00\x00\x00\x00",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"empty", "text", "head", "silent", "missing", "."} {
		bench(t, ringer.Config{RingFile: filepath.Join(dir, name)}, func(t *testing.T, r *ringer.Ringer, s *speaker, log *bytes.Buffer) {
			for range 3 {
				show(r, ringer.Incoming)
				time.Sleep(200 * time.Millisecond)
				show(r, ringer.Idle)
				synctest.Wait()
			}
			_, _, pcm := s.state()
			if l := audio.ToneLevel(pcm[:3200], 16000, 659.26); l < -35 {
				t.Errorf("%s: the built-in tone at %.1f dBFS", name, l)
			}
			if n := strings.Count(log.String(), "level=WARN"); n != 1 {
				t.Errorf("%s: told %d times: %s", name, n, log)
			}
		})
	}
}

func TestConfig(t *testing.T) {
	for _, cfg := range []ringer.Config{
		{Country: "zz"}, {Volume: -1}, {Volume: 21}, {Rate: 7999}, {Rate: 48001},
	} {
		if _, err := ringer.New(cfg); !errors.Is(err, ringer.ErrConfig) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	// Without a device everything works and nothing is heard.
	synctest.Test(t, func(t *testing.T) {
		r, err := ringer.New(ringer.Config{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		show(r, ringer.Incoming)
		r.Keys("1")
		if err := r.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

// Whoever calls when: nothing waits, nothing stays open. Real time.
func TestConcurrency(t *testing.T) {
	s := &speaker{}
	r, err := ringer.New(ringer.Config{Device: s})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			frame := make([]int16, 160)
			for n := range 50 {
				r.Show(ringer.State{Line: ringer.Line((n + i) % 6), Cause: ringer.Cause(n % 3)})
				r.Keys("7")
				r.SetVolume(n % 21)
				sink, err := r.Share(s).OpenSink(8000)
				if err != nil {
					t.Error(err)
					return
				}
				sink.Write(frame)
				if err := sink.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	cancel()
	<-ended
	if open, _, _ := s.state(); open != 0 {
		t.Errorf("%d ends left open", open)
	}
}

func TestNoAllocation(t *testing.T) {
	r, err := ringer.New(ringer.Config{})
	if err != nil {
		t.Fatal(err)
	}
	none, err := audio.Open("none")
	if err != nil {
		t.Fatal(err)
	}
	sink, err := r.Share(none).OpenSink(8000)
	if err != nil {
		t.Fatal(err)
	}
	frame := make([]int16, 160)
	if n := testing.AllocsPerRun(100, func() { sink.Write(frame) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
	r.Keys("1")
	if n := testing.AllocsPerRun(3, func() { sink.Write(frame) }); n != 0 {
		t.Errorf("%v allocations a frame with a beep", n)
	}
}
