package menu

import (
	"crypto/subtle"
	"strings"
	"time"
)

// Caller is who walks through the menu, for the messages that name them.
type Caller struct{ Number, Name string }

// Machine walks one caller through a menu. It begins with Start.
type Machine struct {
	menu  *Menu
	guard *Guard
	words *strings.Replacer

	node     *Node
	sounding bool      // until Quiet
	closing  bool      // hang up when it is quiet
	done     bool      // nothing follows
	input    []byte    // digits so far
	deadline time.Time // of the wait for a key
	wrong    int       // PINs
}

// NewMachine makes a machine; guard may be nil.
func NewMachine(m *Menu, guard *Guard, c Caller) *Machine {
	name := c.Name
	if name == "" {
		name = c.Number
	}
	return &Machine{menu: m, guard: guard, words: strings.NewReplacer("{caller}", c.Number, "{name}", name)}
}

// Start enters the menu.
func (m *Machine) Start(now time.Time) []Action {
	if m.node != nil {
		return nil
	}
	return m.enter(m.menu.Start, now)
}

// Secret tells that the keys which are pressed now are a PIN, or may be one: of
// a caller who does not wait for the end of what is said before it, or who was
// one digit too fast for the last attempt.
func (m *Machine) Secret() bool {
	if m.node == nil {
		return false
	}
	next := m.menu.follower(m.node)
	return m.node.IsPIN || m.closing || next != nil && next.IsPIN
}

// Rest starts the wait for a key anew: the keys had another purpose meanwhile.
func (m *Machine) Rest(now time.Time) {
	if m.node != nil {
		m.deadline = now.Add(m.node.Timeout)
	}
}

// Done tells that the menu has ended.
func (m *Machine) Done() bool { return m.done }

// Deadline is when to call Tick next; ok is false when time does not run.
func (m *Machine) Deadline() (at time.Time, ok bool) {
	return m.deadline, !m.done && !m.sounding && !m.deadline.IsZero()
}

// enter goes to a node and on to those that follow at once.
func (m *Machine) enter(n *Node, now time.Time) (out []Action) {
	for range maxNodes {
		m.node, m.input, m.sounding = n, m.input[:0], false
		m.deadline = now.Add(n.Timeout)
		if n.ID != "" {
			out = append(out, Entered{n.ID})
		}
		for _, a := range n.Actions {
			a = m.fill(a)
			out = append(out, a)
			switch a.(type) {
			case Hangup, Transfer, Messages:
				m.done = true
				return out
			}
			m.sounding = m.sounding || sounds(a)
		}
		out = m.announce(out)
		if m.sounding {
			return out
		}
		var next *Node
		if out, next = m.follow(out, now); next == nil {
			return out
		}
		n = next
	}
	return m.hangup(out) // circles do not pass Parse
}

// announce gives the message of the node.
func (m *Machine) announce(out []Action) []Action {
	switch n := m.node; {
	case n.Message != "":
		m.sounding = true
		return append(out, Say{m.words.Replace(n.Message), n.Voice})
	case n.File != "":
		m.sounding = true
		return append(out, Play{n.File})
	}
	return out
}

// fill puts the caller into the texts of an action.
func (m *Machine) fill(a Action) Action {
	switch a := a.(type) {
	case Say:
		a.Text = m.words.Replace(a.Text)
		return a
	case Publish:
		a.Value = m.words.Replace(a.Value)
		return a
	}
	return a
}

// follow does what comes after the sound of the node; next is where to go.
func (m *Machine) follow(out []Action, now time.Time) (_ []Action, next *Node) {
	switch after := m.node.After; after.Kind {
	case HangUp:
		return m.hangup(out), nil
	case Return:
		return out, m.node.up(after.Levels)
	case Jump:
		return out, m.menu.nodes[after.ID]
	case Repeat:
		// The time runs from entering: repeating does not go on for ever.
		if now.Before(m.deadline) {
			return m.announce(out), nil
		}
		return m.timeout(out, now), nil
	default:
		m.deadline = now.Add(m.node.Timeout)
		return out, nil
	}
}

