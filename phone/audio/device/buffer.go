package device

import (
	"math"
	"sync/atomic"
	"time"
)

const (
	reserve  = 4 * time.Millisecond   // held beyond what two sides out of step need
	aimRange = 60 * time.Millisecond  // as far as the reserve grows
	aimStep  = 10 * time.Millisecond  // growth with each time the buffer ran dry
	nearStep = time.Millisecond       // growth each time that nearly happened
	aimDecay = 1e-4                   // of the time: the reserve shrinks by 1 ms in 10 s
	excess   = 60 * time.Millisecond  // above the aim: cut off at once
	hiccup   = 200 * time.Millisecond // a longer gap means that the writer paused, not that it was late
	capacity = 300 * time.Millisecond
)

// buffer evens out the pace of two threads. One goroutine writes, one reads.
//
// Both move sound in pieces, of a length and at moments of their own. A read finds
// enough at any phase of the two when the sound inside, and what the writer has of
// its next piece by then, is a piece of either side: that and the reserve is the
// aim. Counted like this the level does not saw up and down while the phases slip
// against each other, and the clock follows what is the difference of the crystals.
type buffer struct {
	ring *ring
	rate float64
	now  func() time.Duration // goes on evenly; zero is any moment

	in    pace         // the writer's
	wrote atomic.Int64 // ns: moment of its last piece
	piece atomic.Int64 // samples: usual length of its pieces

	// The reader's.
	out     pace
	clock   clock
	extra   float64 // samples: reserve at present
	near    bool    // the last piece left next to nothing
	waiting bool    // filling up before anything is given
	waited  int     // samples asked for while waiting
	held    int     // those of them while there was something
	seen    int64   // value of wrote when last seen in the wait
	missed  uint64  // value of full when last seen

	flush atomic.Bool   // give out everything, however little
	ppm   atomic.Uint64 // correction wanted, as float64 bits
	full  atomic.Uint64 // samples that found no room

	dry, dropped, reads atomic.Uint64
}

func newBuffer(rate int, now func() time.Duration) *buffer {
	b := &buffer{ring: newRing(samples(capacity, rate)), rate: float64(rate), now: now, waiting: true}
	b.extra = b.of(reserve)
	return b
}

// sinceNow is the time that buffers run by.
func sinceNow() func() time.Duration {
	begin := time.Now()
	return func() time.Duration { return time.Since(begin) }
}

func samples(d time.Duration, rate int) int { return int(d.Milliseconds()) * rate / 1000 }

func (b *buffer) of(d time.Duration) float64 { return d.Seconds() * b.rate }

// aim is the level, as [buffer.level] counts it, that a read should find.
func (b *buffer) aim() float64 { return float64(b.piece.Load()) + b.out.usual + b.extra }

// level is the sound inside with what the writer should have of its next piece.
func (b *buffer) level(now time.Duration) float64 {
	coming := b.of(now - time.Duration(b.wrote.Load()))
	return float64(b.ring.fill()) + min(max(coming, 0), float64(b.piece.Load()))
}

// write takes pcm or, where there is no room, drops and counts.
func (b *buffer) write(pcm []int16) {
	now := b.now()
	if lost := len(pcm) - b.ring.put(pcm); lost > 0 {
		b.full.Add(uint64(lost))
		b.dropped.Add(uint64(lost))
	}
	b.in.move(len(pcm), now)
	b.piece.Store(int64(b.in.usual))
	b.wrote.Store(int64(now))
}

// read fills pcm from its start and returns how much there was.
func (b *buffer) read(pcm []int16) int {
	now := b.now()
	b.cut(now)
	first := b.out.move(len(pcm), now)
	if b.waiting && !b.begin(len(pcm), now) {
		return 0
	}
	if first {
		b.follow(now)
	}
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

// follow sets the clock and the reserve at the first read of a piece.
func (b *buffer) follow(now time.Duration) {
	b.store(b.clock.update((b.level(now)-b.aim())/b.rate, b.out.usual/b.rate))
	least, left := b.of(reserve), float64(b.ring.fill())-b.out.usual
	if b.near && left >= 0 { // else the sound was at its end
		b.extra = min(b.extra+b.of(nearStep), b.of(reserve+aimRange))
	}
	b.near = left < least/2
	b.extra = max(least, b.extra-aimDecay*b.out.usual)
}

// cut keeps the delay bounded: after a stall of the reader old sound goes.
func (b *buffer) cut(now time.Duration) {
	if full := b.full.Load(); full != b.missed {
		// What is inside is older than what did not fit.
		b.missed = full
		b.drop(b.ring.fill())
		b.waiting, b.waited = true, samples(hiccup, int(b.rate))
		return
	}
	if over := b.level(now) - b.aim(); over > b.of(excess) {
		b.drop(int(over))
	}
}

func (b *buffer) drop(n int) {
	b.dropped.Add(uint64(b.ring.skip(n)))
	b.clock.jump()
}

// begin tells whether the wait is over.
func (b *buffer) begin(wanted int, now time.Duration) bool {
	fill, wrote := b.ring.fill(), b.wrote.Load()
	goesOn := wrote != b.seen
	b.seen = wrote
	if fill > 0 {
		b.held += wanted
	}
	// A sound shorter than the aim is given out when no more follows.
	enough := fill > 0 && (b.level(now) >= b.aim() || b.flush.Load() || float64(b.held) > b.aim())
	if !enough {
		b.waited += wanted
		return false
	}
	if float64(b.waited) < b.of(hiccup) && b.dry.Load() > 0 {
		// The writer was only late: next time it finds more time.
		b.extra = min(b.extra+b.of(aimStep), b.of(reserve+aimRange))
	}
	b.waiting, b.held, b.near = false, 0, false
	if goesOn { // begin with the right delay, it takes long to correct
		b.drop(max(0, int(b.level(now)-b.aim())))
	}
	return true
}

func (b *buffer) store(ppm float64)   { b.ppm.Store(math.Float64bits(ppm)) }
func (b *buffer) correction() float64 { return math.Float64frombits(b.ppm.Load()) }
