package transaction

import "time"

type state int

const (
	stateCalling    state = iota // INVITE sent, or Trying of another method
	stateProceeding              // a provisional response has come or was sent
	stateCompleted               // final non-2xx of an INVITE, any final of another method
	stateAccepted                // 2xx to an INVITE, RFC 6026 7
	stateConfirmed               // ACK for a non-2xx has come
	stateTerminated
)

// effect is what the shell has to do after a step.
type effect uint8

const (
	sendRequest  effect = 1 << iota // (re)transmit the request
	sendACK                         // acknowledge a non-2xx final, RFC 3261 17.1.1.3
	passUp                          // hand the response or request to the user
	timedOut                        // tell the user that no answer came
	sendResponse                    // (re)transmit the last response
	noACK                           // tell the user that the ACK never came, 17.2.1 timer H
)

// clientMachine is the client transaction of RFC 3261 17.1 and RFC 6026. It is pure.
type clientMachine struct {
	timers     Timers
	invite     bool
	reliable   bool
	state      state
	interval   time.Duration // timer A or E
	retransmit time.Time     // zero = stopped
	end        time.Time     // timers B, F, D, K, M; zero = none
}

func (m *clientMachine) start(now time.Time) effect {
	m.end = now.Add(m.timers.GiveUp()) // timers B and F
	if !m.reliable {
		m.interval = m.timers.T1
		m.retransmit = now.Add(m.interval)
	}
	return sendRequest
}

// response takes a status code.
func (m *clientMachine) response(now time.Time, code int) effect {
	switch m.state {
	case stateCalling, stateProceeding:
		return m.answered(now, code)
	case stateCompleted:
		if m.invite && code >= 300 {
			return sendACK // 17.1.1.2: a retransmitted final means that the ACK was lost
		}
	case stateAccepted:
		if code >= 200 && code < 300 {
			return passUp // RFC 6026 7.2: every 2xx goes to the user, who owns its ACK
		}
	}
	return 0
}

func (m *clientMachine) answered(now time.Time, code int) effect {
	switch {
	case code < 200:
		m.state = stateProceeding
		if m.invite { // 17.1.1.2: no retransmission, no time-out from here on
			m.retransmit, m.end = time.Time{}, time.Time{}
		} else {
			m.interval = m.timers.T2 // 17.1.2.2
		}
		return passUp
	case m.invite && code < 300:
		m.state = stateAccepted
		m.retransmit, m.end = time.Time{}, now.Add(m.timers.GiveUp()) // timer M
		return passUp
	default:
		m.state = stateCompleted
		m.retransmit, m.end = time.Time{}, now
		if !m.reliable {
			linger := m.timers.T4 // timer K
			if m.invite {
				linger = m.timers.GiveUp() // timer D, at least 32 s
			}
			m.end = now.Add(linger)
		}
		if m.invite {
			return sendACK | passUp
		}
		return passUp
	}
}

// tick is called at or after deadline.
func (m *clientMachine) tick(now time.Time) effect {
	if !m.end.IsZero() && !now.Before(m.end) {
		unanswered := m.state == stateCalling || m.state == stateProceeding
		m.stop()
		if unanswered {
			return timedOut
		}
		return 0
	}
	if !m.retransmit.IsZero() && !now.Before(m.retransmit) {
		m.interval *= 2
		if !m.invite {
			m.interval = min(m.interval, m.timers.T2)
		}
		m.retransmit = now.Add(m.interval)
		return sendRequest
	}
	return 0
}

func (m *clientMachine) stop() {
	m.state = stateTerminated
	m.retransmit, m.end = time.Time{}, time.Time{}
}

func (m *clientMachine) deadline() time.Time { return earliest(m.retransmit, m.end) }

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
