package resolve

import (
	"slices"
	"time"
)

const maxPenalties = 128

// penaltyBox remembers targets that failed. It is pure: the time is passed in.
type penaltyBox struct {
	length time.Duration
	until  map[key]time.Time
}

// key is a target without its name: several names may lead to one machine.
type key struct{ network, addr string }

func keyOf(t Target) key { return key{t.Network, t.Addr.String()} }

func (b *penaltyBox) add(now time.Time, t Target) {
	if b.until == nil {
		b.until = make(map[key]time.Time)
	}
	for k, until := range b.until {
		if !now.Before(until) {
			delete(b.until, k)
		}
	}
	if _, ok := b.until[keyOf(t)]; !ok && len(b.until) >= maxPenalties {
		return
	}
	b.until[keyOf(t)] = now.Add(b.length)
}

func (b *penaltyBox) remove(t Target) { delete(b.until, keyOf(t)) }

// order returns a copy of targets with those in the box at the end, the one that failed
// longest ago first.
func (b *penaltyBox) order(now time.Time, targets []Target) []Target {
	sorted := slices.Clone(targets)
	rank := func(t Target) time.Time {
		until := b.until[keyOf(t)]
		if !now.Before(until) {
			return time.Time{}
		}
		return until
	}
	slices.SortStableFunc(sorted, func(x, y Target) int { return rank(x).Compare(rank(y)) })
	return sorted
}
