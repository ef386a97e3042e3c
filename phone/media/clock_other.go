//go:build !linux

package media

import "time"

// clock is time since its making.
type clock struct{ start time.Time }

func newClock() (clock, error) { return clock{start: time.Now()}, nil }

func (c clock) now() time.Duration { return time.Since(c.start) }

func (c clock) sleepUntil(at time.Duration) { time.Sleep(at - c.now()) }

func prepareThread() {}
