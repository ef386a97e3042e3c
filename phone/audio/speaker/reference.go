package speaker

import (
	"sync"
	"time"
)

const (
	// surplus is how much may wait beyond the frame in hand. A reader that pauses
	// for longer than this finds that the device threw old sound away, too.
	surplus = 60 * time.Millisecond
	// settle is how many frames are looked at before a surplus is taken out.
	settle = 25
)

// reference carries what is played over to the capture: the n-th frame written
// belongs to the n-th frame read, as it does in the devices' own buffers.
//
// A frame that was not written in time counts as silence. When it still comes
// it would hold all later ones back by its length; what is then always too much
// is thrown away after a while.
type reference struct {
	mu    sync.Mutex // guards following; nobody holds it for longer than a copy
	ring  []int16
	at    int // oldest sample
	fill  int
	kept  int
	least int // smallest surplus since the last look
	looks int
}

func newReference(rate int) reference {
	kept := samples(surplus, rate)
	return reference{ring: make([]int16, kept+2*samples(longest, rate)), kept: kept, least: rate}
}

// push adds what is played; the oldest gives way.
func (r *reference) push(frame []int16) {
	r.mu.Lock()
	defer r.mu.Unlock()
	frame = frame[max(len(frame)-len(r.ring), 0):]
	to := (r.at + r.fill) % len(r.ring)
	copy(r.ring, frame[copy(r.ring[to:], frame):])
	r.fill += len(frame)
	r.skip(max(r.fill-len(r.ring), 0))
}

// pop fills frame with what was played, and with silence where that is not known.
func (r *reference) pop(frame []int16) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fill > len(frame)+r.kept {
		r.skip(r.fill - len(frame))
	}
	n := min(len(frame), r.fill)
	m := copy(frame[:n], r.ring[r.at:])
	copy(frame[m:n], r.ring)
	clear(frame[n:])
	r.skip(n)
	r.level(len(frame))
}

// level takes out what is left over after every frame of a time. One frame may
// stay: it is there where playback comes before capture.
func (r *reference) level(n int) {
	r.least = min(r.least, r.fill)
	if r.looks++; r.looks < settle {
		return
	}
	if r.least >= 2*n {
		r.skip(r.least - n)
	}
	r.looks, r.least = 0, len(r.ring)
}

func (r *reference) skip(n int) {
	r.at = (r.at + n) % len(r.ring)
	r.fill -= n
}
