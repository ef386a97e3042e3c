package bridge

import "time"

// backlog is what waits of one kind of events, in order and within limits.
type backlog struct {
	limits  limits
	entries []*entry // by turn
	bytes   int      // of entries
}

type limits struct {
	number int           // kept at most; the oldest goes first
	bytes  int           // payloads and topics of them together
	age    time.Duration // an older one is not sent any more
}

func (b *backlog) push(e *entry) {
	b.entries = append(b.entries, e)
	b.bytes += e.size()
}

func (b *backlog) shift() *entry {
	e := shift(&b.entries)
	b.bytes -= e.size()
	return e
}

// take empties the backlog.
func (b *backlog) take() []*entry {
	all := b.entries
	b.entries, b.bytes = nil, 0
	return all
}

// trim drops the oldest until the rest is within the limits, and tells how many.
func (b *backlog) trim() (dropped uint64) {
	for len(b.entries) > b.limits.number || b.bytes > b.limits.bytes {
		b.shift()
		dropped++
	}
	return dropped
}

// expire drops what is too old to be sent, and tells how many.
func (b *backlog) expire(now time.Time) (expired uint64) {
	for len(b.entries) > 0 && now.Sub(b.entries[0].at) > b.limits.age {
		b.shift()
		expired++
	}
	return expired
}
