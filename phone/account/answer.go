package account

import (
	"math"
	"time"
)

// Response takes the final response to the pending request. What answers nothing is ignored.
func (m *Machine) Response(now time.Time, r Response) []Action {
	if r.Code < 200 {
		return nil
	}
	if m.out == unregister {
		return m.ended(now, r.Code/100 == 2, func() Info { return m.refusal(r).info() })
	}
	if m.out != register {
		return nil
	}
	m.out, m.slowAt = none, time.Time{}
	switch {
	case r.Code/100 == 2:
		return m.granted(now, r)
	case m.phase == stopping:
		return m.unregister(now)
	case r.Code == 423 && r.MinExpires > m.ask && r.MinExpires <= maxGranted && m.raised < 2:
		// RFC 3261 10.2.8. Twice, since the registrars behind a proxy may differ.
		m.raised++
		m.ask = r.MinExpires
		return m.register(now)
	}
	return m.failed(now, m.refusal(r))
}

// Timeout tells that the pending request got no final response (RFC 3261 17.1.2.2, Timer F).
func (m *Machine) Timeout(now time.Time) []Action {
	return m.noResponse(now, m.silence())
}

// TransportError tells that the pending request could not be sent, or that its connection
// broke: name resolution, refused connections and TLS included.
func (m *Machine) TransportError(now time.Time, err error) []Action {
	return m.noResponse(now, m.trouble(err))
}

func (m *Machine) noResponse(now time.Time, f failure) []Action {
	if m.out == unregister {
		return m.ended(now, false, f.info)
	}
	if m.out != register {
		return nil
	}
	m.out, m.slowAt = none, time.Time{}
	if m.phase == stopping {
		return m.unregister(now)
	}
	return m.failed(now, f)
}

// ended is the end of un-registering.
func (m *Machine) ended(now time.Time, ok bool, why func() Info) []Action {
	if ok {
		return m.stopped(now, Info{State: Unregistered})
	}
	info := why()
	info.State = Stopped
	return m.stopped(now, info)
}

// granted is success: the binding lives for as long as the registrar says.
func (m *Machine) granted(now time.Time, r Response) []Action {
	lifetime := r.Expires
	if lifetime <= 0 {
		lifetime = m.ask
	}
	lifetime = min(max(lifetime, minGranted), maxGranted)
	m.expires = now.Add(lifetime)
	if m.phase == stopping {
		return m.unregister(now)
	}
	if !m.registered {
		m.upSince = now
		m.ping = pinger{}
	}
	m.everUp = true
	m.attempt, m.failures, m.refused, m.raised = 0, 0, 0, 0
	m.due = now.Add(m.refresh(lifetime))
	if m.again {
		m.due = later(now, m.sent.Add(m.cfg.MinGap))
	}
	m.ping.schedule(now, m.cfg.PingEvery)
	actions := m.outcome(now, true, Info{State: Registered, Code: r.Code, Reason: clean(r.Reason), Expires: lifetime, NextTry: m.due})
	return append(actions, m.Tick(now)...)
}

// refresh is when to renew a binding of that lifetime, always before it ends.
func (m *Machine) refresh(lifetime time.Duration) time.Duration {
	d := lifetime / 2
	if lifetime > 20*time.Minute {
		d = lifetime - 10*time.Minute
	}
	return min(m.jitter(d), lifetime*19/20)
}

// failed shows why the REGISTER failed and when the next one goes out.
func (m *Machine) failed(now time.Time, f failure) []Action {
	m.failures++
	if f.kind == credentials {
		m.refused++
	}
	m.next = f.kind == away
	wait := m.wait(now, f)
	switch {
	case m.again:
		wait = max(0, m.sent.Add(m.cfg.MinGap).Sub(now))
	case m.locked() && f.kind == credentials:
		f.hint += "; the next try is minutes away, so that the server does not block this phone"
	case m.locked():
		f.hint = "the server refused the login before and may have blocked this phone for a while; " + f.hint
	}
	m.due = now.Add(wait)
	info := f.info()
	info.NextTry = m.due
	return append(m.outcome(now, false, info), m.Tick(now)...)
}

// locked reports that the credentials were refused too often to go on quickly.
func (m *Machine) locked() bool { return m.refused >= m.cfg.AuthAttempts }

// wait is how long to wait after a failure.
func (m *Machine) wait(now time.Time, f failure) time.Duration {
	limit := m.cfg.MaxBackoff
	if f.kind == away && (m.everUp || now.Before(m.eager)) {
		limit = m.cfg.ReconnectBackoff
	}
	d := m.backoff(m.failures, limit)
	if m.locked() && f.kind != other {
		// Silence may be the ban that follows wrong passwords: asking on would prolong it.
		d = grow(m.cfg.AuthBackoff, m.refused-m.cfg.AuthAttempts, m.cfg.AuthMaxBackoff)
		d = max(m.jitter(d), m.cfg.AuthBackoff)
	}
	if f.retryAfter > 0 {
		// RFC 3261 20.33; later than asked is allowed, sooner is not.
		ra := min(f.retryAfter, m.cfg.MaxRetryAfter)
		d = max(d, ra+time.Duration(jitter*m.cfg.Rand()*float64(ra)))
	}
	return d
}

// backoff is the wait after the nth failure in a row, with jitter and never above limit.
func (m *Machine) backoff(n int, limit time.Duration) time.Duration {
	return min(m.jitter(grow(m.cfg.MinBackoff, n-1, time.Duration(float64(limit)/(1+jitter)))), limit)
}

// grow doubles d n times, up to limit.
func grow(d time.Duration, n int, limit time.Duration) time.Duration {
	return time.Duration(min(float64(d)*math.Pow(2, float64(n)), float64(limit)))
}

func (m *Machine) jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (1 + jitter*(2*m.cfg.Rand()-1)))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
