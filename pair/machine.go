package pair

import (
	"errors"
	"time"
)

// Config says who takes part and how.
type Config struct {
	Holder string // of this process alone: no other one, and no other run, may have it
	Timing Timing
	// Exact: the store refuses a write that is not based on its latest record, so that what it shows is the truth.
	// Else it keeps the order of all that is written, and shows it in that order (an MQTT topic).
	Exact bool
}

// rest is how many TTLs an instance that has stepped down of its own accord leaves to the others.
const rest = 3

// Machine is the election as one instance sees it. It is pure: instants are lengths of time on the instance's own clock,
// which also counts while the machine sleeps. It is not safe for concurrent use.
type Machine struct {
	cfg    Config
	active bool
	until  time.Duration // end of being active
	epoch  uint64        // of our own record

	linked   bool
	met      bool          // linked at least once
	linkedAt time.Duration // nothing that was said before that is known
	seen     Record        // the latest record of somebody else
	heard    time.Duration // the last sign of life
	top      uint64        // the highest epoch seen
	free     bool          // the active one has stepped down, nobody is to be waited for
	resting  time.Duration // no claim before that
	spread   time.Duration // a random delay of claims, so that two do not claim at once

	token   uint64
	pending []write
	next    time.Duration // of the next renewal or try
}

// write is what the store has not confirmed.
type write struct {
	token uint64
	sent  time.Duration
	claim bool
}

const maxPending = 4

// New returns a machine that is not active.
func New(cfg Config) (*Machine, error) {
	if cfg.Holder == "" {
		return nil, errors.New("the instance has no name")
	}
	t := cfg.Timing
	if t.Renew <= 0 || t.Hold <= t.Renew || t.TTL <= t.Hold {
		return nil, errors.New("the timing of the pair is not in order: want renew < hold < ttl")
	}
	return &Machine{cfg: cfg}, nil
}

// Active tells whether this instance is the active one at an instant, which may lie ahead of what the machine was told.
func (m *Machine) Active(now time.Duration) bool { return m.active && now < m.until }

// Until is the instant at which this instance ceases to be active unless a renewal is confirmed; 0 when it is not.
func (m *Machine) Until() time.Duration {
	if !m.active {
		return 0
	}
	return m.until
}

// Seen is the latest record of another instance, and whether there is one.
func (m *Machine) Seen() (Record, bool) { return m.seen, m.seen.Holder != "" }

// Epoch is that of our own latest record.
func (m *Machine) Epoch() uint64 { return m.epoch }

// Linked tells that the store answers. random is in [0,1).
func (m *Machine) Linked(now time.Duration, random float64) []Action {
	if m.linked {
		return m.Tick(now)
	}
	if !m.met || !m.cfg.Exact { // an exact store loses nothing while it is away
		m.linkedAt = now
	}
	m.linked, m.met = true, true
	m.spread = time.Duration(random * float64(m.cfg.Timing.Renew) / 4)
	if m.active {
		m.next = now // show at once that we live
	}
	return m.Tick(now)
}

// Unlinked tells that the store does not answer. What was written and not confirmed may arrive later or not at all.
func (m *Machine) Unlinked(now time.Duration) []Action {
	m.linked, m.pending = false, nil
	return m.Tick(now)
}

// Record tells what somebody else has written. kept says that it was written before we were listening.
func (m *Machine) Record(now time.Duration, r Record, kept bool) []Action {
	out := m.expire(now)
	before := m.seen
	m.heard, m.free = now, false
	m.dropClaims()
	fresh := r.Epoch >= m.top
	if fresh || m.cfg.Exact {
		m.seen, m.top = r, r.Epoch
	}
	if m.active && (m.cfg.Exact || r.Epoch > m.epoch) {
		out = append(out, m.end()...)
	}
	m.free = r.Released && (fresh || m.cfg.Exact) && m.believes(now, before, r, kept)
	return append(out, m.Tick(now)...)
}

// believes tells whether the one who says that it has stepped down was the active one. A broker may keep or deliver late
// what is no longer true, so there it has to come from who was followed for as long as any other would keep silent.
func (m *Machine) believes(now time.Duration, before, r Record, kept bool) bool {
	return m.cfg.Exact ||
		!kept && before.Holder == r.Holder && before.Epoch == r.Epoch && now-m.linkedAt >= m.silence()
}

