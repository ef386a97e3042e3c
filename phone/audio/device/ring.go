package device

import "sync/atomic"

// ring carries samples from one goroutine to another without a lock.
type ring struct {
	pcm  []int16       // a power of two
	head atomic.Uint64 // samples taken, moved by the reader
	tail atomic.Uint64 // samples put, moved by the writer
}

// newRing makes a ring for at least n samples.
func newRing(n int) *ring {
	size := 1
	for size < n {
		size *= 2
	}
	return &ring{pcm: make([]int16, size)}
}

// fill is the number of samples inside.
func (r *ring) fill() int { return int(r.tail.Load() - r.head.Load()) }

// put adds what there is room for and returns how much that was.
func (r *ring) put(pcm []int16) int {
	tail := r.tail.Load()
	n := min(len(pcm), len(r.pcm)-int(tail-r.head.Load()))
	at := int(tail) & (len(r.pcm) - 1)
	copy(r.pcm, pcm[copy(r.pcm[at:], pcm[:n]):n])
	r.tail.Store(tail + uint64(n))
	return n
}

// take moves out what there is and returns how much that was.
func (r *ring) take(pcm []int16) int {
	head := r.head.Load()
	n := min(len(pcm), int(r.tail.Load()-head))
	at := int(head) & (len(r.pcm) - 1)
	m := copy(pcm[:n], r.pcm[at:])
	copy(pcm[m:n], r.pcm)
	r.head.Store(head + uint64(n))
	return n
}

// skip throws the n oldest samples away and returns how many there were.
func (r *ring) skip(n int) int {
	n = min(n, r.fill())
	r.head.Add(uint64(n))
	return n
}
