package account

import (
	"fmt"
	"time"
)

// Machine is the registration of one account. It is not safe for concurrent use.
type Machine struct {
	cfg Config

	phase      phase
	registered bool
	info       Info
	outcomes   uint64 // see State

	out  pending   // the request under way
	sent time.Time // when it, or the last one, was started
	ask  time.Duration

	expires time.Time // when our binding ends at the registrar; zero without one
	everUp  bool      // registered at least once since Start
	upSince time.Time
	eager   time.Time // until when an absent registrar is asked often

	attempt  int  // REGISTERs since the last success
	failures int  // failures in a row, for the back-off
	refused  int  // refusals of the credentials in a row
	raised   int  // 423 in a row
	flaps    int  // losses soon after a success, in a row
	again    bool // another REGISTER is wanted as soon as the pending one has ended
	next     bool // the next REGISTER goes to the next target

	due    time.Time // next REGISTER
	slowAt time.Time // when a pending REGISTER is shown as unanswered
	stopBy time.Time // when un-registering is given up
	revive bool      // Start was called while stopping

	ping pinger
}

// phase is what the machine is doing.
type phase int

const (
	idle     phase = iota // not started, or stopped
	running               // keeps the account registered
	stopping              // un-registers
)

// pending is the request that has not been answered yet.
type pending int

const (
	none pending = iota
	register
	unregister
)

// New returns a stopped machine. An error names what is wrong with the config.
func New(cfg Config) (*Machine, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("account config: %w", err)
	}
	return &Machine{cfg: cfg, info: Info{State: Stopped}}, nil
}

// State returns the present state.
func (m *Machine) State() State {
	return State{Registered: m.registered, Info: m.info, Outcomes: m.outcomes}
}

// Done reports whether the machine is stopped and waits for nothing.
func (m *Machine) Done() bool { return m.phase == idle }

// Start begins to register, at once. While the machine is stopping it starts again afterwards.
func (m *Machine) Start(now time.Time) []Action {
	switch m.phase {
	case running:
		return nil
	case stopping:
		m.revive = true
		return nil
	}
	*m = Machine{cfg: m.cfg, info: m.info, outcomes: m.outcomes, phase: running, ask: m.cfg.Expires, eager: now.Add(m.cfg.EagerFor)}
	return m.register(now)
}

// Kick registers now: a person asked for it, our address changed, or the registrar is known to
// be back. It also ends a long wait after refused credentials.
func (m *Machine) Kick(now time.Time) []Action {
	if m.phase != running {
		return nil
	}
	m.failures, m.eager = 0, now.Add(m.cfg.EagerFor)
	return m.soon(now)
}

// Lost tells that the registrar or the connection to it is gone, by an ICMP error or a closed
// connection: the account is not registered until a new REGISTER has been answered.
func (m *Machine) Lost(now time.Time) []Action {
	if m.phase != running || !m.registered {
		return nil // a REGISTER is under way or scheduled already
	}
	at := later(now, m.sent.Add(m.cfg.MinGap))
	if now.Sub(m.upSince) >= m.cfg.MaxBackoff {
		m.flaps = 0
	} else if m.flaps++; m.flaps > 1 {
		// Such as a server that closes the connection after each answer.
		at = now.Add(m.backoff(m.flaps-1, m.cfg.ReconnectBackoff))
	}
	m.ping = pinger{}
	info := m.lostInfo()
	if m.out == register {
		m.again = true
		return m.show(now, false, info)
	}
	if !at.After(now) {
		return append(m.show(now, false, info), m.register(now)...)
	}
	m.due = at
	info.State, info.NextTry = Failed, at
	return m.show(now, false, info)
}

// Stop takes the registration back; the machine is [Machine.Done] within StopWait.
func (m *Machine) Stop(now time.Time) []Action {
	m.revive = false
	if m.phase != running {
		return nil
	}
	m.phase = stopping
	m.due, m.slowAt, m.again, m.ping = time.Time{}, time.Time{}, false, pinger{}
	m.stopBy = now.Add(m.cfg.StopWait)
	if m.out == register {
		return nil // RFC 3261 10.2: no new request until the pending one has ended
	}
	return m.unregister(now)
}

// Abandon stops without taking the registration back: whoever has the account now may have the same Contact.
func (m *Machine) Abandon(now time.Time) []Action {
	m.revive = false
	if m.phase == idle {
		return nil
	}
	return m.stopped(now, Info{State: Stopped})
}

// unregister takes the binding back if there may be one.
func (m *Machine) unregister(now time.Time) []Action {
	if !now.Before(m.expires) {
		return m.stopped(now, Info{State: Stopped})
	}
	m.out, m.sent = unregister, now
	return []Action{Unregister{}}
}

func (m *Machine) stopped(now time.Time, info Info) []Action {
	revive := m.revive
	m.phase, m.out, m.expires, m.stopBy, m.revive = idle, none, time.Time{}, time.Time{}, false
	actions := m.show(now, false, info)
	if revive {
		actions = append(actions, m.Start(now)...)
	}
	return actions
}

// soon registers now, or as soon as the pending request and MinGap allow.
func (m *Machine) soon(now time.Time) []Action {
	if m.out == register {
		m.again = true
		return nil
	}
	at := m.sent.Add(m.cfg.MinGap)
	if !now.Before(at) {
		return m.register(now)
	}
	m.due = at
	info := m.info
	info.NextTry = at
	return m.show(now, m.registered, info)
}

// register starts a REGISTER.
func (m *Machine) register(now time.Time) []Action {
	m.attempt++
	m.out, m.sent, m.due, m.again = register, now, time.Time{}, false
	m.ping.due, m.ping.sent = time.Time{}, time.Time{}
	m.slowAt = now.Add(m.cfg.SlowAnswer)
	act := Register{Expires: m.ask, Attempt: m.attempt, NextTarget: m.next}
	m.next = false
	info := m.info
	info.NextTry = time.Time{}
	if info.State == Stopped || info.State == Unregistered {
		info = Info{State: Registering}
	}
	// A failure stays on display until a try has succeeded.
	return append(m.show(now, m.registered, info), act)
}

// outcome shows how a REGISTER has ended.
func (m *Machine) outcome(now time.Time, registered bool, info Info) []Action {
	m.outcomes++
	if actions := m.show(now, registered, info); len(actions) > 0 {
		return actions
	}
	return []Action{m.State()}
}

// show makes info the present one, and tells it if anything in it is new.
func (m *Machine) show(now time.Time, registered bool, info Info) []Action {
	info.Since = m.info.Since
	if info.State != m.info.State {
		info.Since = now
	}
	if registered == m.registered && info == m.info {
		return nil
	}
	m.registered, m.info = registered, info
	return []Action{m.State()}
}
