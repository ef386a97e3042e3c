package media

import "time"

// recvStats keeps the receiver's record of one source (RFC 3550 A.1, A.3,
// A.8). A new source adds to the totals.
type recvStats struct {
	clock   int
	started bool
	base    uint32 // extended sequence number of the first packet
	highest uint32 // extended sequence number of the latest
	count   uint64 // packets of this source

	jitter      float64 // timestamp units
	lastTS      uint32
	lastArrival time.Duration
	timed       bool

	begin       time.Duration // of the present time base
	units       int64         // of the sender's clock since
	early       earliest      // of the present window
	first, last earliest      // of the first and of the last whole window

	expectedBefore, countBefore uint64 // of former sources
	expectedPrior, countPrior   uint64 // at the last report
}

// clockWindow is the time in which one packet at least is hardly held up by the
// network: the way of these packets tells of clocks, that of the others of jitter.
const clockWindow = 5 * time.Second

// earliest is the packet of a window that was under way for the shortest time,
// as far as two clocks can tell.
type earliest struct {
	at, transit time.Duration
	known       bool
}

func (e *earliest) packet(at, transit time.Duration) {
	if !e.known || transit < e.transit {
		*e = earliest{at, transit, true}
	}
}

// restart begins with a new source.
func (r *recvStats) restart(clock int) {
	*r = recvStats{
		clock:          clock,
		expectedBefore: r.expectedBefore + r.expected(),
		countBefore:    r.countBefore + r.count,
	}
}

// packet counts one; timed is false where the timestamp is not its sampling
// time (telephone-event).
func (r *recvStats) packet(seq uint16, ts uint32, now time.Duration, timed bool) {
	if !r.started {
		r.started = true
		// One cycle up, so that an earlier packet does not go below zero.
		r.base = 1<<16 + uint32(seq)
		r.highest = r.base
	}
	if ahead := int16(seq - uint16(r.highest)); ahead > 0 {
		r.highest += uint32(ahead)
	}
	r.count++
	if timed {
		r.arrival(ts, now)
	}
}

func (r *recvStats) arrival(ts uint32, now time.Duration) {
	moved := int64(int32(ts - r.lastTS))
	apart := now - r.lastArrival
	deviation := float64(apart)/float64(time.Second)*float64(r.clock) - float64(moved)
	r.lastTS, r.lastArrival = ts, now
	// A jump of seconds is a new time base, no jitter.
	if limit := 2 * float64(r.clock); !r.timed || deviation > limit || deviation < -limit {
		r.timed, r.begin, r.units = true, now, 0
		r.early, r.first, r.last = earliest{}, earliest{}, earliest{}
		return
	}
	r.units += moved
	r.drift(now)
	r.jitter += (max(deviation, -deviation) - r.jitter) / 16 // A.8
}

func (r *recvStats) expected() uint64 {
	if !r.started {
		return 0
	}
	return uint64(r.highest - r.base + 1)
}

func (r *recvStats) totalExpected() uint64 { return r.expectedBefore + r.expected() }

// lost is the number of packets missing so far; duplicates count against it
// (A.3).
func (r *recvStats) lost() int64 {
	return int64(r.totalExpected()) - int64(r.countBefore+r.count)
}

func (r *recvStats) jitterMS() float64 {
	if r.clock == 0 {
		return 0
	}
	return 1000 * r.jitter / float64(r.clock)
}

// drift looks at the way of one packet.
func (r *recvStats) drift(now time.Duration) {
	if r.clock <= 0 {
		return
	}
	window := func(at time.Duration) time.Duration { return (at - r.begin) / clockWindow }
	if r.early.known && window(now) != window(r.early.at) {
		if !r.first.known {
			r.first = r.early
		}
		r.last, r.early = r.early, earliest{}
	}
	seconds, rest := r.units/int64(r.clock), r.units%int64(r.clock) // two days of units times 1e9 are more than an int64 holds
	there := time.Duration(seconds)*time.Second + time.Duration(rest)*time.Second/time.Duration(r.clock)
	r.early.packet(now, now-r.begin-there)
}

// clockPPM is by how much the sender's clock is faster than ours, 0 while that is not known.
func (r *recvStats) clockPPM() float64 {
	if apart := r.last.at - r.first.at; apart > 0 {
		return 1e6 * float64(r.first.transit-r.last.transit) / float64(apart)
	}
	return 0
}

// fraction is the share lost since the last report in 1/256 (A.3).
func (r *recvStats) fraction() uint8 {
	expected := r.expected() - r.expectedPrior
	received := r.count - r.countPrior
	r.expectedPrior, r.countPrior = r.expected(), r.count
	if expected == 0 || received >= expected {
		return 0
	}
	return uint8(min((expected-received)*256/expected, 255))
}
