package transaction

import (
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"housephone/phone/transport"
)

// Server is one server transaction.
type Server struct {
	// Request is what the peer asked for.
	Request *sip.Request
	// Flow is where it came from.
	Flow transport.Flow
	// Invite is the pending INVITE that a CANCEL is about, nil when there is none.
	Invite *Server

	layer *Layer
	key   string
	merge string

	mu      sync.Mutex // guards following
	machine serverMachine
	last    []byte
	timer   *time.Timer
	onNoACK func()
}

// OnNoACK sets what to do when a non-2xx final to an INVITE is never acknowledged.
func (s *Server) OnNoACK(f func()) {
	s.mu.Lock()
	s.onNoACK = f
	s.mu.Unlock()
}

// Reply builds a response to the request of s (RFC 3261 8.2.6) with received and
// rport filled in (RFC 3581 4). Above 100 the To header gets tag unless it has one.
func (s *Server) Reply(code int, reason, tag string) *sip.Response {
	return replyTo(s.Request, s.Flow, code, reason, tag)
}

// Respond sends a response; after a final one only a 2xx to an INVITE may be repeated.
func (s *Server) Respond(res *sip.Response) error {
	s.mu.Lock()
	e, err := s.machine.respond(s.layer.now(), res.StatusCode)
	if err != nil {
		s.mu.Unlock()
		return err
	}
	s.last = []byte(res.String())
	err = s.do(e)
	ended := s.machine.state == stateTerminated
	s.mu.Unlock()
	if ended {
		s.layer.dropServer(s)
	}
	return err
}

// Answered tells whether a final response has been sent.
func (s *Server) Answered() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.machine.state != stateCalling && s.machine.state != stateProceeding
}

func (s *Server) do(e effect) error {
	var err error
	if e&sendResponse != 0 {
		err = s.Flow.To(responseAddr(s.Request, s.Flow)).Send(s.last)
	}
	s.timer = rearm(s.timer, s.machine.deadline(), s.layer.now(), s.tick)
	return err
}

func (s *Server) tick() {
	s.mu.Lock()
	e := s.machine.tick(s.layer.now())
	_ = s.do(e)
	lost := s.onNoACK
	ended := s.machine.state == stateTerminated
	s.mu.Unlock()
	if ended {
		s.layer.dropServer(s)
	}
	if e&noACK != 0 && lost != nil {
		lost()
	}
}

func (s *Server) repeat() {
	s.mu.Lock()
	_ = s.do(s.machine.request())
	s.mu.Unlock()
}

// acked returns true when the ACK belongs to a 2xx and so to the user.
func (s *Server) acked() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.machine.ack(s.layer.now())
	_ = s.do(e)
	return e&passUp != 0
}

func (s *Server) stop() {
	s.mu.Lock()
	s.machine.state = stateTerminated
	s.machine.retransmit, s.machine.end = time.Time{}, time.Time{}
	s.timer = rearm(s.timer, time.Time{}, time.Time{}, nil)
	s.mu.Unlock()
}
