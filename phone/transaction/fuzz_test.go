package transaction

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"housephone/phone/transport"
)

// FuzzReply: the answer to whatever request is taken in says whose answer it is and carries
// no header that the request has smuggled in.
func FuzzReply(f *testing.F) {
	f.Add([]byte("INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP c;branch=z9hG4bKx;rport\r\nFrom: <sip:d@e>;tag=1\r\nTo: <sip:a@b>\r\n"+
		"Call-ID: x\r\nCSeq: 1 INVITE\r\nRecord-Route: <sip:f;lr>\r\nContent-Length: 0\r\n\r\n"), uint16(486))
	f.Add([]byte("BYE sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP c;branch=z9hG4bKy, SIP/2.0/TCP [::1]:5;maddr=h\r\nf: \"x\\\"y\" <sip:d@e>;tag=1;z=\"q\"\r\n"+
		"t: <sip:a@b>;tag=2\r\ni: x\r\nCSeq: 9 BYE\r\nl: 0\r\n\r\n"), uint16(200))
	flow := transport.Flow{Network: transport.UDP, Remote: netip.MustParseAddrPort("192.0.2.1:5070")}
	f.Fuzz(func(t *testing.T, raw []byte, code uint16) {
		msg, err := transport.Parse(raw)
		req, ok := msg.(*sip.Request)
		if err != nil || !ok {
			return
		}
		if to := responseAddr(req, flow); to.Addr() != flow.Remote.Addr() {
			t.Fatalf("the answer to %q goes to %s", raw, to)
		}
		built := replyTo(req, flow, 100+int(code)%600, "Reason", "tag")
		printed := built.String()
		back, err := transport.Parse([]byte(printed))
		if err != nil {
			t.Fatalf("the answer to %q is %q, which cannot be read: %v", raw, printed, err)
		}
		res, ok := back.(*sip.Response)
		if !ok {
			t.Fatalf("the answer to %q is %q", raw, printed)
		}
		sent, _ := req.Via().Params.Get("branch")
		if got, _ := res.Via().Params.Get("branch"); got != sent || res.CallID().Value() != req.CallID().Value() || res.CSeq().Value() != req.CSeq().Value() {
			t.Errorf("the answer to %q is %q", raw, printed)
		}
		if lines := strings.Count(printed, "\r\n"); lines != len(built.Headers())+2 {
			t.Errorf("%d lines of %d headers: %q", lines, len(built.Headers()), printed)
		}
	})
}

// FuzzMachines joins a client and a server transaction by a network that loses, doubles, delays
// and reorders as the script says. Whatever it does, both end, and the user of each is told once
// how it ended.
func FuzzMachines(f *testing.F) {
	f.Add(true, uint16(200), []byte{1, 1, 1, 1})
	f.Add(true, uint16(486), []byte{0, 2, 9, 77, 200, 0, 0, 1, 1, 1, 1, 1, 1})
	f.Add(false, uint16(200), []byte{0, 0, 3, 3, 3, 255, 1, 0, 1})
	f.Add(false, uint16(404), []byte{})
	f.Fuzz(func(t *testing.T, invite bool, code uint16, script []byte) {
		s := newStory(invite, 200+int(code)%500, script)
		s.run(t)
		s.check(t)
	})
}

// story is one request from its sending to the end of all that is left of it.
type story struct {
	invite  bool
	code    int // of the final response
	script  []byte
	now     time.Time
	wire    []flight
	client  clientMachine
	server  *serverMachine // nil until the request has come
	answers []int          // statuses the client's user was told, 0 for the time-out
	asked   int            // requests the server's user was given
	acks    int            // that the client has sent
	noACK   int
}

type flight struct {
	at     time.Time
	what   string // request, ack, or a status
	status int
}

func newStory(invite bool, code int, script []byte) *story {
	timers := Timers{}.withDefaults()
	return &story{
		invite: invite, code: code, script: script, now: time.Unix(0, 0),
		client: clientMachine{timers: timers, invite: invite},
	}
}