func (m *Machine) hangup(out []Action) []Action {
	m.done = true
	return append(out, Hangup{})
}

func (m *Machine) timeout(out []Action, now time.Time) []Action {
	if n := m.node.OnTimeout; n != nil {
		return append(out, m.enter(n, now)...)
	}
	return m.hangup(out)
}

// Quiet tells that all sound which the machine asked for has ended by itself.
func (m *Machine) Quiet(now time.Time) []Action {
	if m.done || !m.sounding {
		return nil
	}
	m.sounding = false
	if m.closing {
		return m.hangup(nil)
	}
	out, next := m.follow(nil, now)
	if next != nil {
		return m.enter(next, now)
	}
	return out
}

// Tick ends the wait for a key when its time is over.
func (m *Machine) Tick(now time.Time) []Action {
	if at, ok := m.Deadline(); !ok || now.Before(at) {
		return nil
	}
	return m.timeout(nil, now)
}

// Key takes a key of the caller. One that comes while it is said what was wrong
// with those before is the first of the next attempt.
func (m *Machine) Key(key byte, now time.Time) (out []Action) {
	n := m.node
	if strings.IndexByte("0123456789*#ABCD", key) < 0 {
		return nil
	}
	if n != nil && !m.done && !m.closing && m.sounding && n.BargeIn && len(n.Choices) == 0 {
		if next := m.menu.follower(n); next != nil && len(next.Choices) > 0 {
			out = append(append(out, Stop{}), m.enter(next, now)...)
			n = m.node
		}
	}
	if m.done || m.closing || n == nil || len(n.Choices) == 0 {
		return out
	}
	if m.sounding {
		if !n.BargeIn {
			return out
		}
		m.sounding = false
		out = append(out, Stop{})
	}
	m.deadline = now.Add(n.Timeout)
	if n.IsPIN {
		return m.pinKey(out, key, now)
	}
	m.input = append(m.input, key)
	digits := string(m.input)
	if choice := n.Choices[digits]; choice != nil {
		return append(out, m.enter(choice, now)...)
	}
	for d := range n.Choices {
		if strings.HasPrefix(d, digits) {
			return out
		}
	}
	return m.fallback(out, now)
}

// fallback is for digits that lead nowhere.
func (m *Machine) fallback(out []Action, now time.Time) []Action {
	m.input = m.input[:0]
	if d := m.node.Default; d != nil {
		return append(out, m.enter(d, now)...)
	}
	return m.announce(out)
}

// pinKey takes a digit of a PIN. # ends one that is too short. How many digits
// are right cannot be told from what happens, nor from how long it takes.
func (m *Machine) pinKey(out []Action, key byte, now time.Time) []Action {
	n := m.node
	longest, hash := 0, false
	for d := range n.Choices {
		longest = max(longest, len(d))
		hash = hash || strings.Contains(d, "#")
	}
	complete := key == '#' && !hash
	if !complete {
		m.input = append(m.input, key)
		complete = len(m.input) >= longest
	}
	var right *Node
	for d, choice := range n.Choices {
		if subtle.ConstantTimeCompare([]byte(d), m.input) == 1 {
			right = choice
		}
	}
	locked := m.guard.Locked(now)
	switch {
	case right != nil && !locked:
		return append(out, m.enter(right, now)...)
	case right != nil, complete:
		return m.wrongPIN(out, locked, now)
	}
	return out
}

// wrongPIN says so, and ends the call after the last attempt.
func (m *Machine) wrongPIN(out []Action, locked bool, now time.Time) []Action {
	m.wrong++
	if !locked {
		m.guard.Wrong(now)
	}
	left := max(0, m.menu.PINAttempts-m.wrong)
	out = append(out, WrongPIN{Left: left, Locked: locked})
	if left > 0 {
		return m.fallback(out, now)
	}
	m.closing = true
	if d := m.node.Default; d != nil {
		m.node = d
		if out = m.announce(out); m.sounding {
			return out
		}
	}
	return m.hangup(out)
}
