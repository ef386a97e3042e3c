package phone

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"housephone/phone/transport"
)

const (
	limitCells = 4096 // buckets; strangers who meet in one share it
	limitRate  = 40   // messages a second of one stranger
	limitBurst = 200  // of them at once
	limitAll   = 1000 // messages a second, and at once, of all strangers: addresses are forged easily
)

// limiter holds strangers to a rate. Its size does not depend on how many there are.
type limiter struct {
	seed maphash.Seed // nobody can choose an address that shares a bucket with another

	mu    sync.Mutex // guards following
	all   bucket
	cells [limitCells]bucket
}

// bucket is a token bucket; a zero one is full.
type bucket struct {
	spent float64
	at    time.Time
}

// has tells whether a token is left at a time; rate is a second's, burst what the bucket holds.
func (b *bucket) has(now time.Time, rate, burst float64) bool {
	if now.After(b.at) {
		b.spent = max(0, b.spent-now.Sub(b.at).Seconds()*rate)
		b.at = now
	}
	return b.spent+1 <= burst
}

func newLimiter() *limiter { return &limiter{seed: maphash.MakeSeed()} }

// take spends a token of who has the address; false when none is left.
func (l *limiter) take(from netip.Addr, now time.Time) bool {
	cell := maphash.Comparable(l.seed, transport.Owner(from)) % limitCells
	l.mu.Lock()
	defer l.mu.Unlock()
	one := &l.cells[cell]
	if !one.has(now, limitRate, limitBurst) || !l.all.has(now, limitAll, limitAll) {
		return false
	}
	one.spent++
	l.all.spent++
	return true
}
