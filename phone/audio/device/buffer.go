package device

import (
	"math"
	"sync/atomic"
	"time"
)

const (
	sourceAim = 30 * time.Millisecond  // mean fill before a read: frames of 20 ms are taken, pieces of 10 ms come
	sinkAim   = 25 * time.Millisecond  // likewise: pieces of 5 or 10 ms are taken, frames of 20 ms come
	aimRange  = 60 * time.Millisecond  // as far as the aim grows
	aimStep   = 10 * time.Millisecond  // growth with each time the buffer ran dry
	aimDecay  = 1e-4                   // of the time: the aim shrinks by 1 ms in 10 s
	excess    = 60 * time.Millisecond  // above the aim: cut off at once
	hiccup    = 200 * time.Millisecond // a longer gap means that the writer paused, not that it was late
	capacity  = 300 * time.Millisecond
)

// buffer evens out the pace of two threads. One goroutine writes, one reads; it
// knows time only by the samples that were read.
type buffer struct {
	ring *ring
	rate float64

	// The reader's.
	clock   clock
	least   float64 // samples: aim of a quiet machine
	aim     float64 // samples
	waiting bool    // filling up before anything is given
	waited  int     // samples asked for while waiting
	held    int     // those of them while there was something
	missed  uint64  // value of full when last seen

	flush atomic.Bool   // give out everything, however little
	ppm   atomic.Uint64 // correction wanted, as float64 bits
	full  atomic.Uint64 // samples that found no room

	dry, dropped, reads atomic.Uint64
}

func newBuffer(rate int, aim time.Duration) *buffer {
	b := &buffer{ring: newRing(samples(capacity, rate)), rate: float64(rate), waiting: true}
	b.least = b.of(aim)
	b.aim = b.least
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
	b.aim = max(b.least, b.aim-aimDecay*float64(len(pcm)))
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
	if fill > 0 {
		b.held += wanted
	}
	// A sound shorter than the aim is given out when no more follows.
	enough := float64(fill) >= b.aim || fill > 0 && (b.flush.Load() || float64(b.held) > b.aim)
	if !enough {
		b.waited += wanted
		return false
	}
	if float64(b.waited) < b.of(hiccup) && b.dry.Load() > 0 {
		// The writer was only late: next time it finds more time.
		b.aim = min(b.aim+b.of(aimStep), b.least+b.of(aimRange))
	}
	b.waiting, b.held = false, 0
	b.drop(max(0, b.ring.fill()-int(b.aim))) // begin with the right delay, it takes long to correct
	return true
}

func (b *buffer) store(ppm float64)   { b.ppm.Store(math.Float64bits(ppm)) }
func (b *buffer) correction() float64 { return math.Float64frombits(b.ppm.Load()) }
