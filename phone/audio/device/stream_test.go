package device

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"housephone/phone/audio"
)

var errBusy = errors.New("busy")

// fake is a sound system whose only device comes and goes as a test likes.
type fake struct {
	mu     sync.Mutex
	fail   error         // of open
	block  chan struct{} // open waits for it
	hang   chan struct{} // Close of a session waits for it
	opens  int
	live   *fakeSession
	prefix string
	meant  bool
}

func (f *fake) name() string { return f.prefix }

func (f *fake) list(context.Context) ([]Info, error) {
	if f.fail != nil {
		return nil, f.fail
	}
	return []Info{{Name: "card", Capture: true}, {Name: "card", Playback: true}, {Name: "mic", Capture: true, Default: true}}, nil
}

func (f *fake) knows(name string) bool { return strings.HasPrefix(name, "hw:") }

func (f *fake) awaited() bool { return f.meant }

func (f *fake) open(_ context.Context, r request) (session, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opens++
	if f.block != nil {
		block := f.block
		f.mu.Unlock()
		<-block
		f.mu.Lock()
	}
	if f.fail != nil {
		return nil, f.fail
	}
	f.live = &fakeSession{capture: r.capture, done: make(chan struct{}), quit: make(chan struct{}), hang: f.hang}
	return f.live, nil
}

func (f *fake) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = err
	if err != nil && f.live != nil {
		f.live.lose(err)
		f.live = nil
	}
}

func (f *fake) tries() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.opens
}

type fakeSession struct {
	capture bool
	done    chan struct{}
	quit    chan struct{}
	hang    chan struct{}
	err     error
	once    sync.Once
	wg      sync.WaitGroup
}

func (s *fakeSession) Rate() int              { return 48000 }
func (s *fakeSession) Latency() time.Duration { return 10 * time.Millisecond }
func (s *fakeSession) Done() <-chan struct{}  { return s.done }
func (s *fakeSession) Err() error             { return s.err }

func (s *fakeSession) Start(f func([]int16)) error {
	s.wg.Go(func() {
		piece := make([]int16, 480)
		for i := range piece {
			piece[i] = 1000
		}
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-s.quit:
				return
			case <-tick.C:
				f(piece)
			}
		}
	})
	return nil
}

func (s *fakeSession) lose(err error) {
	s.once.Do(func() {
		s.err = err
		close(s.done)
	})
}

func (s *fakeSession) Close() error {
	s.lose(nil)
	close(s.quit)
	s.wg.Wait()
	if s.hang != nil {
		<-s.hang
	}
	return nil
}

func shortTimes() times {
	return times{retry: 10 * time.Millisecond, silent: 50 * time.Millisecond, close: 300 * time.Millisecond, drain: 100 * time.Millisecond}
}

func (f *fake) device(t *testing.T, log *journal) *device {
	t.Helper()
	dev, err := newDriver(log.logger(), []system{f}).Open("fake:card")
	if err != nil {
		t.Fatal(err)
	}
	d := dev.(*device)
	d.times = shortTimes()
	return d
}

func source(t *testing.T, d *device) *Source {
	t.Helper()
	s, err := d.OpenSource(16000)
	if err != nil {
		t.Fatal(err)
	}
	return s.(*Source)
}

func TestDeviceComesAndGoes(t *testing.T) {
	var log journal
	f := &fake{prefix: "fake", fail: errBusy}
	s := source(t, f.device(t, &log))
	defer s.Close() //nolint:errcheck // checked elsewhere
	frame := make([]int16, 320)
	eventually(t, "several tries", func() bool { return f.tries() > 3 })
	if n := s.Read(frame); n != 0 {
		t.Errorf("%d samples of a device that is busy", n)
	}
	if n := log.count(lossText); n != 1 || log.count("err=busy") != 1 {
		t.Errorf("%d warnings:\n%s", n, log.String())
	}
	for round := 1; round <= 2; round++ {
		f.set(nil)
		eventually(t, "sound", func() bool { return s.Read(frame) == 320 && frame[300] > 900 })
		eventually(t, "news of it", func() bool { return log.count(backText) == round })
		f.set(errBusy)
		eventually(t, "a warning", func() bool { return log.count(lossText) == round+1 })
		eventually(t, "silence", func() bool { return s.Read(frame) == 0 })
	}
	if st := s.Stats(); st.Losses != 2 || st.Open {
		t.Errorf("%+v", st)
	}
}

