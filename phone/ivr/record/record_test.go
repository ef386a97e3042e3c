package record

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
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
	"housephone/phone/ivr/internal/wave"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a disk of limited size.
type memory struct {
	mu     sync.Mutex
	data   []byte
	limit  int
	closed int
}

func (m *memory) WriteAt(p []byte, at int64) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.limit > 0 && int(at)+len(p) > m.limit {
		return 0, syscall.ENOSPC
	}
	if need := int(at) + len(p); need > len(m.data) {
		m.data = append(m.data, make([]byte, need-len(m.data))...)
	}
	return copy(m.data[at:], p), nil
}

func (m *memory) Sync() error { return nil }

func (m *memory) Close() error { m.closed++; return nil }

// channel reads one channel of the file.
func (m *memory) channel(t *testing.T, ch, channels int) []int16 {
	t.Helper()
	size := int(binary.LittleEndian.Uint32(m.data[40:]))
	if !bytes.Equal(m.data[:wave.HeaderSize], wave.Header(8000, channels, int64(size))) || len(m.data) < wave.HeaderSize+size {
		t.Fatalf("header % x for %d bytes", m.data[:wave.HeaderSize], len(m.data))
	}
	var pcm []int16
	for i := wave.HeaderSize + 2*ch; i < wave.HeaderSize+size; i += 2 * channels {
		pcm = append(pcm, int16(binary.LittleEndian.Uint16(m.data[i:])))
	}
	return pcm
}

func record(t *testing.T, cfg Config) (*Recording, *memory) {
	t.Helper()
	cfg.Rate = 8000
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		t.Fatal(err)
	}
	m := &memory{}
	return newRecording(m, "x.wav", cfg, func() error { return nil }), m
}

func constant(v int16, d time.Duration) []int16 {
	return slices.Repeat([]int16{v}, int(d.Seconds()*8000))
}

func flush(t *testing.T, r *Recording, last bool) Reason {
	t.Helper()
	reason, err := r.flush(last)
	if err != nil {
		t.Fatal(err)
	}
	return reason
}

func TestStereo(t *testing.T) {
	r, m := record(t, Config{Stereo: true})
	r.Near().Write([]int16{1, 2, 3})
	flush(t, r, false)
	r.Far().Write([]int16{-1, -2, -3, -4})
	flush(t, r, false)
	if l, rr := m.channel(t, 0, 2), m.channel(t, 1, 2); !slices.Equal(l, []int16{1, 2, 3}) || !slices.Equal(rr, []int16{-1, -2, -3}) {
		t.Errorf("left %v right %v", l, rr)
	}
	r.Near().Write([]int16{4, 5})
	flush(t, r, true)
	if l, rr := m.channel(t, 0, 2), m.channel(t, 1, 2); !slices.Equal(l, []int16{1, 2, 3, 4, 5}) || !slices.Equal(rr, []int16{-1, -2, -3, -4, 0}) {
		t.Errorf("left %v right %v", l, rr)
	}
}

// TestOneEndIsSilent: when nothing comes from one end, the other is written all
// the same, and both are in time again when it comes back.
func TestOneEndIsSilent(t *testing.T) {
	r, m := record(t, Config{Stereo: true})
	for range 10 {
		r.Far().Write(constant(7, 100*time.Millisecond))
		flush(t, r, false)
	}
	r.Near().Write([]int16{5})
	r.Far().Write([]int16{6})
	flush(t, r, true)
	l, rr := m.channel(t, 0, 2), m.channel(t, 1, 2)
	if len(l) < 8000 || len(l) != len(rr) || !slices.Contains(l, 5) || slices.Index(rr, 6) != 8000 {
		t.Errorf("%d and %d samples, %d", len(l), len(rr), slices.Index(rr, 6))
	}
	if at := slices.Index(l, 5); at < 8000-int(maxApart.Seconds()*8000) {
		t.Errorf("near end %d samples early", 8000-at)
	}
}

