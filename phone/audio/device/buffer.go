package device

import (
	"math"
	"sync/atomic"
	"time"
)

const (
	aim      = 30 * time.Millisecond  // mean fill before a read
	aimMost  = 90 * time.Millisecond  // as far as the aim grows
	aimStep  = 10 * time.Millisecond  // growth with each time the buffer ran dry
	aimDecay = 1e-4                   // of the time: the aim shrinks by 1 ms in 10 s
	excess   = 60 * time.Millisecond  // above the aim: cut off at once
	hiccup   = 200 * time.Millisecond // a longer gap means that the writer paused, not that it was late
	capacity = 300 * time.Millisecond
)

// buffer evens out the pace of two threads. One goroutine writes, one reads; it
// knows time only by the samples that were read.
type buffer struct {
	ring *ring
	rate float64

	// The reader's.
	clock   clock
	aim     float64 // samples
	waiting bool    // filling up before anything is given
	waited  int     // samples asked for while waiting
	missed  uint64  // value of full when last seen

	flush atomic.Bool   // give out everything, however little
	ppm   atomic.Uint64 // correction wanted, as float64 bits
	full  atomic.Uint64 // samples that found no room

	dry, dropped, reads atomic.Uint64
}

func newBuffer(rate int) *buffer {
	b := &buffer{ring: newRing(samples(capacity, rate)), rate: float64(rate), waiting: true}
	b.aim = b.of(aim)
	return b
}

func samples(d time.Duration, rate int) int { return int(d.Milliseconds()) * rate / 1000 }

func (b *buffer) of(d time.Duration) float64 { return d.Seconds() * b.rate }

// write takes pcm or, where there is no room, drops and counts.
func (b *buffer) write(pcm []int16) {
	if lost := len(pcm) - b.ring.put(pcm); lost > 0 {
		b.full.Add(uint64(lost))
		b.dropped.Add(uint64(lost))
	}
}

// read fills pcm from its start and returns how much there was.
func (b *buffer) read(pcm []int16) int {
	b.cut()
	fill := b.ring.fill()
	if b.waiting && !b.begin(fill, len(pcm)) {
		return 0
	}
	dt := float64(len(pcm)) / b.rate
	b.store(b.clock.update((float64(fill)-b.aim)/b.rate, dt))
	b.aim = max(b.of(aim), b.aim-aimDecay*float64(len(pcm)))
	n := b.ring.take(pcm)
	if n > 0 {
		b.reads.Add(1)
	}
	if n < len(pcm) {
		b.waiting, b.waited = true, 0
		b.dry.Add(1)
	}
	return n
}

// cut keeps the delay bounded: after a stall of the reader old sound goes.
func (b *buffer) cut() {
	if full := b.full.Load(); full != b.missed {
		// What is inside is older than what did not fit.
		b.missed = full
		b.drop(b.ring.fill())
		b.waiting, b.waited = true, samples(hiccup, int(b.rate))
		return
	}
	if over := b.ring.fill() - int(b.aim+b.of(excess)); over > 0 {
		b.drop(b.ring.fill() - int(b.aim))
	}
}

func (b *buffer) drop(n int) {
	b.ring.skip(n)
	b.dropped.Add(uint64(n))
	b.clock.jump()
}

// begin tells whether the wait is over.
func (b *buffer) begin(fill, wanted int) bool {
	enough := float64(fill) >= b.aim
	if !enough && (!b.flush.Load() || fill == 0) {
		b.waited += wanted
		return false
	}
	if float64(b.waited) < b.of(hiccup) && b.dry.Load() > 0 {
		// The writer was only late: next time it finds more time.
		b.aim = min(b.aim+b.of(aimStep), b.of(aimMost))
	}
	b.waiting = false
	b.clock.jump()
	return true
}

func (b *buffer) store(ppm float64)   { b.ppm.Store(math.Float64bits(ppm)) }
func (b *buffer) correction() float64 { return math.Float64frombits(b.ppm.Load()) }