// Wrote tells the outcome of a write.
func (m *Machine) Wrote(now time.Duration, token uint64, o Outcome) []Action {
	out := m.expire(now) // a renewal that is shown too late is none: it may stand behind the claim of another
	w, ok := m.take(token)
	if !ok {
		return append(out, m.Tick(now)...)
	}
	end := w.sent + m.cfg.Timing.Hold
	switch {
	case o == Stored && w.claim && now < end:
		m.active, m.until, m.free = true, end, false
		m.seen.Holder = "" // it is us now
		m.next = w.sent + m.cfg.Timing.Renew
		out = append(out, Changed{Active: true})
	case o == Stored && !w.claim && m.active:
		m.until = max(m.until, end)
	case o == Refused && w.claim, o == Stored:
		m.heard, m.free = now, false
	case o == Failed:
		m.next = now + m.cfg.Timing.Renew/4
	}
	return append(out, m.Tick(now)...)
}

// Release steps down and lets others take over at once. The caller has ended all that only the active one may do.
func (m *Machine) Release(now time.Duration) []Action {
	m.resting = now + rest*m.cfg.Timing.TTL
	m.dropClaims()
	if !m.Active(now) {
		return m.Tick(now)
	}
	out := m.end()
	return append(out, m.write(now, Record{Holder: m.cfg.Holder, Epoch: m.epoch, TTL: m.cfg.Timing.TTL, Released: true}, false))
}

// Tick does what is due.
func (m *Machine) Tick(now time.Duration) []Action {
	out := m.expire(now)
	if !m.linked || now < m.due() {
		return out
	}
	r := Record{Holder: m.cfg.Holder, Epoch: m.epoch, TTL: m.cfg.Timing.TTL}
	if m.active {
		return append(out, m.write(now, r, false))
	}
	m.epoch = max(m.epoch, m.top) + 1
	r.Epoch = m.epoch
	return append(out, m.write(now, r, true))
}

// Next is the instant at which Tick is wanted; far away when there is none.
func (m *Machine) Next() time.Duration {
	next := time.Duration(1<<63 - 1)
	if m.active {
		next = m.until
	}
	if m.linked {
		next = min(next, m.due())
	}
	return next
}

// due is when the next record is to be written.
func (m *Machine) due() time.Duration {
	if m.active {
		return m.next
	}
	at := max(m.linkedAt, m.heard) + m.spread
	if !m.free {
		at += m.silence()
	}
	return max(at, m.resting, m.next)
}

// silence is how long the others have to be quiet before we take over.
func (m *Machine) silence() time.Duration { return max(m.cfg.Timing.TTL, m.seen.TTL) }

func (m *Machine) write(now time.Duration, r Record, claim bool) Action {
	m.token++
	m.pending = append(m.pending, write{token: m.token, sent: now, claim: claim})
	if len(m.pending) > maxPending {
		m.pending = m.pending[1:]
	}
	m.next = now + m.cfg.Timing.Renew
	if claim {
		m.next = now + m.cfg.Timing.TTL
	}
	return Write{Token: m.token, Record: r}
}

func (m *Machine) take(token uint64) (write, bool) {
	for i, w := range m.pending {
		if w.token == token {
			m.pending = m.pending[i+1:]
			return w, true
		}
	}
	return write{}, false
}

// dropClaims gives up claims under way: somebody else has spoken before the store has shown them.
func (m *Machine) dropClaims() {
	kept := m.pending[:0]
	for _, w := range m.pending {
		if !w.claim {
			kept = append(kept, w)
		}
	}
	m.pending = kept
}

// expire ends being active when its time is over. Our own last record counts as a sign of life, as it does for others.
func (m *Machine) expire(now time.Duration) []Action {
	if !m.active || now < m.until {
		return nil
	}
	m.heard = now
	return m.end()
}

func (m *Machine) end() []Action {
	m.active, m.until, m.pending = false, 0, nil
	return []Action{Changed{}}
}
