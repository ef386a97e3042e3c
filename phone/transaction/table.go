package transaction

import "github.com/emiago/sipgo/sip"

const (
	maxServers = 4096    // server transactions alive at a time
	maxAnswers = 4 << 20 // octets of answers that are kept to be repeated
	overhead   = 1 << 10 // octets of one transaction beside its texts
)

// admit files a new transaction, or gives the one that it repeats or that is a copy of it. When
// the table is full, the answer that has been kept for longest makes room: an answer is kept for
// nothing but to be repeated. It is full only when nothing has been answered.
func (l *Layer) admit(s *Server) (repeated, first *serverTx, full bool) {
	t := s.tx
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.Request.Method == sip.CANCEL {
		s.Invite = l.inviteOf(s.Request)
	}
	if repeated = l.servers[t.key]; repeated != nil {
		return repeated, nil, false
	}
	if t.merge != "" {
		first = l.merged[t.merge]
	}
	if first != nil || l.closed {
		return nil, first, false
	}
	for len(l.servers) >= maxServers {
		if !l.dropOldestAnswer() {
			return nil, nil, true
		}
	}
	t.user = s
	l.servers[t.key] = t
	if t.merge != "" {
		l.merged[t.merge] = t
	}
	return nil, nil, false
}

func (l *Layer) inviteOf(cancel *sip.Request) *Server {
	t := l.servers[serverKey(cancel, sip.INVITE)]
	switch {
	case t == nil:
		return nil
	case t.user == nil:
		return &Server{tx: t}
	}
	return t.user
}

// keepAnswer lets go of the request of a transaction and bounds what all answers take.
func (l *Layer) keepAnswer(t *serverTx, size int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.servers[t.key] != t || t.done != nil {
		return
	}
	t.user, t.size = nil, size
	t.done = l.answered.PushBack(t)
	l.kept += size
	for l.kept > maxAnswers && l.dropOldestAnswer() {
	}
}

func (l *Layer) dropOldestAnswer() bool {
	e := l.answered.Front()
	if e == nil {
		return false
	}
	if t, ok := e.Value.(*serverTx); ok {
		l.removeLocked(t)
		t.stop() // whoever holds its lock does not wait for ours
	}
	return true
}

func (l *Layer) dropServer(t *serverTx) {
	l.mu.Lock()
	l.removeLocked(t)
	l.mu.Unlock()
}

func (l *Layer) removeLocked(t *serverTx) {
	if l.servers[t.key] == t {
		delete(l.servers, t.key)
	}
	if l.merged[t.merge] == t {
		delete(l.merged, t.merge)
	}
	if t.done != nil {
		l.answered.Remove(t.done)
		l.kept -= t.size
		t.done = nil
	}
}
