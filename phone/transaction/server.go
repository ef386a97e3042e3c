package transaction

import (
	"container/list"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"housephone/phone/transport"
)

// Server is one server transaction as its user sees it.
type Server struct {
	// Request is what the peer asked for.
	Request *sip.Request
	// Flow is where it came from.
	Flow transport.Flow
	// Invite is the INVITE that a CANCEL is about, nil when there is none. One that has been
	// refused is another value than its user has and has no request.
	Invite *Server

	tx *serverTx
}

// serverTx is what the layer keeps; the request, whose size the peer has chosen, goes when it is answered.
type serverTx struct {
	layer *Layer
	key   string
	merge string
	path  transport.Flow // of the responses

	// Of the layer, under its lock.
	user *Server       // until a final response that ends the INVITE or answers another method
	done *list.Element // in Layer.answered
	size int           // octets held, once answered

	mu      sync.Mutex // guards following
	machine serverMachine
	last    []byte
	timer   *time.Timer
	onNoACK func()
}

// OnNoACK sets what to do when a non-2xx final to an INVITE is never acknowledged.
func (s *Server) OnNoACK(f func()) {
	s.tx.mu.Lock()
	s.tx.onNoACK = f
	s.tx.mu.Unlock()
}

// Reply builds a response to the request of s (RFC 3261 8.2.6) with received and
// rport filled in (RFC 3581 4). Above 100 the To header gets tag unless it has one.
func (s *Server) Reply(code int, reason, tag string) *sip.Response {
	return replyTo(s.Request, s.Flow, code, reason, tag)
}

// Respond sends a response; after a final one only a 2xx to an INVITE may be repeated.
func (s *Server) Respond(res *sip.Response) error {
	t := s.tx
	t.mu.Lock()
	e, err := t.machine.respond(t.layer.now(), res.StatusCode)
	if err != nil {
		t.mu.Unlock()
		return err
	}
	t.last = []byte(res.String())
	err = t.do(e)
	state, size := t.machine.state, len(t.last)+len(t.key)+len(t.merge)+overhead
	t.mu.Unlock()
	switch state {
	case stateTerminated:
		t.layer.dropServer(t)
	case stateCompleted:
		t.layer.keepAnswer(t, size)
	}
	return err
}

// Done tells that a 2xx to an INVITE is acknowledged, or that nobody waits for that any more: what is
// kept from now on absorbs copies of the request and makes room like an answer.
func (s *Server) Done() {
	t := s.tx
	t.mu.Lock()
	accepted := t.machine.state == stateAccepted
	if accepted {
		t.last = nil
	}
	size := len(t.key) + len(t.merge) + overhead
	t.mu.Unlock()
	if accepted {
		t.layer.keepAnswer(t, size)
	}
}

// Answered tells whether a final response has been sent.
func (s *Server) Answered() bool {
	s.tx.mu.Lock()
	defer s.tx.mu.Unlock()
	return s.tx.machine.state != stateCalling && s.tx.machine.state != stateProceeding
}

func (t *serverTx) do(e effect) error {
	var err error
	if e&sendResponse != 0 {
		err = t.path.Send(t.last)
	}
	t.timer = rearm(t.timer, t.machine.deadline(), t.layer.now(), t.tick)
	return err
}

func (t *serverTx) tick() {
	t.mu.Lock()
	e := t.machine.tick(t.layer.now())
	_ = t.do(e)
	lost := t.onNoACK
	ended := t.machine.state == stateTerminated
	t.mu.Unlock()
	if ended {
		t.layer.dropServer(t)
	}
	if e&noACK != 0 && lost != nil {
		lost()
	}
}

func (t *serverTx) repeat() {
	t.mu.Lock()
	_ = t.do(t.machine.request())
	t.mu.Unlock()
}

// acked returns true when the ACK belongs to a 2xx and so to the user.
func (t *serverTx) acked() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.machine.ack(t.layer.now())
	_ = t.do(e)
	return e&passUp != 0
}

func (t *serverTx) stop() {
	t.mu.Lock()
	t.machine.state = stateTerminated
	t.machine.retransmit, t.machine.end = time.Time{}, time.Time{}
	t.timer = rearm(t.timer, time.Time{}, time.Time{}, nil)
	t.mu.Unlock()
}