func TestCloseDoesNotWaitForAHangingDriver(t *testing.T) {
	for _, name := range []string{"open", "close"} {
		t.Run(name, func(t *testing.T) {
			var log journal
			gate := make(chan struct{})
			f := &fake{prefix: "fake"}
			if name == "open" {
				f.block = gate
			} else {
				f.hang = gate
			}
			s := source(t, f.device(t, &log))
			if name == "open" {
				eventually(t, "a warning", func() bool { return log.count("perhaps another program holds it") == 1 })
			} else {
				eventually(t, "open", func() bool { return s.Stats().Open })
			}
			begin := time.Now()
			if err := s.Close(); !errors.Is(err, ErrHangs) {
				t.Errorf("Close: %v", err)
			}
			if d := time.Since(begin); d > 2*time.Second {
				t.Errorf("Close took %v", d)
			}
			if err := s.Close(); err != nil {
				t.Errorf("second Close: %v", err)
			}
			close(gate)
			<-s.ended // nothing stays behind once the driver lets go
		})
	}
}

func TestSinkPlaysToTheEnd(t *testing.T) {
	var log journal
	f := &fake{prefix: "fake"}
	dev := f.device(t, &log)
	dev.times.drain = 2 * time.Second
	sc, err := dev.OpenSink(16000)
	if err != nil {
		t.Fatal(err)
	}
	s := sc.(*Sink)
	eventually(t, "open", func() bool { return s.Stats().Open })
	s.Write(make([]int16, 160)) // too short to begin by itself at once
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if st := s.Stats(); st.Buffered != 0 {
		t.Errorf("%v left", st.Buffered)
	}
	s.Write(make([]int16, 320))
	if st := s.Stats(); st.Buffered != 0 {
		t.Error("takes sound after Close")
	}
}

func TestSinkDropsWhileThereIsNoDevice(t *testing.T) {
	var log journal
	f := &fake{prefix: "fake", fail: errBusy}
	s, err := f.device(t, &log).OpenSink(8000)
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		s.Write(make([]int16, 160))
	}
	if st := s.(*Sink).Stats(); st.Dropped < 100*160-8192 {
		t.Errorf("%+v", st)
	}
	begin := time.Now()
	if err := s.Close(); err != nil || time.Since(begin) > time.Second {
		t.Errorf("Close: %v after %v", err, time.Since(begin))
	}
}

func TestNames(t *testing.T) {
	f, g := &fake{prefix: "one"}, &fake{prefix: "two"}
	d := newDriver(nil, []system{f, g})
	for _, tc := range []struct {
		name string
		ok   bool
	}{
		{"default", true}, {"one", true}, {"one:default", true}, {"two:card", true}, {"card", true},
		{"two:not there yet", true}, {"hw:1,0", true}, {"three:card", false}, {"", false}, {"speaker", false},
	} {
		dev, err := d.Open(tc.name)
		if (err == nil) != tc.ok {
			t.Errorf("%q: %v", tc.name, err)
		}
		if err == nil && dev.String() != tc.name {
			t.Errorf("%q calls itself %q", tc.name, dev)
		}
		if err != nil && !errors.Is(err, audio.ErrNoDevice) {
			t.Errorf("%q: %v", tc.name, err)
		}
	}
	if f.opens+g.opens != 0 {
		t.Error("a device was opened by its name")
	}
	_, err := d.Open("speaker")
	want := `no sound device "speaker"; there is default, none, one:mic, one:card, two:mic, two:card`
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	f.fail = errBusy
	if _, err = d.Open("speaker"); err == nil || err.Error() != `no sound device "speaker"; there is default, none, two:mic, two:card; busy` {
		t.Errorf("%v", err)
	}
	f.meant = true
	if _, err = d.Open("speaker"); err != nil {
		t.Errorf("a system that is to come: %v", err)
	}
}

func TestDevicesRefuse(t *testing.T) {
	d := newDriver(nil, []system{&fake{prefix: "one"}})
	mic, err := d.Open("mic")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mic.OpenSink(8000); !errors.Is(err, audio.ErrNoPlayback) {
		t.Errorf("playback to a microphone: %v", err)
	}
	for _, rate := range []int{0, -8000, 3999, 192001} {
		if _, err := mic.OpenSource(rate); !errors.Is(err, audio.ErrRate) {
			t.Errorf("%d Hz: %v", rate, err)
		}
	}
}

func TestOpenKnowsWhatNeedsNoDriver(t *testing.T) {
	for _, spec := range []string{"none", "tone:440"} {
		if d, err := Open(spec, nil); err != nil || d.String() != spec {
			t.Errorf("%s: %v", spec, err)
		}
	}
	if _, err := Open("tone:x", nil); !errors.Is(err, audio.ErrSpec) {
		t.Errorf("tone:x: %v", err)
	}
	if d, err := audio.Open("default", Drivers(nil)...); err != nil || d.String() != "default" {
		t.Errorf("default: %v", err)
	}
}

// FuzzNames holds that no name does more than fail.
func FuzzNames(f *testing.F) {
	for _, name := range []string{"default", "one:card", "hw:1", ":", "one:", "card\x00"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		dev, err := newDriver(nil, []system{&fake{prefix: "one"}}).Open(name)
		if err == nil && dev.String() != name {
			t.Errorf("%q calls itself %q", name, dev)
		}
	})
}
