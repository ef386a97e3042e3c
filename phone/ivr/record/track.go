package record

import (
	"sync"
	"sync/atomic"

	"housephone/phone/audio"
)

// queueSeconds of sound are held for a slow disk; what comes then is dropped and
// counted.
const queueSeconds = 4

// track takes the sound of one end from the media thread.
type track struct {
	dropped atomic.Uint64

	mu    sync.Mutex // guards following; held for a copy in memory only
	queue []int16    // cap is fixed
}

var _ audio.Sink = (*track)(nil)

func newTrack(rate int) *track { return &track{queue: make([]int16, 0, rate*queueSeconds)} }

// Write queues the frame.
func (t *track) Write(frame []int16) {
	t.mu.Lock()
	fits := len(t.queue)+len(frame) <= cap(t.queue)
	if fits {
		t.queue = append(t.queue, frame...)
	}
	t.mu.Unlock()
	if !fits {
		t.dropped.Add(1)
	}
}

// take moves what is queued behind dst.
func (t *track) take(dst []int16) []int16 {
	t.mu.Lock()
	defer t.mu.Unlock()
	dst = append(dst, t.queue...)
	t.queue = t.queue[:0]
	return dst
}
