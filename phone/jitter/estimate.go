package jitter

import (
	"math"
	"time"
)

const (
	// startTarget is the delay aimed at until enough packets have been seen.
	startTarget = 40 * time.Millisecond
	enough      = 25
	// drift is how fast the fastest transit seen so far is forgotten: more
	// than any two sound clocks differ.
	drift = 0.0005
	// breakAfter is a jump between two transits that is a new time base.
	breakAfter = 2 * time.Second
)

// estimator measures by how much packets come later than the fastest one. The
// target covers the mean and four standard deviations.
type estimator struct {
	count    int
	seq      uint16
	ts       uint32
	now      time.Duration
	transit  float64 // ms, relative to the first packet
	base     float64 // the least of them, rising slowly
	mean     float64 // of transit-base
	variance float64
}

// add measures a packet and returns the packet length in timestamp units when
// this packet and the one before tell it, or 0.
func (e *estimator) add(seq uint16, ts uint32, now time.Duration, clock int) uint32 {
	units := int64(int32(ts - e.ts))
	elapsed := now - e.now
	apart := elapsed - time.Duration(units)*time.Second/time.Duration(clock)
	following := e.count > 0 && seq == e.seq+1
	first := e.count == 0 || apart > breakAfter || apart < -breakAfter
	e.seq, e.ts, e.now = seq, ts, now
	if first {
		*e = estimator{count: 1, seq: seq, ts: ts, now: now}
		return 0
	}
	e.count++
	e.transit += ms(apart)
	e.base = min(e.base+drift*ms(elapsed), e.transit)
	weight := max(1.0/64, 1/float64(e.count))
	diff := e.transit - e.base - e.mean
	e.mean += weight * diff
	e.variance += weight * (diff*diff - e.variance)
	if following && units > 0 && units <= int64(clock/5) {
		return uint32(units)
	}
	return 0
}

func (e *estimator) target() time.Duration {
	t := time.Duration((e.mean + 4*math.Sqrt(e.variance)) * float64(time.Millisecond))
	if e.count < enough {
		return max(t, startTarget)
	}
	return t
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// verdict is what a window of waits asks for.
type verdict int

const (
	keep  verdict = iota
	raise         // insert a turn
	lower         // leave a packet out
)

// windowSize is the number of packets that one correction of the delay is
// based on: one second of 20 ms packets.
const windowSize = 50

// window averages how long packets waited before their turn.
type window struct {
	sum  time.Duration
	n    int
	last time.Duration // average of the last full window, or of this one so far
}

// add counts one wait. Corrections are by whole packets of length step: one is
// left out or put in where that brings the wait nearer to the target. The band in
// which nothing is done is wider than a packet, and wider still where the target
// itself moves about, so that no correction calls for the opposite one.
func (w *window) add(wait, target, step time.Duration) verdict {
	w.sum += wait
	w.n++
	if w.n < windowSize {
		if w.last == 0 {
			w.last = wait
		}
		return keep
	}
	w.last = w.sum / time.Duration(w.n)
	w.sum, w.n = 0, 0
	switch {
	case w.last > target+max(step*11/20, target/3):
		return lower
	case w.last < target-step*11/20:
		return raise
	}
	return keep
}
