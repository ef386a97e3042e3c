package account

import "time"

// pinger watches the registrar between two REGISTERs.
type pinger struct {
	due, sent time.Time     // the next OPTIONS, and the one under way; zero is none
	best      time.Duration // the fastest answer; zero before the first
	off       bool          // the registrar does not answer OPTIONS
}

func (p *pinger) schedule(now time.Time, every time.Duration) {
	p.due, p.sent = time.Time{}, time.Time{}
	if every > 0 && !p.off {
		p.due = now.Add(every)
	}
}

// Pong tells that the OPTIONS of the last [Ping] got a final response, whatever its code.
func (m *Machine) Pong(now time.Time) []Action {
	if m.phase != running || m.ping.sent.IsZero() {
		return nil
	}
	took := max(now.Sub(m.ping.sent), 1)
	late := m.ping.best > 0 && took > m.ping.best+m.cfg.PingLate
	if m.ping.best == 0 || took < m.ping.best {
		m.ping.best = took
	}
	m.ping.schedule(now, m.cfg.PingEvery)
	if late {
		return m.soon(now)
	}
	return nil
}

// NextTimer is when to call [Machine.Tick]; zero is never.
func (m *Machine) NextTimer() time.Time {
	var next time.Time
	earliest := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	if m.phase == idle {
		return next
	}
	earliest(m.stopBy)
	if m.phase == stopping {
		return next
	}
	earliest(m.due)
	earliest(m.slowAt)
	earliest(m.ping.due)
	if m.out == register {
		earliest(m.sent.Add(registerGuard))
	}
	if !m.ping.sent.IsZero() {
		earliest(m.ping.sent.Add(m.cfg.PingTimeout))
	}
	if m.registered {
		earliest(m.expires)
	}
	return next
}

// Tick does what is due.
func (m *Machine) Tick(now time.Time) []Action {
	reached := func(t time.Time) bool { return !t.IsZero() && !now.Before(t) }
	switch m.phase {
	case idle:
		return nil
	case stopping:
		if reached(m.stopBy) {
			info := m.silence().info()
			info.State = Stopped
			return m.stopped(now, info)
		}
		return nil
	}
	var actions []Action
	if m.out == register && reached(m.sent.Add(registerGuard)) {
		return m.Timeout(now)
	}
	if reached(m.slowAt) || (m.registered && reached(m.expires)) {
		actions = append(actions, m.unanswered(now)...)
	}
	if !m.ping.sent.IsZero() && reached(m.ping.sent.Add(m.cfg.PingTimeout)) {
		m.ping.off = m.ping.best == 0
		m.ping.schedule(now, m.cfg.PingEvery)
		return append(actions, m.soon(now)...)
	}
	if reached(m.due) {
		return append(actions, m.register(now)...)
	}
	if reached(m.ping.due) {
		m.ping.due, m.ping.sent = time.Time{}, now
		actions = append(actions, Ping{})
	}
	return actions
}

// unanswered shows that a REGISTER goes on without an answer, so the account cannot be reached.
func (m *Machine) unanswered(now time.Time) []Action {
	var actions []Action
	if !m.slowAt.IsZero() && m.ping.best > 0 {
		actions = append(actions, Reconnect{})
	}
	m.slowAt = time.Time{}
	if m.info.State == Failed {
		return actions
	}
	info := m.silence().info()
	info.State, info.Reason, info.NextTry = Registering, "no answer yet", m.due
	return append(actions, m.show(now, false, info)...)
}
