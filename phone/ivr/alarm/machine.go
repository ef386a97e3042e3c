package alarm

import (
	"slices"
	"strings"
	"time"
)

// Leg tells the calls of an alarm apart; numbers are not used again.
type Leg int

// Cause is why a leg has ended without an acknowledgement.
type Cause string

// The causes, beside those that the phone tells with Ended.
const (
	NoAnswer        Cause = "no_answer"
	NotAcknowledged Cause = "not_acknowledged"
	TooLate         Cause = "answered_elsewhere" // another one acknowledged
	Cancelled       Cause = "cancelled"
)

// Action is something for the phone to do.
type Action interface{ action() }

type (
	// Dial calls an address. Answered or Ended must be told of the leg.
	Dial struct {
		Leg Leg
		To  string
	}
	// Hangup ends a leg, whatever it is doing.
	Hangup struct{ Leg Leg }
	// Say speaks the text on a leg. Said must be told when it was heard out.
	Say struct {
		Leg  Leg
		Text string
	}
	// Done tells the outcome; nothing follows.
	Done struct {
		By    string // who acknowledged; empty = nobody
		Tries []Try
	}
)

func (Dial) action()   {}
func (Hangup) action() {}
func (Say) action()    {}
func (Done) action()   {}

// Try is what became of one call.
type Try struct {
	To       string
	Round    int // from 1
	Answered bool
	Cause    Cause // empty for the one who acknowledged
}

// leg is one call under way.
type leg struct {
	id       Leg
	to       string
	round    int
	answered bool
	said     int       // times, heard out
	deadline time.Time // of ringing or of the wait for the key; zero while it speaks
}

// Machine gives one alarm.
type Machine struct {
	cfg   Config
	legs  []leg
	last  Leg
	next  int // position in To of who is rung next
	round int
	pause time.Time // when the next round begins; zero outside of pauses
	tries []Try
	done  bool
}

// New makes a machine; Start begins.
func New(cfg Config) (*Machine, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg.To = slices.Clone(cfg.To)
	return &Machine{cfg: cfg}, nil
}

// Start begins the first round.
func (m *Machine) Start(now time.Time) []Action {
	if m.round > 0 || m.done {
		return nil
	}
	m.round = 1
	return m.ring(nil, now)
}

// Running tells that the outcome is not known yet.
func (m *Machine) Running() bool { return !m.done }

// ring dials whom it is the turn of: one, or all that are left of the round.
func (m *Machine) ring(out []Action, now time.Time) []Action {
	for m.next < len(m.cfg.To) && (m.cfg.Together || len(m.legs) == 0) {
		m.last++
		to := m.cfg.To[m.next]
		m.next++
		m.legs = append(m.legs, leg{id: m.last, to: to, round: m.round, deadline: now.Add(m.cfg.Ring)})
		out = append(out, Dial{m.last, to})
	}
	return out
}

// goOn rings the next one, pauses behind a round, or gives up behind the last.
func (m *Machine) goOn(out []Action, now time.Time) []Action {
	switch {
	case m.done || len(m.legs) > 0:
		return out
	case m.next < len(m.cfg.To):
		return m.ring(out, now)
	case m.round < m.cfg.Attempts:
		m.pause = now.Add(m.cfg.Pause)
		return out
	}
	return m.finish(out, "")
}

func (m *Machine) finish(out []Action, by string) []Action {
	m.done = true
	return append(out, Done{By: by, Tries: m.tries})
}

func (m *Machine) find(id Leg) *leg {
	if i := slices.IndexFunc(m.legs, func(l leg) bool { return l.id == id }); i >= 0 && !m.done {
		return &m.legs[i]
	}
	return nil
}

// drop notes the end of a leg.
func (m *Machine) drop(id Leg, cause Cause) {
	i := slices.IndexFunc(m.legs, func(l leg) bool { return l.id == id })
	l := m.legs[i]
	m.legs = slices.Delete(m.legs, i, i+1)
	m.tries = append(m.tries, Try{To: l.to, Round: l.round, Answered: l.answered, Cause: cause})
}

// Answered tells that somebody, or something, has taken the call.
func (m *Machine) Answered(id Leg) []Action {
	l := m.find(id)
	if l == nil || l.answered {
		return nil
	}
	l.answered, l.deadline = true, time.Time{}
	return []Action{Say{id, m.cfg.Say}}
}

// Said tells that the text has been heard out.
func (m *Machine) Said(id Leg, now time.Time) []Action {
	l := m.find(id)
	if l == nil || !l.answered {
		return nil
	}
	l.said++
	if m.cfg.Ack == "" {
		return m.acknowledged(l)
	}
	l.deadline = now.Add(m.cfg.Wait)
	return nil
}

// Key tells a key that was pressed on a leg.
func (m *Machine) Key(id Leg, key byte) []Action {
	l := m.find(id)
	if l == nil || !l.answered || strings.IndexByte(m.cfg.Ack, key) < 0 {
		return nil
	}
	return m.acknowledged(l)
}

// acknowledged ends the alarm: the leg that did it is left to its caller.
func (m *Machine) acknowledged(l *leg) (out []Action) {
	id, to := l.id, l.to
	m.drop(id, "")
	for len(m.legs) > 0 {
		other := m.legs[0].id
		out = append(out, Hangup{other})
		m.drop(other, TooLate)
	}
	return m.finish(append(out, Hangup{id}), to)
}

// Ended tells that a leg has ended without the machine's doing: busy, declined,
// failed, or hung up.
func (m *Machine) Ended(id Leg, cause Cause, now time.Time) []Action {
	l := m.find(id)
	if l == nil {
		return nil
	}
	if l.answered {
		cause = NotAcknowledged
	}
	m.drop(id, cause)
	return m.goOn(nil, now)
}

// Tick carries out what is due.
func (m *Machine) Tick(now time.Time) (out []Action) {
	if m.done {
		return nil
	}
	for i := 0; i < len(m.legs); {
		l := &m.legs[i]
		due := !l.deadline.IsZero() && !now.Before(l.deadline)
		switch {
		case due && l.answered && l.said < m.cfg.Repeat:
			l.deadline = time.Time{}
			out = append(out, Say{l.id, m.cfg.Say})
		case due:
			cause := NoAnswer
			if l.answered {
				cause = NotAcknowledged
			}
			out = append(out, Hangup{l.id})
			m.drop(l.id, cause)
			continue // the next one is in its place
		}
		i++
	}
	if !m.pause.IsZero() {
		if now.Before(m.pause) {
			return out
		}
		m.pause = time.Time{}
		m.next = 0
		m.round++
	} else if len(out) == 0 {
		return nil
	}
	return m.goOn(out, now)
}

// Cancel ends the alarm by command.
func (m *Machine) Cancel() (out []Action) {
	if m.done {
		return nil
	}
	for len(m.legs) > 0 {
		id := m.legs[0].id
		out = append(out, Hangup{id})
		m.drop(id, Cancelled)
	}
	return m.finish(out, "")
}

// Deadline is when to call Tick next; ok is false when no time runs.
func (m *Machine) Deadline() (at time.Time, ok bool) {
	if m.done {
		return time.Time{}, false
	}
	at = m.pause
	for _, l := range m.legs {
		if !l.deadline.IsZero() && (at.IsZero() || l.deadline.Before(at)) {
			at = l.deadline
		}
	}
	return at, !at.IsZero()
}
