package transaction

import "time"

// serverMachine is the server transaction of RFC 3261 17.2 and RFC 6026. It is pure.
type serverMachine struct {
	timers     Timers
	invite     bool
	reliable   bool
	state      state // stateCalling = Trying
	replied    bool  // a response has been sent
	interval   time.Duration
	retransmit time.Time // timer G
	end        time.Time // timers H, I, J, L
}

// request takes a retransmission of the request.
func (m *serverMachine) request() effect {
	if !m.replied || m.state == stateAccepted || m.state == stateConfirmed || m.state == stateTerminated {
		return 0 // RFC 6026 7.1: absorbed; the user retransmits its 2xx
	}
	return sendResponse
}

// respond takes a status code the user wants to send.
func (m *serverMachine) respond(now time.Time, code int) (effect, error) {
	switch m.state {
	case stateCalling, stateProceeding:
	case stateAccepted:
		if code >= 200 && code < 300 {
			return sendResponse, nil // retransmission of the 2xx by the user, 13.3.1.4
		}
		return 0, ErrFinal
	default:
		return 0, ErrFinal
	}
	m.replied = true
	switch {
	case code < 200:
		m.state = stateProceeding
	case m.invite && code < 300:
		m.state = stateAccepted
		m.end = now.Add(m.timers.GiveUp()) // timer L
	case m.invite:
		m.state = stateCompleted
		m.end = now.Add(m.timers.GiveUp()) // timer H
		if !m.reliable {
			m.interval = m.timers.T1
			m.retransmit = now.Add(m.interval) // timer G
		}
	default:
		m.state = stateCompleted
		m.end = now
		if !m.reliable {
			m.end = now.Add(m.timers.GiveUp()) // timer J
		}
	}
	return sendResponse, nil
}

// ack takes an ACK with the branch of the INVITE.
func (m *serverMachine) ack(now time.Time) effect {
	switch m.state {
	case stateCompleted:
		m.state = stateConfirmed
		m.retransmit, m.end = time.Time{}, now
		if !m.reliable {
			m.end = now.Add(m.timers.T4) // timer I
		}
	case stateAccepted:
		return passUp // some phones acknowledge a 2xx with the branch of the INVITE
	}
	return 0
}

func (m *serverMachine) tick(now time.Time) effect {
	if !m.end.IsZero() && !now.Before(m.end) {
		lost := m.state == stateCompleted && m.invite
		m.state = stateTerminated
		m.retransmit, m.end = time.Time{}, time.Time{}
		if lost {
			return noACK
		}
		return 0
	}
	if !m.retransmit.IsZero() && !now.Before(m.retransmit) {
		m.interval = min(2*m.interval, m.timers.T2)
		m.retransmit = now.Add(m.interval)
		return sendResponse
	}
	return 0
}

func (m *serverMachine) deadline() time.Time { return earliest(m.retransmit, m.end) }
