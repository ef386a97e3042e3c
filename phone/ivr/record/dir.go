package record

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
)

var (
	// ErrName means a name that is not that of a plain file.
	ErrName = errors.New("not a plain file name")
	// ErrExists means that there is a recording of that name.
	ErrExists = errors.New("there is a recording of that name")
	// ErrDiskFull means that the disk has no room for recordings.
	ErrDiskFull = errors.New("not enough room on the disk")
)

const (
	suffix = ".wav"
	// DefaultMinFree is what recordings leave free on the disk, in bytes.
	DefaultMinFree = 64 << 20
)

// Dir is the folder of recordings. Its methods may be called from anywhere.
type Dir struct {
	root    *os.Root
	minFree uint64
	free    func() (uint64, error) // bytes that are free
}

// Open opens the folder, which is made where it is missing. No recording takes
// the last minFree bytes of its disk; 0 is [DefaultMinFree]. It must be closed.
func Open(dir string, minFree uint64) (*Dir, error) {
	if minFree == 0 {
		minFree = DefaultMinFree
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("recordings: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("recordings: %w", err)
	}
	return &Dir{root: root, minFree: minFree, free: func() (uint64, error) { return freeBytes(dir) }}, nil
}

// Close ends access to the folder; recordings under way go on.
func (d *Dir) Close() error { return d.root.Close() }

// room says [ErrDiskFull] when no more may be written. A system that does not
// tell is trusted.
func (d *Dir) room() error {
	free, err := d.free()
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return nil
	case err != nil:
		return fmt.Errorf("recordings: %w", err)
	case free < d.minFree:
		return fmt.Errorf("%d MiB free, %d needed: %w", free>>20, d.minFree>>20, ErrDiskFull)
	}
	return nil
}

// checkName lets plain names pass: no folders, nothing hidden, no controls.
func checkName(name string) error {
	control := strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f })
	if name == "" || len(name) > 128 || name[0] == '.' || control || strings.ContainsAny(name, `/\:`) {
		return fmt.Errorf("%.140q: %w", name, ErrName)
	}
	return nil
}

// create makes a new file: under its name, or under the time with a number
// behind it where that is taken.
func (d *Dir) create(name string, now time.Time) (*os.File, string, error) {
	if err := d.room(); err != nil {
		return nil, "", err
	}
	const tries = 100
	auto := name == ""
	base := strings.TrimSuffix(name, suffix)
	if auto {
		base = now.Format("20060102-150405")
	}
	if err := checkName(base); err != nil {
		return nil, "", err
	}
	for i := 1; ; i++ {
		name = base + suffix
		if i > 1 {
			name = fmt.Sprintf("%s-%d%s", base, i, suffix)
		}
		f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
		switch {
		case err == nil:
			return f, name, nil
		case errors.Is(err, fs.ErrExist) && auto && i < tries:
		case errors.Is(err, fs.ErrExist):
			return nil, "", fmt.Errorf("%.140q: %w", name, ErrExists)
		default:
			return nil, "", fmt.Errorf("recording: %w", err)
		}
	}
}

// Remove removes a recording.
func (d *Dir) Remove(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	return d.root.Remove(name)
}

// Retention bounds the recordings in a folder; zero values do not.
type Retention struct {
	MaxAge   time.Duration
	MaxBytes int64
	// Keep are names that stay in any case, such as those being written.
	Keep []string
}

// ClockUnset tells that a clock that shows t was not set yet: those of machines
// without a battery begin in 1970.
func ClockUnset(t time.Time) bool { return t.Year() < 2020 }

// stamped is a file with another time.
type stamped struct {
	fs.FileInfo
	at time.Time
}

func (s stamped) ModTime() time.Time { return s.at }

// Sweep removes the recordings that the retention does not allow, the oldest
// first, and returns their names. Other files are left alone. A recording made
// before the clock was set gets the time of now, else it would count as old.
func (d *Dir) Sweep(now time.Time, r Retention) (removed []string, err error) {
	entries, err := fs.ReadDir(d.root.FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("recordings: %w", err)
	}
	var files []fs.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && strings.HasSuffix(e.Name(), suffix) {
			files = append(files, info)
		}
	}
	for i, f := range files {
		if !ClockUnset(f.ModTime()) || ClockUnset(now) {
			continue
		}
		if e := d.root.Chtimes(f.Name(), now, now); e != nil {
			err = errors.Join(err, fmt.Errorf("recording: %w", e))
			continue
		}
		files[i] = stamped{f, now}
	}
	for _, name := range r.expired(files, now) {
		if e := d.root.Remove(name); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, fmt.Errorf("recording: %w", e))
			continue
		}
		removed = append(removed, name)
	}
	return removed, err
}

// expired names the files to remove, the oldest first.
func (r Retention) expired(files []fs.FileInfo, now time.Time) (names []string) {
	oldestFirst := func(a, b fs.FileInfo) int {
		if c := a.ModTime().Compare(b.ModTime()); c != 0 {
			return c
		}
		return strings.Compare(a.Name(), b.Name())
	}
	var total int64
	for _, f := range files {
		total += f.Size()
	}
	for _, f := range slices.SortedFunc(slices.Values(files), oldestFirst) {
		tooOld := r.MaxAge > 0 && now.Sub(f.ModTime()) > r.MaxAge
		tooMuch := r.MaxBytes > 0 && total > r.MaxBytes
		if (tooOld || tooMuch) && !slices.Contains(r.Keep, f.Name()) {
			names = append(names, f.Name())
			total -= f.Size()
		}
	}
	return names
}
