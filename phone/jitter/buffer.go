package jitter

import "time"

// Sequence numbers further away than these are a restart of the sender rather
// than loss or reordering (RFC 3550 A.1).
const (
	maxDropout  = 3000
	maxMisorder = 100
)

// Config of a [Buffer]. The zero value works.
type Config struct {
	ClockRate  int           // RTP timestamp units a second, default 8000
	Slots      int           // packets held at most, a power of two, default 32
	MaxPayload int           // bytes a packet at most, default 1280
	MinDelay   time.Duration // least target delay, default 20 ms
	MaxDelay   time.Duration // greatest target delay, default 200 ms
}

func (c Config) withDefaults() Config {
	if c.ClockRate <= 0 {
		c.ClockRate = 8000
	}
	if c.Slots <= 0 || c.Slots > 1<<12 || c.Slots&(c.Slots-1) != 0 {
		c.Slots = 32
	}
	if c.MaxPayload <= 0 {
		c.MaxPayload = 1280
	}
	if c.MinDelay <= 0 {
		c.MinDelay = 20 * time.Millisecond
	}
	if c.MaxDelay <= 0 {
		c.MaxDelay = 200 * time.Millisecond
	}
	c.MaxDelay = max(c.MaxDelay, c.MinDelay)
	return c
}

// State says what Pop found.
type State int

// States.
const (
	// Empty: nothing to play yet; the time is to be filled and the next Pop
	// asks for the same packet.
	Empty State = iota
	// OK: the frame is the next in order.
	OK
	// Lost: the next packet is missing; its time is to be filled.
	Lost
)

// Frame is one packet's payload, valid until the next Push.
type Frame struct {
	Payload   []byte
	Timestamp uint32
	Seq       uint16
}

// Stats counts packets since New. Pushed is the sum of Played, Late,
// Duplicates, Refused, Discarded, Skipped and Held.
type Stats struct {
	Pushed     uint64
	Played     uint64 // returned by Pop
	Late       uint64 // came after their turn
	Duplicates uint64
	Refused    uint64 // too big, or stray sequence numbers
	Discarded  uint64 // left out to lower the delay or by a restart
	Skipped    uint64 // empty payloads
	Held       int    // waiting now

	Lost      uint64 // turns that Pop reported as Lost
	Reordered uint64 // accepted out of order
	Stretched uint64 // turns inserted to raise the delay
	Resyncs   uint64 // restarts after a jump of sequence numbers

	Target time.Duration // delay aimed at
	Delay  time.Duration // delay of the packets lately played
}

type slot struct {
	seq     uint16
	used    bool
	size    int
	ts      uint32
	arrived time.Duration
}

// Buffer orders the packets of one RTP source.
type Buffer struct {
	cfg   Config
	slots []slot
	data  []byte // room bytes for each slot
	room  int
	stats Stats

	started bool   // next and newest are known
	playing bool   // the delay has been built up
	next    uint16 // sequence number of the next turn
	newest  uint16 // highest sequence number held or played
	history uint64 // bit i: turn next-1-i was played or skipped

	known  bool   // playTS is known
	playTS uint32 // timestamp that follows what was played last
	step   uint32 // timestamp units of a packet

	stray    uint16 // sequence number that would confirm a restart
	strayed  bool
	estimate estimator
	waits    window
}

// New makes a buffer.
func New(cfg Config) *Buffer {
	cfg = cfg.withDefaults()
	b := &Buffer{cfg: cfg, slots: make([]slot, cfg.Slots), room: min(firstRoom, cfg.MaxPayload)}
	b.data = make([]byte, cfg.Slots*b.room)
	b.Reset(cfg.ClockRate)
	return b
}

// Reset forgets all packets and all that was learnt, for a new source or a new
// codec. Counters go on.
func (b *Buffer) Reset(clockRate int) {
	b.flush()
	b.cfg.ClockRate = clockRate
	b.started, b.known, b.strayed = false, false, false
	b.step = uint32(clockRate / 50) // 20 ms until two packets tell
	b.estimate = estimator{}
	b.waits = window{}
}

