package prompt

import (
	"container/list"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Config sizes a store. The zero value works.
type Config struct {
	CacheBytes int64 // decoded sound that is kept, 64 MiB
	MaxSeconds int   // longest sound that is loaded, 30 minutes

	// MP3 decodes a whole MP3 file of at most the given number of samples a
	// channel to mono; nil refuses MP3 files.
	MP3 Decoder
}

func (c Config) withDefaults() Config {
	if c.CacheBytes == 0 {
		c.CacheBytes = 64 << 20
	}
	if c.MaxSeconds == 0 {
		c.MaxSeconds = 30 * 60
	}
	return c
}

func (c Config) validate() error {
	if c.CacheBytes < 0 || c.MaxSeconds < 0 {
		return fmt.Errorf("prompt cache of %d bytes, sounds of %d s: below zero", c.CacheBytes, c.MaxSeconds)
	}
	return nil
}

// Store is a folder of sound files with a cache of what was decoded.
type Store struct {
	root *os.Root
	cfg  Config

	mu      sync.Mutex // guards following
	entries map[key]*list.Element
	recent  list.List // of *entry, the one used last in front
	bytes   int64
	decoded uint64
}

type key struct {
	name string
	rate int
}

// version tells whether a file is still the one that was decoded.
type version struct {
	modified time.Time
	size     int64
}

type entry struct {
	key     key
	version version
	counted bool          // in Store.bytes; guarded by Store.mu
	ready   chan struct{} // closed when following are set
	pcm     []int16
	err     error
}

// Open makes a store of the folder. It must be closed.
func Open(dir string, cfg Config) (*Store, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("media folder: %w", err)
	}
	return &Store{root: root, cfg: cfg, entries: map[key]*list.Element{}}, nil
}

// Close ends access to the folder.
func (s *Store) Close() error { return s.root.Close() }

// Decoded is how often a file had to be decoded.
func (s *Store) Decoded() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.decoded
}

// CachedBytes is the memory that cached sound takes.
func (s *Store) CachedBytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}

// Load returns the file below the folder as mono samples at rate Hz.
//
// Errors: [ErrName], [ErrNotFound], [ErrFormat], [ErrNoDecoder], [ErrTooLong]
// and what the file system says.
func (s *Store) Load(name string, rate int) ([]int16, error) {
	f, info, err := s.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read from
	e, mine := s.claim(key{filepath.Clean(name), rate}, version{info.ModTime(), info.Size()})
	if !mine {
		<-e.ready
		return e.pcm, e.err
	}
	e.pcm, e.err = s.decode(f, name, rate)
	close(e.ready)
	s.settle(e)
	return e.pcm, e.err
}

// open opens a regular file. Pipes and devices must not hang the caller, so the
// open does not wait.
func (s *Store) open(name string) (*os.File, os.FileInfo, error) {
	if !filepath.IsLocal(name) || len(name) > 1024 {
		return nil, nil, fmt.Errorf("%.80q: %w", name, ErrName)
	}
	f, err := s.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, fmt.Errorf("%.80q: %w", name, ErrNotFound)
	case err != nil && isEscape(err):
		return nil, nil, fmt.Errorf("%.80q: %w", name, ErrName)
	case err != nil:
		return nil, nil, fmt.Errorf("sound file: %w", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = ErrFormat
	}
	if err != nil {
		f.Close() //nolint:errcheck // only read from
		return nil, nil, fmt.Errorf("sound file %.80q: %w", name, err)
	}
	return f, info, nil
}

// isEscape tells the refusal of os.Root, which has no exported error, from those
// of the file system, which are numbers.
func isEscape(err error) bool {
	var no syscall.Errno
	return !errors.As(err, &no)
}

// claim finds the entry, or makes one that the caller must fill.
func (s *Store) claim(k key, v version) (e *entry, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if el, ok := s.entries[k]; ok {
		e := el.Value.(*entry)
		if e.version == v {
			s.recent.MoveToFront(el)
			return e, false
		}
		s.drop(el)
	}
	e = &entry{key: k, version: v, ready: make(chan struct{})}
	s.entries[k] = s.recent.PushFront(e)
	s.decoded++
	return e, true
}

// settle counts what was decoded and makes room; failures are not kept.
func (s *Store) settle(e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	el, ok := s.entries[e.key]
	if !ok || el.Value.(*entry) != e {
		return // replaced meanwhile
	}
	if e.err != nil || e.size() > s.cfg.CacheBytes {
		s.recent.Remove(el)
		delete(s.entries, e.key)
		return
	}
	e.counted = true
	s.bytes += e.size()
	for el := s.recent.Back(); el != nil && s.bytes > s.cfg.CacheBytes; {
		older := el.Prev()
		if c := el.Value.(*entry); c != e && c.counted {
			s.drop(el)
		}
		el = older
	}
}

// drop forgets an entry. One that is still being decoded is not found again by
// settle.
func (s *Store) drop(el *list.Element) {
	e := s.recent.Remove(el).(*entry)
	delete(s.entries, e.key)
	if e.counted {
		s.bytes -= e.size()
	}
}

func (e *entry) size() int64 { return int64(2 * len(e.pcm)) }
