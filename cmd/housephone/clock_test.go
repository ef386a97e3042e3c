package main

import (
	"testing"
	"time"
)

// What was noted before the clock was set is told by the clock as it is now, what was noted after it as it is.
func TestClock(t *testing.T) {
	unset, set := time.Unix(20, 0), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	second := func(n int) time.Duration { return time.Duration(n) * time.Second }
	// on is what both clocks show n seconds after the start, when the wall clock showed start then
	on := func(start time.Time, n int) moment { return moment{start.Add(second(n)), second(n)} }
	hour, ago := set.Add(time.Hour), set.Add(-time.Hour)

	for _, tt := range []struct {
		name  string
		start time.Time
		looks []moment
		m     moment
		want  time.Time
	}{
		{"never set", set, []moment{on(set, 5), on(set, 10)}, on(set, 1), set.Add(second(1))},
		{"steered", set, []moment{on(set, 5), on(set.Add(900*time.Millisecond), 10)}, on(set, 1), set.Add(second(1))},
		{"from 1970", unset, []moment{on(unset, 5), on(set, 10)}, on(unset, 1), set.Add(second(1))},
		{"from 1970, between the looks, before", unset, []moment{on(unset, 5), on(set, 10)}, on(unset, 7), set.Add(second(7))},
		{"from 1970, between the looks, after", unset, []moment{on(unset, 5), on(set, 10)}, on(set, 7), set.Add(second(7))},
		{"after it", unset, []moment{on(unset, 5), on(set, 10), on(set, 15)}, on(set, 12), set.Add(second(12))},
		{"back an hour", set, []moment{on(set, 5), on(ago, 10)}, on(set, 1), ago.Add(second(1))},
		{"back an hour, between, before", set, []moment{on(set, 5), on(ago, 10)}, on(set, 6), ago.Add(second(6))},
		{"back an hour, between, after", set, []moment{on(set, 5), on(ago, 10)}, on(ago, 6), ago.Add(second(6))},
		{"there and back", set, []moment{on(hour, 5), on(set, 10)}, on(set, 1), set.Add(second(1))},
		{"there and back, noted there", set, []moment{on(hour, 5), on(set, 10)}, on(hour, 4), set.Add(second(4))},
	} {
		c := newClock(tt.start, 0)
		for _, now := range tt.looks {
			c.look(now, now.mono)
		}
		if got := c.shown(tt.m); !got.Equal(tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got.UTC(), tt.want.UTC())
		}
	}
}

// A machine that slept has not had its clock set: Go's monotonic clock stood still, the wall clock did not.
func TestClockOfASleeper(t *testing.T) {
	start := time.Now()
	c := newClock(start, 0)
	if by := c.look(moment{start.Add(time.Hour), time.Second}, time.Hour); by != 0 {
		t.Errorf("the clock was set by %v", by)
	}
	if got := c.at(start.Add(time.Minute)); !got.Equal(start.Add(time.Minute)) {
		t.Errorf("%v, want %v", got, start.Add(time.Minute))
	}
	var none *clock
	if got := none.at(start); !got.Equal(start) {
		t.Errorf("without a clock %v, want %v", got, start)
	}
}

func TestClockRemembersSomeJumps(t *testing.T) {
	start := time.Now()
	c := newClock(start, 0)
	for i := range 10 * clockJumps {
		c.look(moment{start.Add(time.Duration(i*i) * time.Hour), time.Duration(i) * time.Second}, time.Duration(i)*time.Second)
	}
	if len(c.jumps) != clockJumps {
		t.Errorf("%d jumps are kept, want %d", len(c.jumps), clockJumps)
	}
}
