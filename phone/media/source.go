package media

import (
	"net/netip"
	"time"
)

// verdict is what becomes of a packet.
type verdict int

const (
	foreign  verdict = iota // not of our call: drop and count
	heard                   // of the source in force
	heardNew                // the first of a new source: forget the old one's order
)

// rank orders senders by how well they match what was negotiated.
type rank int

const (
	exact    rank = iota // the negotiated address and port
	sameHost             // the negotiated address, another port
	anyHost              // another address, where that is allowed
	nobody
)

const (
	// lockAfter is how many packets in sequence make a source the one.
	lockAfter = 3
	// ssrcAfter is how many make a new SSRC of the locked address valid
	// (MIN_SEQUENTIAL, RFC 3550 A.1).
	ssrcAfter = 2
	// probation is how long a candidate keeps others of its rank away.
	probation = 100 * time.Millisecond
)

// candidate is a sender that is being looked at.
type candidate struct {
	addr  netip.AddrPort
	rank  rank
	ssrc  uint32
	seq   uint16
	count int
	since time.Duration
}

// sourceLock decides whose packets are heard. Packets of the negotiated
// address are heard at once; another port, and with anySource another host,
// must first send three in sequence. Then the source is locked until the
// negotiated address changes; only the negotiated address itself may still
// take over from a lesser one. Packets must be of known payload type already.
type sourceLock struct {
	remote    netip.AddrPort
	anySource bool

	locked bool
	addr   netip.AddrPort
	rank   rank
	ssrc   uint32
	known  bool // ssrc is set
	cand   candidate
}

// expect sets the negotiated address; what was learnt stays unless it changed.
func (l *sourceLock) expect(remote netip.AddrPort, anySource bool) (changed bool) {
	l.anySource = anySource
	if l.remote == remote {
		return false
	}
	*l = sourceLock{remote: remote, anySource: anySource}
	return true
}

// destination is where to send (symmetric RTP, RFC 4961).
func (l *sourceLock) destination() netip.AddrPort {
	if l.locked {
		return l.addr
	}
	return l.remote
}

func (l *sourceLock) rankOf(from netip.AddrPort) rank {
	switch {
	case from == l.remote:
		return exact
	case from.Addr() == l.remote.Addr():
		return sameHost
	case l.anySource:
		return anyHost
	}
	return nobody
}

// mayHear tells packets worth parsing from those of strangers.
func (l *sourceLock) mayHear(from netip.AddrPort) bool {
	if l.locked && from != l.addr {
		return l.rank != exact && from == l.remote
	}
	return l.rankOf(from) != nobody
}

// accept judges one packet.
func (l *sourceLock) accept(from netip.AddrPort, ssrc uint32, seq uint16, now time.Duration) verdict {
	if !l.mayHear(from) {
		return foreign
	}
	if l.locked && from == l.addr {
		return l.acceptLocked(ssrc, seq, now)
	}
	r := l.rankOf(from)
	if !l.nominate(from, r, ssrc, seq, now) {
		return foreign
	}
	if l.cand.count >= lockAfter {
		l.locked, l.addr, l.rank = true, from, r
		return l.switchTo(ssrc)
	}
	if r == exact && !l.locked {
		return l.switchTo(ssrc)
	}
	return foreign
}

// acceptLocked lets the locked source change its SSRC, as far ends do when
// they transfer a call, but not for a single stray packet.
func (l *sourceLock) acceptLocked(ssrc uint32, seq uint16, now time.Duration) verdict {
	if ssrc == l.ssrc {
		return heard
	}
	if !l.nominate(l.addr, l.rank, ssrc, seq, now) || l.cand.count < ssrcAfter {
		return foreign
	}
	return l.switchTo(ssrc)
}

func (l *sourceLock) switchTo(ssrc uint32) verdict {
	if l.known && l.ssrc == ssrc {
		return heard
	}
	l.ssrc, l.known = ssrc, true
	return heardNew
}

// nominate counts the packet for a candidate, or makes its sender the
// candidate when the present one is no better or has had its time.
func (l *sourceLock) nominate(from netip.AddrPort, r rank, ssrc uint32, seq uint16, now time.Duration) bool {
	c := &l.cand
	if c.count > 0 && c.addr == from && c.ssrc == ssrc && seq == c.seq+1 {
		c.seq = seq
		c.count++
		return true
	}
	keep := c.count > 0 && c.addr != from && c.rank <= r && now-c.since < probation
	if keep {
		return false
	}
	since := now
	if c.count > 0 && c.addr == from && now-c.since < probation {
		since = c.since // out of sequence does not prolong the probation
	}
	*c = candidate{addr: from, rank: r, ssrc: ssrc, seq: seq, count: 1, since: since}
	return true
}