func TestLimits(t *testing.T) {
	r, m := record(t, Config{MaxLength: time.Second})
	r.Near().Write(constant(1, time.Second)) // not recorded
	r.Far().Write(constant(9000, 700*time.Millisecond))
	if got := flush(t, r, false); got != "" {
		t.Errorf("after 0.7 s: %s", got)
	}
	r.Far().Write(constant(9000, 700*time.Millisecond))
	if got := flush(t, r, false); got != Length {
		t.Errorf("after 1.4 s: %s", got)
	}
	if pcm := m.channel(t, 0, 1); len(pcm) != 8000 || pcm[7999] != 9000 {
		t.Errorf("%d samples", len(pcm))
	}

	r, _ = record(t, Config{MaxSilence: time.Second})
	for i, step := range []struct {
		v    int16
		ms   int
		want Reason
	}{{20, 900, ""}, {9000, 100, ""}, {20, 990, ""}, {9000, 200, ""}, {20, 500, ""}, {20, 600, Silence}} {
		r.Far().Write(constant(step.v, time.Duration(step.ms)*time.Millisecond))
		if got := flush(t, r, false); got != step.want {
			t.Errorf("step %d: %q, want %q", i, got, step.want)
		}
	}
	if spoken := r.duration(r.meter.spoken); spoken < 250*time.Millisecond || spoken > 350*time.Millisecond {
		t.Errorf("spoken %v", spoken)
	}
}

