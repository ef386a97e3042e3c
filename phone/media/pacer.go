package media

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"
)

const (
	tickLength = time.Millisecond
	// catchUp is the lateness up to which frames are still handled one after
	// the other; beyond it they are left out, never sent in a burst.
	catchUp = 40 * time.Millisecond
	// longestNap bounds how long a new stream waits for the pacer.
	longestNap = 20 * time.Millisecond
)

// paced is what the pacer drives; *Stream in earnest.
type paced interface {
	// send handles the outgoing frame. It reports false when the stream has
	// ended.
	send(now time.Duration) bool
	// play handles the incoming frame.
	play(now time.Duration)
	// skip leaves frames out.
	skip(frames int)
	// ticks is the time between frames in ms.
	ticks() int64
}

// pacer calls every stream once a packet time, from one thread. Everything but
// its counters belongs to that thread.
type pacer struct {
	clock clock
	adopt func() []paced // streams that started since the last call
	wake  <-chan struct{}
	wheel wheel[paced]
	last  int64 // tick handled last
	stats *pacerStats
}

type pacerStats struct {
	frames, skipped, late atomic.Uint64
	latest, sum           atomic.Int64
	lateness              [8]atomic.Uint64
}

// run paces until ctx ends; it wakes for due frames only.
func (p *pacer) run(ctx context.Context) {
	runtime.LockOSThread() // for good: the thread's priority must not outlive its use
	prepareThread()
	for {
		p.begin()
		if p.wheel.size == 0 {
			select {
			case <-ctx.Done():
				return
			case <-p.wake:
				continue
			}
		}
		now := p.clock.now()
		tick := p.wheel.next(p.last)
		due := time.Duration(tick) * tickLength
		if now-due > catchUp {
			p.rebase(now)
			continue
		}
		if nap := now + longestNap; due > nap {
			p.clock.sleepUntil(nap)
		} else {
			p.clock.sleepUntil(due)
			p.turn(tick)
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// begin gives new streams their place.
func (p *pacer) begin() {
	for _, s := range p.adopt() {
		from := int64(p.clock.now()/tickLength) + 1
		if p.wheel.size == 0 {
			p.last = from - 1
		}
		p.wheel.add(s, p.wheel.place(from, int(s.ticks())))
	}
}

// turn handles all streams of a tick: first what must leave in time.
func (p *pacer) turn(tick int64) {
	due := time.Duration(tick) * tickLength
	list := p.wheel.take(tick)
	p.last = tick
	for i := range list {
		now := p.clock.now()
		if !list[i].item.send(now) {
			list[i].item = nil
			continue
		}
		p.stats.add(now - due)
	}
	for i := range list {
		if s := list[i].item; s != nil {
			s.play(p.clock.now())
			p.wheel.add(s, tick+s.ticks())
		}
	}
}

// rebase leaves out the frames that are too late for every stream and goes on
// from now.
func (p *pacer) rebase(now time.Duration) {
	tick := int64(now / tickLength)
	p.last = tick + wheelSlots
	for _, e := range p.wheel.drain() {
		if behind := tick - e.due; behind > int64(catchUp/tickLength) {
			n := behind/e.item.ticks() + 1
			e.item.skip(int(n))
			p.stats.skipped.Add(uint64(n))
			e.due += n * e.item.ticks()
		}
		p.last = min(p.last, e.due-1)
		p.wheel.add(e.item, e.due)
	}
}

// add counts one frame's lateness.
func (s *pacerStats) add(late time.Duration) {
	s.frames.Add(1)
	if late > time.Millisecond {
		s.late.Add(1)
	}
	if int64(late) > s.latest.Load() {
		s.latest.Store(int64(late))
	}
	s.sum.Add(int64(late))
	bounds := LatenessBounds()
	i := 0
	for i < len(bounds) && late > bounds[i] {
		i++
	}
	s.lateness[i].Add(1)
}

func (s *pacerStats) snapshot() EngineStats {
	out := EngineStats{
		Frames:  s.frames.Load(),
		Skipped: s.skipped.Load(),
		Late:    s.late.Load(),
		LateMax: time.Duration(s.latest.Load()),
		LateSum: time.Duration(s.sum.Load()),
	}
	for i := range s.lateness {
		out.Lateness[i] = s.lateness[i].Load()
	}
	return out
}
