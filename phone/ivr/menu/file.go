package menu

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// File is a menu file that is read again when it has changed.
type File struct {
	path  string
	check func(*Menu) error

	mu       sync.Mutex // guards following
	menu     *Menu
	modified time.Time
	size     int64
}

// Load reads the menu file at path. Check finds what cannot be done here, best
// with an [*Error] for each line; nil accepts everything.
func Load(path string, check func(*Menu) error) (*File, error) {
	f := &File{path: path, check: check}
	if _, err := f.Reload(); err != nil {
		return nil, err
	}
	return f, nil
}

// Menu is the menu that was read last without a fault.
func (f *File) Menu() *Menu {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.menu
}

// Reload reads the file if it has changed since the last time, and tells whether
// there is a new menu. With an error the old one stays in force; the same fault
// is told once.
func (f *File) Reload() (changed bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.path)
	if err != nil {
		if f.modified.IsZero() && f.menu != nil {
			return false, nil // told before
		}
		f.modified, f.size = time.Time{}, 0
		return false, fmt.Errorf("menu file: %w", err)
	}
	if info.ModTime().Equal(f.modified) && info.Size() == f.size {
		return false, nil
	}
	f.modified, f.size = info.ModTime(), info.Size()
	data, err := readFile(f.path)
	if err != nil {
		return false, fmt.Errorf("menu file: %w", err)
	}
	m, err := Parse(data)
	if err == nil && f.check != nil {
		err = f.check(m)
	}
	if err != nil {
		return false, fmt.Errorf("menu file %s: %w", f.path, err)
	}
	f.menu = m
	return true, nil
}

// readFile reads no more than Parse accepts and a byte.
func readFile(path string) (data []byte, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return io.ReadAll(io.LimitReader(file, MaxFile+1))
}
