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
	Busy            Cause = "busy"
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
	// Hangup ends a leg, whatever it is doing; Cause is empty where it was
	// acknowledged.
	Hangup struct {
		Leg   Leg
		Cause Cause
	}
	// Say says why it calls. Said must be told when it was heard out.
	Say struct{ Leg Leg }
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
	who      int // position in To
	round    int
	answered bool
	said     int       // times, heard out
	deadline time.Time // of ringing or of the wait for the key; zero while it speaks
}

// lineCheck is how often a free line is looked for.
const lineCheck = 2 * time.Second

// Machine gives one alarm.
type Machine struct {
	cfg    Config
	legs   []leg
	last   Leg
	turn   []int // positions in To of who is still rung in this round
	round  int
	pause  time.Time     // when the next round begins; zero outside of pauses
	line   time.Time     // when a line is looked for again; zero while there may be one
	waited time.Duration // for lines
	tries  []Try
	done   bool
	gaveUp bool
}

// New makes a machine; Start begins.
func New(cfg Config) (*Machine, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg.To = slices.Clone(cfg.To)
	if !cfg.Together {
		cfg.Lines = 1
	}
	return &Machine{cfg: cfg}, nil
}

// Start begins the first round.
func (m *Machine) Start(now time.Time) []Action {
	if m.round > 0 || m.done {
		return nil
	}
	return m.begin(nil, now)
}

// begin begins a round.
func (m *Machine) begin(out []Action, now time.Time) []Action {
	m.round++
	m.pause = time.Time{}
	m.turn = m.turn[:0]
	for i := range m.cfg.To {
		m.turn = append(m.turn, i)
	}
	return m.ring(out, now)
}

// Running tells that the outcome is not known yet.
func (m *Machine) Running() bool { return !m.done }

// ring dials whom it is the turn of, as far as there are lines.
func (m *Machine) ring(out []Action, now time.Time) []Action {
	for len(m.turn) > 0 && len(m.legs) < m.cfg.Lines && m.line.IsZero() {
		m.last++
		who := m.turn[0]
		m.turn = slices.Delete(m.turn, 0, 1)
		m.legs = append(m.legs, leg{id: m.last, who: who, round: m.round, deadline: now.Add(m.cfg.Ring)})
		out = append(out, Dial{m.last, m.cfg.To[who]})
	}
	return out
}

// goOn rings the next ones, pauses behind a round, or gives up behind the last.
func (m *Machine) goOn(out []Action, now time.Time) []Action {
	switch {
	case m.done:
		return out
	case len(m.turn) > 0:
		return m.ring(out, now)
	case len(m.legs) > 0:
		return out
	case m.round < m.cfg.Attempts:
		m.pause = now.Add(m.cfg.Pause)
		return out
	}
	m.gaveUp = true
	return m.finish(out, "")
}

// GaveUp tells that all rounds are over and nobody has acknowledged.
func (m *Machine) GaveUp() bool { return m.gaveUp }

// NoLine tells that a leg was not dialled because other calls take all lines.
// That is no try as long as the patience lasts: a line is looked for again.
func (m *Machine) NoLine(id Leg, now time.Time) []Action {
	l := m.find(id)
	switch {
	case l == nil:
		return nil
	case m.waited >= m.cfg.Patience:
		return m.Ended(id, Busy, now)
	}
	m.turn = slices.Insert(m.turn, 0, l.who)
	m.legs = slices.DeleteFunc(m.legs, func(l leg) bool { return l.id == id })
	if m.line.IsZero() {
		m.line = now.Add(lineCheck)
		m.waited += lineCheck
	}
	return nil
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
	m.tries = append(m.tries, Try{To: m.cfg.To[l.who], Round: l.round, Answered: l.answered, Cause: cause})
}

// Answered tells that somebody, or something, has taken the call.
func (m *Machine) Answered(id Leg) []Action {
	l := m.find(id)
	if l == nil || l.answered {
		return nil
	}
	l.answered, l.deadline = true, time.Time{}
	return []Action{Say{id}}
}

// Said tells that the text has been heard out.
func (m *Machine) Said(id Leg, now time.Time) []Action {
	l := m.find(id)
	if l == nil || !l.answered {
		return nil
	}
	l.said++
	switch {
	case m.cfg.Ack != "":
		l.deadline = now.Add(m.cfg.Wait)
		return nil
	case l.said < m.cfg.Repeat:
		return []Action{Say{id}}
	}
	return m.acknowledged(l)
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
	id, to := l.id, m.cfg.To[l.who]
	m.drop(id, "")
	for len(m.legs) > 0 {
		other := m.legs[0].id
		out = append(out, Hangup{other, TooLate})
		m.drop(other, TooLate)
	}
	return m.finish(append(out, Hangup{Leg: id}), to)
}

// Ended tells that a leg has ended without the machine's doing: busy, declined,
// failed, or hung up. Who hangs up when it was said once has heard it.
func (m *Machine) Ended(id Leg, cause Cause, now time.Time) []Action {
	l := m.find(id)
	if l == nil {
		return nil
	}
	if m.cfg.Ack == "" && l.said > 0 {
		return m.acknowledged(l)
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
			out = append(out, Say{l.id})
		case due:
			cause := NoAnswer
			if l.answered {
				cause = NotAcknowledged
			}
			out = append(out, Hangup{l.id, cause})
			m.drop(l.id, cause)
			continue // the next one is in its place
		}
		i++
	}
	if !m.pause.IsZero() {
		if now.Before(m.pause) {
			return out
		}
		return m.begin(out, now)
	}
	if !m.line.IsZero() && !now.Before(m.line) {
		m.line = time.Time{}
		return m.goOn(out, now)
	}
	if len(out) == 0 {
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
		out = append(out, Hangup{id, Cancelled})
		m.drop(id, Cancelled)
	}
	return m.finish(out, "")
}

// Deadline is when to call Tick next; ok is false when no time runs.
func (m *Machine) Deadline() (at time.Time, ok bool) {
	if m.done {
		return time.Time{}, false
	}
	earlier := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	earlier(m.pause)
	earlier(m.line)
	for _, l := range m.legs {
		earlier(l.deadline)
	}
	return at, !at.IsZero()
}
