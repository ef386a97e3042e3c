package jitter

import "time"

// burst is by how much the buffer may exceed its target before it gives up the
// surplus at once, as after a stall of the network.
const burst = 100 * time.Millisecond

// Pop takes the next turn at now. The caller plays the frame when it is OK,
// and fills one packet's time otherwise.
func (b *Buffer) Pop(now time.Duration) (Frame, State) {
	b.shedBurst()
	b.skipPlaceholders()
	if b.stats.Held == 0 {
		return Frame{}, Empty
	}
	if !b.playing {
		if now-b.oldest().arrived < b.soonest() {
			return Frame{}, Empty
		}
		b.playing = true
	}
	s := b.at(b.next)
	if s == nil {
		b.stats.Lost++
		b.advance(false)
		b.playTS += b.step
		return Frame{}, Lost
	}
	if b.known && s.ts-b.playTS-1 < 1<<31-1 && now-s.arrived < b.soonest() {
		return Frame{}, Empty // a pause of the sender: build up the delay anew
	}
	switch b.waits.add(now-s.arrived, b.target(), b.duration(1)) {
	case raise:
		b.stats.Stretched++
		return Frame{}, Empty
	case lower:
		if follower := b.at(b.next + 1); follower != nil && follower.size > 0 {
			b.discard()
			s = follower
		}
	case keep:
	}
	f := Frame{Payload: b.payload(s), Timestamp: s.ts, Seq: s.seq}
	b.known, b.playTS = true, s.ts+b.step
	b.release(s)
	b.stats.Played++
	b.advance(true)
	return f, OK
}

// shedBurst brings the buffer down to its target when far above.
func (b *Buffer) shedBurst() {
	if !b.playing {
		return
	}
	if target := b.target(); b.span() > max(target+burst, b.cfg.MinDelay+burst) {
		for b.span() > target+b.duration(1) && b.stats.Held > 1 {
			b.discard()
		}
		b.waits = window{}
	}
}

// skipPlaceholders passes over empty payloads; they take no time.
func (b *Buffer) skipPlaceholders() {
	for b.stats.Held > 0 {
		s := b.at(b.next)
		if s == nil || s.size > 0 {
			return
		}
		b.release(s)
		b.stats.Skipped++
		b.advance(true)
	}
}

// discard gives up the next turn, whatever it holds.
func (b *Buffer) discard() {
	if s := b.at(b.next); s != nil {
		b.release(s)
		b.stats.Discarded++
	}
	b.advance(false)
	b.known = false
}

func (b *Buffer) advance(played bool) {
	b.next++
	b.history <<= 1
	if played {
		b.history |= 1
	}
}

func (b *Buffer) release(s *slot) {
	s.used = false
	b.stats.Held--
}

// at is the slot of a sequence number, or nil when it is not held.
func (b *Buffer) at(seq uint16) *slot {
	if s := &b.slots[int(seq)&(len(b.slots)-1)]; s.used && s.seq == seq {
		return s
	}
	return nil
}

// oldest is the held packet with the nearest turn; Held must not be 0.
func (b *Buffer) oldest() *slot {
	seq := b.next
	for b.at(seq) == nil {
		seq++
	}
	return b.at(seq)
}

// span is the time from the next turn to the newest packet.
func (b *Buffer) span() time.Duration {
	if b.stats.Held == 0 {
		return 0
	}
	return b.duration(int(b.newest-b.next) + 1)
}

func (b *Buffer) duration(packets int) time.Duration {
	return time.Duration(packets) * time.Duration(b.step) * time.Second / time.Duration(b.cfg.ClockRate)
}

// soonest is how long a packet waits at least when the delay is built up. Turns come once a packet, so that it may be a
// packet more: the mean of that is the target, where the jitter allows it.
func (b *Buffer) soonest() time.Duration {
	return min(max(b.estimate.target(), b.target()-b.duration(1)/2), b.cfg.MaxDelay)
}

func (b *Buffer) target() time.Duration {
	return min(max(b.estimate.target(), b.cfg.MinDelay), b.cfg.MaxDelay)
}