// Stats is the record so far.
func (b *Buffer) Stats() Stats {
	s := b.stats
	s.Target = b.target()
	s.Delay = b.waits.last
	return s
}

// Push stores a packet that arrived at now. It reports whether the packet will
// have its turn; a payload of no length keeps its place in the sequence only.
func (b *Buffer) Push(seq uint16, ts uint32, payload []byte, now time.Duration) bool {
	b.stats.Pushed++
	if len(payload) > b.cfg.MaxPayload || !b.admit(seq) {
		b.stats.Refused++
		return false
	}
	ahead := int(int16(seq - b.next))
	if ahead < 0 {
		if b.playing || int(b.newest-seq) >= len(b.slots) {
			if b.played(-ahead) {
				b.stats.Duplicates++
				return false
			}
			b.stats.Late++
			b.measure(seq, ts, payload, now) // the next one of its kind shall be in time
			return false
		}
		b.next = seq // reordered before the first turn
	}
	s := &b.slots[int(seq)&(len(b.slots)-1)]
	if s.used { // same number: admit keeps the window within the ring
		b.stats.Duplicates++
		return false
	}
	if int16(seq-b.newest) > 0 {
		b.newest = seq
	} else if b.newest != seq {
		b.stats.Reordered++
	}
	b.fit(len(payload))
	*s = slot{seq: seq, used: true, size: len(payload), ts: ts, arrived: now}
	copy(b.payload(s), payload)
	b.stats.Held++
	b.measure(seq, ts, payload, now)
	return true
}

func (b *Buffer) measure(seq uint16, ts uint32, payload []byte, now time.Duration) {
	if len(payload) == 0 {
		return
	}
	if step := b.estimate.add(seq, ts, now, b.cfg.ClockRate); step > 0 {
		b.step = step
	}
}

// admit brings the window to where seq fits, and refuses strays.
func (b *Buffer) admit(seq uint16) bool {
	if !b.started {
		b.restart(seq)
		return true
	}
	ahead := int(int16(seq - b.next))
	if ahead >= maxDropout || ahead < -maxMisorder {
		// Two in a row are a restarted sender, one is a stray.
		confirmed := b.strayed && seq == b.stray
		b.stray, b.strayed = seq+1, !confirmed
		if confirmed {
			b.stats.Resyncs++
			b.restart(seq)
		}
		return confirmed
	}
	b.strayed = false
	if ahead < len(b.slots) {
		return true
	}
	if int(int16(seq-b.newest)) >= len(b.slots) {
		b.stats.Resyncs++
		b.restart(seq) // nothing of the window is left
		return true
	}
	for ; ahead >= len(b.slots); ahead-- {
		b.discard() // nobody pops: the oldest goes
	}
	return true
}

func (b *Buffer) restart(seq uint16) {
	b.flush()
	b.started, b.known = true, false
	b.next, b.newest, b.history = seq, seq, 0
	b.waits = window{}
}

func (b *Buffer) flush() {
	for i := range b.slots {
		if b.slots[i].used {
			b.slots[i].used = false
			b.stats.Discarded++
		}
	}
	b.stats.Held = 0
	b.playing = false
}

// played reports whether the turn back turns ago was played.
func (b *Buffer) played(back int) bool {
	return back <= 64 && b.history>>(back-1)&1 == 1
}

func (b *Buffer) payload(s *slot) []byte {
	at := (int(s.seq) & (len(b.slots) - 1)) * b.room
	return b.data[at : at+s.size]
}

// firstRoom holds 20 ms of G.711: a sixth of what the longest packets need.
const firstRoom = 176

// fit makes the slots hold payloads of a size; they never shrink.
func (b *Buffer) fit(size int) {
	if size <= b.room {
		return
	}
	room := min(max(size, 2*b.room), b.cfg.MaxPayload)
	data := make([]byte, len(b.slots)*room)
	for i := range b.slots {
		copy(data[i*room:], b.data[i*b.room:(i+1)*b.room])
	}
	b.data, b.room = data, room
}
