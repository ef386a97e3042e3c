package player

import (
	"errors"
	"sync"
)

// State tells what follows the samples that were read.
type State int

// The states of a sound.
const (
	More State = iota // samples follow, now or later
	Over              // that was the end
)

// Sound gives samples from memory.
type Sound interface {
	// ReadAt copies samples from position at into frame and tells whether
	// there is more. It never blocks. An error comes with Over.
	ReadAt(frame []int16, at int) (n int, state State, err error)
}

// Clip is a sound that is known as a whole.
type Clip []int16

// ReadAt copies from the clip.
func (c Clip) ReadAt(frame []int16, at int) (int, State, error) {
	n := copy(frame, c[min(at, len(c)):])
	if at+n >= len(c) {
		return n, Over, nil
	}
	return n, More, nil
}

// ErrFeedFull means more sound than the feed may hold.
var ErrFeedFull = errors.New("too much sound")

// Feed is a sound that grows while it is played. The zero value is not usable:
// see [NewFeed].
type Feed struct {
	limit int

	mu   sync.Mutex // guards following; held for a few instructions only
	pcm  []int16
	over bool
	err  error
}

// NewFeed makes a feed that holds at most limit samples.
func NewFeed(limit int) *Feed { return &Feed{limit: limit} }

// Append adds samples at the end, or says [ErrFeedFull] and adds none.
func (f *Feed) Append(pcm []int16) error {
	f.mu.Lock()
	room := f.limit - len(f.pcm)
	old := f.pcm
	f.mu.Unlock()
	if len(pcm) > room {
		return ErrFeedFull
	}
	// One writer, so what lies behind the length of the slice that readers
	// see may be written outside the lock: growing copies at leisure.
	grown := append(old, pcm...) //nolint:gocritic // put back below
	f.mu.Lock()
	f.pcm = grown
	f.mu.Unlock()
	return nil
}

// Finish ends the feed; err tells why it is not complete.
func (f *Feed) Finish(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over, f.err = true, err
}

// ReadAt copies from what is there.
func (f *Feed) ReadAt(frame []int16, at int) (int, State, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := copy(frame, f.pcm[min(at, len(f.pcm)):])
	if f.over && at+n >= len(f.pcm) {
		return n, Over, f.err
	}
	return n, More, nil
}