// send gives a message to the network: the next octet of the script says what becomes of it;
// after the script it is a good network.
func (s *story) send(what string, status int) {
	fate := byte(1)
	if len(s.script) > 0 {
		fate, s.script = s.script[0], s.script[1:]
	}
	copies := int(fate & 3) // 0: lost
	for i := range copies {
		delay := time.Duration(fate>>2) * 50 * time.Millisecond * time.Duration(i+1)
		s.wire = append(s.wire, flight{s.now.Add(delay), what, status})
	}
}

func (s *story) fromClient(e effect, status int) {
	if e&sendRequest != 0 {
		s.send("request", 0)
	}
	if e&sendACK != 0 {
		s.acks++
		s.send("ack", 0)
	}
	if e&passUp != 0 {
		s.answers = append(s.answers, status)
	}
	if e&timedOut != 0 {
		s.answers = append(s.answers, 0)
	}
}

func (s *story) fromServer(e effect) {
	if e&sendResponse != 0 {
		s.send("status", s.code)
	}
	if e&noACK != 0 {
		s.noACK++
	}
}

// arrive hands one message over.
func (s *story) arrive(t *testing.T, f flight) {
	t.Helper()
	switch f.what {
	case "status":
		s.fromClient(s.client.response(s.now, f.status), f.status)
	case "ack":
		if s.server != nil {
			s.fromServer(s.server.ack(s.now))
		}
	default:
		if s.server != nil {
			s.fromServer(s.server.request())
			return
		}
		s.asked++
		s.server = &serverMachine{timers: Timers{}.withDefaults(), invite: s.invite}
		if s.invite && s.code%3 == 0 { // rings before
			if _, err := s.server.respond(s.now, 180); err != nil {
				t.Fatal(err)
			}
			s.send("status", 180)
		}
		e, err := s.server.respond(s.now, s.code)
		if err != nil {
			t.Fatal(err)
		}
		s.fromServer(e)
	}
}

// run plays until nothing is on the way and no timer runs.
func (s *story) run(t *testing.T) {
	t.Helper()
	s.fromClient(s.client.start(s.now), 0)
	for range 10000 {
		next := s.client.deadline()
		if s.server != nil {
			next = earliest(next, s.server.deadline())
		}
		pick := -1
		for i, f := range s.wire {
			if next.IsZero() || !f.at.After(next) {
				next, pick = f.at, i
			}
		}
		if next.IsZero() {
			return
		}
		if next.After(s.now) {
			s.now = next
		}
		if pick >= 0 {
			f := s.wire[pick]
			s.wire = append(s.wire[:pick], s.wire[pick+1:]...)
			s.arrive(t, f)
			continue
		}
		s.fromClient(s.client.tick(s.now), 0)
		if s.server != nil {
			s.fromServer(s.server.tick(s.now))
		}
	}
	t.Fatalf("no end at %v: %+v, %+v", s.now, s.client, s.server)
}

func (s *story) check(t *testing.T) {
	t.Helper()
	ringing := s.client.state == stateProceeding // an INVITE that rang rings until the user gives up
	if s.client.state != stateTerminated && (!s.invite || !ringing) {
		t.Errorf("the client transaction stays: %+v", s.client)
	}
	if s.server != nil && s.server.state != stateTerminated {
		t.Errorf("the server transaction stays: %+v", s.server)
	}
	if life := s.now.Sub(time.Unix(0, 0)); life > 5*time.Minute {
		t.Errorf("it took %v", life)
	}
	if s.asked > 1 {
		t.Errorf("the request was handed over %d times", s.asked)
	}
	finals, successes := 0, 0
	for _, a := range s.answers {
		switch {
		case a >= 200 && a < 300 && s.invite:
			successes++
		case a == 0 || a >= 200:
			finals++
		}
	}
	if finals > 1 || finals > 0 && successes > 0 || finals+successes == 0 && !ringing {
		t.Errorf("the user was told %v", s.answers)
	}
	if s.acks > 0 && (!s.invite || s.code < 300) {
		t.Errorf("%d ACKs of a %d", s.acks, s.code)
	}
	if s.noACK > 1 {
		t.Errorf("told %d times that no ACK came", s.noACK)
	}
}
