package mailbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"housephone/phone/ivr/record"
)

var (
	// ErrFull means that there is no room for another message.
	ErrFull = errors.New("the mailbox is full")
	// ErrNotFound means that there is no such message.
	ErrNotFound = errors.New("no such message")
)

const (
	index   = "index.json"
	temp    = ".index.json.new"
	suffix  = ".wav"
	maxFile = 4 << 20 // bytes of the index that are read
	// DefaultMax is how many messages a box holds.
	DefaultMax = 100
)

// Message is one message.
type Message struct {
	File    string    `json:"file"` // name in the folder, tells messages apart
	From    string    `json:"from"`
	Name    string    `json:"name,omitempty"` // as the caller shows it
	At      time.Time `json:"at"`
	Seconds float64   `json:"seconds"`
	Heard   bool      `json:"heard"`
}

// Box is a folder of messages.
type Box struct {
	root *os.Root
	max  int

	mu       sync.Mutex // guards following
	messages []Message  // oldest first
}

// Open opens the folder, which is made where it is missing, for at most max
// messages; 0 is [DefaultMax]. It must be closed.
func Open(dir string, max int) (*Box, error) {
	if max == 0 {
		max = DefaultMax
	}
	if max < 0 {
		return nil, fmt.Errorf("mailbox for %d messages", max)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("mailbox: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("mailbox: %w", err)
	}
	b := &Box{root: root, max: max}
	if err := b.load(); err != nil {
		return nil, fmt.Errorf("mailbox: %w", errors.Join(err, root.Close()))
	}
	return b, nil
}

// Close ends access to the folder.
func (b *Box) Close() error { return b.root.Close() }

// load brings index and folder together. An index that cannot be read is as good
// as none: the messages are all unheard then.
func (b *Box) load() error {
	known := map[string]Message{}
	for _, m := range b.read() {
		known[m.File] = m
	}
	entries, err := fs.ReadDir(b.root.FS(), ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || !isMessage(e.Name()) {
			continue
		}
		m, ok := known[e.Name()]
		if !ok {
			m = Message{File: e.Name(), At: info.ModTime()}
		}
		b.messages = append(b.messages, m)
	}
	sortByTime(b.messages)
	return nil
}

func (b *Box) read() (messages []Message) {
	info, err := b.root.Stat(index)
	if err != nil || info.Size() > maxFile || !info.Mode().IsRegular() {
		return nil
	}
	data, err := b.root.ReadFile(index)
	if err != nil || json.Unmarshal(data, &messages) != nil {
		return nil
	}
	return messages
}

func isMessage(name string) bool {
	return strings.HasSuffix(name, suffix) && name[0] != '.' && !strings.ContainsAny(name, `/\`)
}

func sortByTime(m []Message) {
	slices.SortStableFunc(m, func(a, b Message) int { return a.At.Compare(b.At) })
}

// change applies f to a copy of the messages and puts it in force when it is on
// the disk.
func (b *Box) change(f func([]Message) ([]Message, error)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	next, err := f(slices.Clone(b.messages))
	if err != nil {
		return err
	}
	if err := b.write(next); err != nil {
		return fmt.Errorf("mailbox: %w", err)
	}
	b.messages = next
	return nil
}

// write replaces the index: written, synced, renamed.
func (b *Box) write(messages []Message) error {
	data, err := json.MarshalIndent(messages, "", " ")
	if err != nil {
		return err
	}
	f, err := b.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, b.root.Remove(temp))
	}
	return b.root.Rename(temp, index)
}

// Messages lists all messages, the oldest first.
func (b *Box) Messages() []Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.messages)
}

// Waiting is how many messages are unheard.
func (b *Box) Waiting() (n int) {
	for _, m := range b.Messages() {
		if !m.Heard {
			n++
		}
	}
	return n
}

// Full tells that Add would say [ErrFull].
func (b *Box) Full() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.messages) >= b.max && !slices.ContainsFunc(b.messages, func(m Message) bool { return m.Heard })
}

// Add takes up a message whose file is in the folder. In a full box the oldest
// one that was heard makes room.
//
// Errors: [ErrFull], [ErrNotFound] where there is no such file.
func (b *Box) Add(m Message) error {
	if !isMessage(m.File) {
		return fmt.Errorf("%.140q: %w", m.File, ErrNotFound)
	}
	if info, err := b.root.Lstat(m.File); err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("%.140q: %w", m.File, ErrNotFound)
	}
	var gone string
	err := b.change(func(all []Message) ([]Message, error) {
		all = slices.DeleteFunc(all, func(o Message) bool { return o.File == m.File })
		if len(all) >= b.max {
			i := slices.IndexFunc(all, func(m Message) bool { return m.Heard })
			if i < 0 {
				return nil, ErrFull
			}
			gone = all[i].File
			all = slices.Delete(all, i, i+1)
		}
		all = append(all, m)
		sortByTime(all)
		return all, nil
	})
	if err == nil && gone != "" {
		err = b.remove(gone)
	}
	return err
}

// remove removes a file that the index does not know any more.
func (b *Box) remove(name string) error {
	if err := b.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("mailbox: %w", err)
	}
	return nil
}

// MarkHeard notes that a message was listened to, or that it was not.
func (b *Box) MarkHeard(file string, heard bool) error {
	return b.change(func(all []Message) ([]Message, error) {
		i := slices.IndexFunc(all, func(m Message) bool { return m.File == file })
		if i < 0 {
			return nil, fmt.Errorf("%.140q: %w", file, ErrNotFound)
		}
		all[i].Heard = heard
		return all, nil
	})
}

// Delete removes a message with its file.
func (b *Box) Delete(file string) error {
	err := b.change(func(all []Message) ([]Message, error) {
		i := slices.IndexFunc(all, func(m Message) bool { return m.File == file })
		if i < 0 {
			return nil, fmt.Errorf("%.140q: %w", file, ErrNotFound)
		}
		return slices.Delete(all, i, i+1), nil
	})
	if err != nil {
		return err
	}
	return b.remove(file)
}

func (b *Box) stamp(now time.Time) error {
	unset := func(m Message) bool { return record.ClockUnset(m.At) && !record.ClockUnset(now) }
	if !slices.ContainsFunc(b.Messages(), unset) {
		return nil
	}
	return b.change(func(all []Message) ([]Message, error) {
		for i, m := range all {
			if unset(m) {
				all[i].At = now
			}
		}
		sortByTime(all)
		return all, nil
	})
}

// Sweep deletes messages that were heard and are older than age. A message left
// before the clock was set gets the time of now, else it would count as old.
func (b *Box) Sweep(now time.Time, age time.Duration) (deleted []string, err error) {
	err = b.stamp(now)
	for _, m := range b.Messages() {
		if !m.Heard || now.Sub(m.At) <= age {
			continue
		}
		if e := b.Delete(m.File); e != nil {
			err = errors.Join(err, e)
			continue
		}
		deleted = append(deleted, m.File)
	}
	return deleted, err
}
