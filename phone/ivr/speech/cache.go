package speech

import (
	"bytes"
	"container/list"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"housephone/phone/ivr/internal/wave"
)

// Cache keeps sentences as WAV files in a folder of its own. A file is either
// whole or not there; when there are too many bytes, what was not used longest
// goes. Other files in the folder are left alone.
type Cache struct {
	root *os.Root
	max  int64

	mu     sync.Mutex // guards following
	files  map[string]*list.Element
	recent list.List // of cached, the one used last in front
	bytes  int64
}

type cached struct {
	name string
	size int64
}

const (
	cacheSuffix = ".wav"
	tempPrefix  = ".new-"
)

// OpenCache opens the folder, which is made where it is missing, for at most
// maxBytes of files; 0 is 256 MiB. It must be closed.
func OpenCache(dir string, maxBytes int64) (*Cache, error) {
	if maxBytes == 0 {
		maxBytes = 256 << 20
	}
	if maxBytes < 0 {
		return nil, fmt.Errorf("speech cache of %d bytes", maxBytes)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("speech cache: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("speech cache: %w", err)
	}
	c := &Cache{root: root, max: maxBytes, files: map[string]*list.Element{}}
	if err := c.scan(); err != nil {
		root.Close() //nolint:errcheck // the first error says more
		return nil, fmt.Errorf("speech cache: %w", err)
	}
	return c, nil
}

// Close ends access to the folder.
func (c *Cache) Close() error { return c.root.Close() }

// scan finds what is there and removes what was never finished.
func (c *Cache) scan() error {
	entries, err := fs.ReadDir(c.root.FS(), ".")
	if err != nil {
		return err
	}
	var found []fs.FileInfo
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), tempPrefix) {
			c.root.Remove(e.Name()) //nolint:errcheck // tried again at the next start
			continue
		}
		name := strings.TrimSuffix(e.Name(), cacheSuffix)
		if len(name) != 2*sha256.Size || name == e.Name() {
			continue
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			found = append(found, info)
		}
	}
	slices.SortFunc(found, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, info := range found {
		c.add(info.Name(), info.Size())
	}
	return nil
}

// add notes a file as the one used last and removes those that have no room.
func (c *Cache) add(name string, size int64) {
	c.forget(name)
	c.files[name] = c.recent.PushFront(cached{name, size})
	c.bytes += size
	for c.bytes > c.max && c.recent.Len() > 0 {
		oldest := c.recent.Back().Value.(cached).name
		c.forget(oldest)
		c.root.Remove(oldest) //nolint:errcheck // found again at the next start
	}
}

func (c *Cache) forget(name string) {
	if el, ok := c.files[name]; ok {
		c.bytes -= c.recent.Remove(el).(cached).size
		delete(c.files, name)
	}
}

// cacheKey is a file name that only equal requests share.
func cacheKey(engine, voice, text string, rate int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %d %q", engine, voice, rate, text))
	return hex.EncodeToString(sum[:]) + cacheSuffix
}

// get reads a sentence. A file that cannot be used is removed.
func (c *Cache) get(name string, rate int) ([]int16, bool) {
	c.mu.Lock()
	el, ok := c.files[name]
	if ok {
		c.recent.MoveToFront(el)
	}
	c.mu.Unlock()
	if !ok {
		return nil, false
	}
	pcm, err := c.read(name, rate)
	if err != nil {
		c.mu.Lock()
		c.forget(name)
		c.mu.Unlock()
		c.root.Remove(name) //nolint:errcheck // it may be gone already
		return nil, false
	}
	now := time.Now()
	c.root.Chtimes(name, now, now) //nolint:errcheck // the order is lost at the next start, no more
	return pcm, true
}

// read takes a file only if its header is the one that was written for its
// length.
func (c *Cache) read(name string, rate int) ([]int16, error) {
	b, err := c.root.ReadFile(name)
	if err != nil {
		return nil, err
	}
	sound := b[min(wave.HeaderSize, len(b)):]
	if len(sound) < 2 || !bytes.Equal(b[:wave.HeaderSize], wave.Header(rate, 1, int64(len(sound)))) {
		return nil, errors.New("not what was written")
	}
	pcm := make([]int16, len(sound)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(sound[2*i:]))
	}
	return pcm, nil
}

// put writes a sentence: whole, to the disk, then under its name.
func (c *Cache) put(name string, pcm []int16, rate int) error {
	size := int64(wave.HeaderSize + 2*len(pcm))
	if size > c.max {
		return nil
	}
	temp := tempPrefix + rand.Text()
	if err := c.write(temp, pcm, rate); err != nil {
		c.root.Remove(temp) //nolint:errcheck // removed at the next start
		return fmt.Errorf("speech cache: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.root.Rename(temp, name); err != nil {
		c.root.Remove(temp) //nolint:errcheck // removed at the next start
		return fmt.Errorf("speech cache: %w", err)
	}
	c.add(name, size)
	return nil
}

func (c *Cache) write(name string, pcm []int16, rate int) error {
	f, err := c.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	err = wave.Write(f, pcm, rate)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