// TestReadWhileItGrows: the file is a whole WAV file at any time.
func TestReadWhileItGrows(t *testing.T) {
	path := t.TempDir()
	d := open(t, path)
	r, err := d.Create("call", Config{Rate: 16000, Stereo: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan Result)
	go func() {
		result, err := r.Run(ctx)
		if err != nil {
			t.Error(err)
		}
		done <- result
	}()
	frame := slices.Repeat([]int16{8000, -8000}, 160)
	var last int
	for begin := time.Now(); last < 16000 && time.Since(begin) < 20*time.Second; {
		r.Near().Write(frame)
		r.Far().Write(frame)
		time.Sleep(2 * time.Millisecond)
		b, err := os.ReadFile(filepath.Join(path, "call.wav"))
		if err != nil {
			t.Fatal(err)
		}
		pcm, rate, err := audio.ReadWAV(bytes.NewReader(b))
		if err != nil || rate != 16000 || len(pcm) < last {
			t.Fatalf("%d samples after %d, %v", len(pcm), last, err)
		}
		if last = len(pcm); slices.Contains(pcm, 0) {
			t.Fatal("announced before it was written")
		}
	}
	cancel()
	result := <-done
	if result.Reason != Stopped || result.Name != "call.wav" || result.Length < time.Second || result.Spoken < time.Second/2 {
		t.Errorf("%+v", result)
	}
}

func TestDiskFull(t *testing.T) {
	r, m := record(t, Config{})
	m.limit = wave.HeaderSize + 100_000 // more than one flush can bring
	done := make(chan struct{})
	var result Result
	var err error
	go func() {
		defer close(done)
		result, err = r.Run(t.Context())
	}()
	frame := constant(9000, 20*time.Millisecond)
	for running := true; running; {
		r.Far().Write(frame)
		select {
		case <-done:
			running = false
		case <-time.After(time.Millisecond):
		}
	}
	if !errors.Is(err, syscall.ENOSPC) || result.Reason != Disk || m.closed != 1 {
		t.Errorf("%+v %v, closed %d times", result, err, m.closed)
	}
	if got := len(m.channel(t, 0, 1)); got == 0 || got > 50_000 || r.duration(got) != result.Length {
		t.Errorf("%d samples announced, length %v", got, result.Length)
	}
}

// TestDiskGuard: a nearly full disk ends no call, only takes no recording.
func TestDiskGuard(t *testing.T) {
	d := open(t, t.TempDir())
	d.minFree, d.free = DefaultMinFree, func() (uint64, error) { return 10 << 20, nil }
	if _, err := d.Create("", Config{Rate: 8000}); !errors.Is(err, ErrDiskFull) {
		t.Errorf("%v", err)
	}
	d.free = func() (uint64, error) { return 0, errors.ErrUnsupported }
	r, err := d.Create("", Config{Rate: 8000})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Run(ctx); err != nil {
		t.Error(err)
	}
	if free, err := freeBytes(t.TempDir()); err != nil || free == 0 {
		t.Errorf("%d bytes free, %v", free, err)
	}
}

func TestSinksNeverBlockNorAllocate(t *testing.T) {
	r, _ := record(t, Config{Stereo: true})
	frame := constant(1, 20*time.Millisecond)
	near, far := r.Near(), r.Far()
	if n := testing.AllocsPerRun(1000, func() { near.Write(frame); far.Write(frame) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
	if r.far.dropped.Load() == 0 || len(r.far.queue) > 8000*queueSeconds {
		t.Errorf("%d queued, %d dropped", len(r.far.queue), r.far.dropped.Load())
	}
}

func open(t *testing.T, dir string) *Dir {
	t.Helper()
	d, err := Open(dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func TestNames(t *testing.T) {
	outside := t.TempDir()
	dir := filepath.Join(outside, "rec")
	d := open(t, dir)
	if err := os.Symlink("../stolen", filepath.Join(dir, "link.wav")); err != nil {
		t.Fatal(err)
	}
	create := func(name string) (string, error) {
		f, got, err := d.create(name, time.Date(2026, 3, 1, 17, 20, 5, 0, time.UTC))
		if err != nil {
			return "", err
		}
		return got, f.Close()
	}
	for _, tc := range []struct {
		name, want string
		err        error
	}{
		{"", "20260301-172005.wav", nil},
		{"", "20260301-172005-2.wav", nil},
		{"", "20260301-172005-3.wav", nil},
		{"visitor", "visitor.wav", nil},
		{"visitor.wav", "", ErrExists},
		{"Grüße an 601", "Grüße an 601.wav", nil},
		{"link", "", ErrExists},
		{"../x", "", ErrName},
		{"a/b", "", ErrName},
		{"/etc/x", "", ErrName},
		{`a\b`, "", ErrName},
		{".hidden", "", ErrName},
		{".wav", "", ErrName},
		{"a\nb", "", ErrName},
		{strings.Repeat("x", 200), "", ErrName},
	} {
		if got, err := create(tc.name); got != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("%.20q: %q %v, want %q %v", tc.name, got, err, tc.want, tc.err)
		}
	}
	if _, err := os.Stat(filepath.Join(outside, "stolen")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a link was followed: %v", err)
	}
	if err := d.Remove("../x"); !errors.Is(err, ErrName) {
		t.Errorf("remove: %v", err)
	}
	if err := d.Remove("visitor.wav"); err != nil {
		t.Error(err)
	}
}

func TestConfig(t *testing.T) {
	d := open(t, t.TempDir())
	for _, cfg := range []Config{{}, {Rate: 1}, {Rate: 8000, MaxLength: -1}, {Rate: 8000, Level: 3}, {Rate: 8000, MaxSilence: math.MinInt64}} {
		if _, err := d.Create("x", cfg); err == nil {
			t.Errorf("%+v accepted", cfg)
		}
	}
}

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	now := time.Unix(1_700_000_000, 0)
	for i, name := range []string{"a.wav", "b.wav", "c.wav", "d.wav", "notes.txt"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, make([]byte, 1000), 0o600); err != nil {
			t.Fatal(err)
		}
		at := now.Add(-time.Duration(10-i) * time.Hour) // a is the oldest
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	d := open(t, dir)
	for i, step := range []struct {
		r    Retention
		want string
	}{
		{Retention{}, ""},
		{Retention{MaxAge: 8*time.Hour + time.Minute}, "a.wav b.wav"},
		{Retention{MaxBytes: 1500, Keep: []string{"c.wav"}}, "d.wav"},
		{Retention{MaxBytes: 999}, "c.wav"},
	} {
		got, err := d.Sweep(now, step.r)
		if err != nil || strings.Join(got, " ") != step.want {
			t.Errorf("step %d: %v %v, want %s", i, got, err, step.want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "notes.txt")); err != nil {
		t.Error(err)
	}
}

// What was recorded before the clock was set is as old as the setting of the clock, not half a century.
func TestSweepAfterTheClockWasSet(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.wav")
	if err := os.WriteFile(path, make([]byte, 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	unset, set := time.Unix(90, 0), time.Unix(1_700_000_000, 0)
	if err := os.Chtimes(path, unset, unset); err != nil {
		t.Fatal(err)
	}
	d, day := open(t, dir), Retention{MaxAge: 24 * time.Hour}
	for i, step := range []struct {
		now  time.Time
		want string
	}{
		{unset.Add(time.Hour), ""}, {set, ""}, {set.Add(23 * time.Hour), ""}, {set.Add(25 * time.Hour), "a.wav"},
	} {
		got, err := d.Sweep(step.now, day)
		if err != nil || strings.Join(got, " ") != step.want {
			t.Errorf("step %d: %v %v, want %q", i, got, err, step.want)
		}
	}
}
