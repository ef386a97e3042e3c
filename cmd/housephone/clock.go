package main

import (
	"context"
	"sync"
	"time"

	"housephone/pair"
	"housephone/topics"
)

const (
	clockEvery = 2 * time.Second // how often the clock is looked at
	clockJump  = time.Second     // less than that is the clock being steered
	clockJumps = 64              // that are remembered
)

// clock tells when something was by the wall clock as it is now. A machine without a battery begins in 1970, or at the
// time of its last end, and is set when it has found a time server: what was noted before would be wrong for good.
// The nil clock was never set.
type clock struct {
	base time.Time

	mu    sync.Mutex // guards following
	last  moment
	up    time.Duration // at last, on a clock that goes on while the machine sleeps
	jumps []jump        // in order
}

// moment is one instant on two clocks.
type moment struct {
	wall time.Time
	mono time.Duration // Go's monotonic clock, since base
}

// jump is that the clock was set, at some time between two looks.
type jump struct {
	from, to moment
	by       time.Duration
}

func newClock(now time.Time, up time.Duration) *clock {
	return &clock{base: now, last: moment{wall: now.Round(0)}, up: up}
}

func (c *clock) moment(t time.Time) moment { return moment{t.Round(0), t.Sub(c.base)} }

// look tells by how much the clock was set since the last time.
func (c *clock) look(now moment, up time.Duration) (by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, then := c.last, c.up
	c.last, c.up = now, up
	by = now.wall.Sub(before.wall) - (up - then)
	if by.Abs() < clockJump {
		return 0
	}
	if c.jumps = append(c.jumps, jump{before, now, by}); len(c.jumps) > clockJumps {
		c.jumps = c.jumps[1:]
	}
	return by
}

// at is the moment t for a document.
func (c *clock) at(t time.Time) topics.Time {
	if c == nil || t.IsZero() {
		return topics.At(t)
	}
	return topics.At(c.shown(c.moment(t)))
}

// shown is what the wall clock as it is now would have shown then.
func (c *clock) shown(m moment) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := m.wall
	for _, j := range c.jumps {
		if j.isAfter(m) {
			out = out.Add(j.by)
		}
	}
	return out
}

// isAfter tells that the clock was set after m. Between the two looks it is known by what the clocks have gone apart.
func (j jump) isAfter(m moment) bool {
	if m.mono <= j.from.mono || m.mono >= j.to.mono {
		return m.mono <= j.from.mono
	}
	apart := m.wall.Sub(j.from.wall) - (m.mono - j.from.mono)
	return apart.Abs() < j.by.Abs()/2
}

// watchClock publishes anew what says since when something is, whenever the clock was set.
func (s *service) watchClock(ctx context.Context, c *clock, up pair.Clock) {
	tick := time.NewTicker(clockEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		by := c.look(c.moment(time.Now()), up())
		if by == 0 {
			continue
		}
		s.log.Info("the clock of this machine was set", "by", by.Round(time.Millisecond))
		s.tellInfo()
		select {
		case s.clockSet <- struct{}{}:
		default:
		}
	}
}
