package transaction

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"go.uber.org/goleak"

	"housephone/phone/phonetest"
	"housephone/phone/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// end is a layer over a UDP socket.
type end struct {
	*Layer
	sockets *transport.Layer
	addr    netip.AddrPort
}

func newEnd(t *testing.T, cfg Config) *end {
	t.Helper()
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	e := &end{addr: netip.MustParseAddrPort(udp.LocalAddr().String()), Layer: NewLayer(cfg)}
	e.sockets, err = transport.New(transport.Config{UDP: udp, OnMessage: e.Receive, OnLost: e.Lost})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.sockets.Run(ctx) }()
	t.Cleanup(func() {
		e.Close()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return e
}

func (e *end) flow(t *testing.T, to netip.AddrPort) transport.Flow {
	t.Helper()
	f, err := e.sockets.Connect(t.Context(), transport.UDP, to, "")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// request builds a request for a peer.
func (e *end) request(method sip.RequestMethod, to netip.AddrPort) *sip.Request {
	req := sip.NewRequest(method, sip.Uri{Scheme: "sip", User: "x", Host: to.Addr().String(), Port: int(to.Port())})
	via := &sip.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: "UDP", Host: e.addr.Addr().String(), Port: int(e.addr.Port()), Params: sip.NewParams()}
	via.Params.Add("branch", sip.GenerateBranchN(16))
	via.Params.Add("rport", "")
	req.AppendHeader(via)
	from := &sip.FromHeader{Address: sip.Uri{Scheme: "sip", Host: "a"}, Params: sip.NewParams()}
	from.Params.Add("tag", sip.GenerateTagN(8))
	req.AppendHeader(from)
	req.AppendHeader(&sip.ToHeader{Address: req.Recipient})
	id := sip.CallIDHeader(sip.GenerateTagN(16))
	req.AppendHeader(&id)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: 1, MethodName: method})
	req.SetBody(nil)
	return req
}

// A burst of 100, 180, 183 and 200 is passed up in that order, each time.
func TestOrder(t *testing.T) {
	bursts := 10_000
	if testing.Short() {
		bursts = 1000
	}
	e := newEnd(t, Config{})
	p := phonetest.NewPeer(t)
	p.Handle("INVITE", func(m *phonetest.Msg) {
		for _, code := range []int{100, 180, 183, 200} {
			p.Reply(m, code, "Burst")
		}
	})
	flow := e.flow(t, p.Addr())
	for range bursts {
		seen := make(chan int, 8)
		c, err := e.Request(e.request(sip.INVITE, p.Addr()), flow, func(ev Event) {
			if ev.Err != nil {
				seen <- 0
				return
			}
			seen <- ev.Response.StatusCode
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []int{100, 180, 183, 200} {
			if got := <-seen; got != want {
				t.Fatalf("got %d, want %d", got, want)
			}
		}
		c.Terminate()
	}
}

func TestRetransmissionsAreAbsorbed(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var got []*Server
	var acks int
	e := newEnd(t, Config{
		OnRequest: func(s *Server) { mu.Lock(); defer mu.Unlock(); got = append(got, s) },
		OnACK:     func(*sip.Request, transport.Flow) { mu.Lock(); defer mu.Unlock(); acks++ },
	})
	first := func() *Server {
		for {
			mu.Lock()
			if len(got) > 0 {
				s := got[0]
				mu.Unlock()
				return s
			}
			mu.Unlock()
			time.Sleep(time.Millisecond)
		}
	}
	p := phonetest.NewPeer(t)
	p.KeepCopies()
	uri := "sip:x@" + e.addr.String()
	invite := p.Invite(uri, e.addr)
	p.Send(invite, e.addr)
	s := first()
	if err := s.Respond(s.Reply(180, "Ringing", "t")); err != nil {
		t.Fatal(err)
	}
	p.Expect(t, "180")
	p.Send(invite, e.addr)
	p.Expect(t, "180")
	cancel := p.Cancel(invite)
	for {
		mu.Lock()
		n := len(got)
		mu.Unlock()
		if n == 2 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if c := got[1]; c.Invite != s || c.Request.Method != sip.CANCEL {
		t.Errorf("CANCEL of %v", c.Invite)
	}
	_ = got[1].Respond(got[1].Reply(200, "OK", "t"))
	p.Expect(t, "200 CANCEL")
	p.Send(cancel, e.addr)
	p.Expect(t, "200 CANCEL")
	if err := s.Respond(s.Reply(487, "Gone", "t")); err != nil || !s.Answered() {
		t.Fatal(err)
	}
	res := p.Expect(t, "487")
	p.Expect(t, "487") // a copy: the ACK is late
	p.Ack(invite, res)
	p.ExpectNone(t, "any", 100*time.Millisecond)
	if err := s.Respond(s.Reply(200, "OK", "t")); !errors.Is(err, ErrFinal) {
		t.Errorf("a second final: %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(got) != 2 || acks != 0 {
		t.Errorf("%d requests, %d ACKs passed up", len(got), acks)
	}
}

// The table of server transactions is bounded; what does not fit is told so without state.
func TestFull(t *testing.T) {
	t.Parallel()
	e := newEnd(t, Config{OnRequest: func(*Server) {}})
	p := phonetest.NewPeer(t)
	for i := range maxServers + 10 {
		p.Send(p.Request("OPTIONS", "sip:x@"+e.addr.String()), e.addr)
		if i%64 == 63 {
			time.Sleep(time.Millisecond)
		}
	}
	p.AwaitCount(t, "503", 5) // some may be lost on the way
	if _, servers := e.Pending(); servers > maxServers {
		t.Errorf("%d transactions", servers)
	}
	if m := p.Expect(t, "503", phonetest.Has("Retry-After", "5")); m == nil {
		t.Fatal()
	}
	e.Close()
	if c, s := e.Pending(); c+s != 0 {
		t.Errorf("%d and %d after the end", c, s)
	}
	if _, err := e.Request(e.request(sip.OPTIONS, p.Addr()), e.flow(t, p.Addr()), func(Event) {}); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// Requests that are answered never fill the table: the oldest answer makes room, and what is kept
// of them is bounded however long they are.
func TestAnsweredMakeRoom(t *testing.T) {
	t.Parallel()
	handled := 0
	e := newEnd(t, Config{Timers: Timers{T1: time.Hour}, OnRequest: func(s *Server) {
		handled++
		if err := s.Respond(s.Reply(486, "Busy Here", "t")); err != nil {
			t.Error(err)
		}
	}})
	p := phonetest.NewPeer(t)
	flow := e.flow(t, p.Addr())
	for _, method := range []sip.RequestMethod{sip.OPTIONS, sip.INVITE} {
		for range maxServers + 100 {
			e.Receive(flow, e.request(method, p.Addr()))
		}
	}
	if want := 2 * (maxServers + 100); handled != want {
		t.Errorf("%d requests were handed over, want %d", handled, want)
	}
	if _, servers := e.Pending(); servers > maxServers || servers < maxServers/2 { // the octets may be the tighter bound
		t.Errorf("%d transactions", servers)
	}
	last := e.request(sip.OPTIONS, p.Addr())
	before := handled
	for range 3 {
		e.Receive(flow, last)
	}
	if handled != before+1 {
		t.Errorf("a request was handed over %d times", handled-before)
	}
	for range 2000 {
		long := e.request(sip.OPTIONS, p.Addr())
		long.AppendHeader(sip.NewHeader("Via", "SIP/2.0/UDP a;branch=z9hG4bK"+strings.Repeat("a", 30000)))
		e.Receive(flow, long)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.kept > maxAnswers || len(e.servers) != e.answered.Len() || e.answered.Len() > maxAnswers/30000 {
		t.Errorf("%d octets of %d answers, %d transactions", e.kept, e.answered.Len(), len(e.servers))
	}
}

// Calls that were answered and acknowledged never fill the table, however many there are in 64*T1.
func TestAcknowledgedMakeRoom(t *testing.T) {
	t.Parallel()
	handled := 0
	e := newEnd(t, Config{Timers: Timers{T1: time.Hour}, OnRequest: func(s *Server) {
		handled++
		if err := s.Respond(s.Reply(200, "OK", "t")); err != nil {
			t.Error(err)
		}
		s.Done()
	}})
	p := phonetest.NewPeer(t)
	flow := e.flow(t, p.Addr())
	for range maxServers + 100 {
		e.Receive(flow, e.request(sip.INVITE, p.Addr()))
	}
	last := e.request(sip.INVITE, p.Addr())
	for range 3 {
		e.Receive(flow, last)
	}
	if want := maxServers + 101; handled != want {
		t.Errorf("%d calls were handed over, want %d", handled, want)
	}
	if _, servers := e.Pending(); servers > maxServers || servers < maxServers/2 { // the octets may be the tighter bound
		t.Errorf("%d transactions", servers)
	}
}

// Where the response goes (RFC 3261 18.2.2, RFC 3581 4).
func TestResponsePath(t *testing.T) {
	t.Parallel()
	e := newEnd(t, Config{})
	p := phonetest.NewPeer(t)
	flow := e.flow(t, p.Addr())
	for _, tc := range []struct{ via, top, to string }{
		{"127.0.0.1:7000;rport", "127.0.0.1:7000;rport=%d;received=127.0.0.1", "source"},
		{"127.0.0.1:7000", "127.0.0.1:7000", "127.0.0.1:7000"},
		{"127.0.0.1", "127.0.0.1", "127.0.0.1:5060"},
		{"phone.example:7000", "phone.example:7000;received=127.0.0.1", "127.0.0.1:7000"},
		{"10.0.0.9:7000;rport;received=6.6.6.6", "received=127.0.0.1", "source"},
	} {
		raw := "OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP " + tc.via + ";branch=z9hG4bK1\r\nVia: SIP/2.0/UDP below\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:x>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
		m, err := sip.NewParser().ParseSIP([]byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		req, ok := m.(*sip.Request)
		if !ok {
			t.Fatal("no request")
		}
		want := tc.to
		if want == "source" {
			want = p.Addr().String()
		}
		if got := responseAddr(req, flow).String(); got != want {
			t.Errorf("%s: to %s, want %s", tc.via, got, want)
		}
		res := replyTo(req, flow, 200, "OK", "t")
		top := res.Via().Value()
		for part := range strings.SplitSeq(tc.top, ";") {
			if strings.Contains(part, "%d") {
				part = fmt.Sprintf(part, p.Addr().Port())
			}
			if !strings.Contains(top, part) {
				t.Errorf("%s: Via %q lacks %q", tc.via, top, part)
			}
		}
		if len(res.GetHeaders("Via")) != 2 || !res.To().Params.Has("tag") {
			t.Errorf("%s", res)
		}
	}
}

// A peer of RFC 2543 has branches without the magic cookie; its copies and CANCELs match all the same.
func TestOldBranches(t *testing.T) {
	t.Parallel()
	got := make(chan *Server, 8)
	e := newEnd(t, Config{OnRequest: func(s *Server) { got <- s }})
	p := phonetest.NewPeer(t)
	via := phonetest.WithHeader("Via", "SIP/2.0/UDP "+p.Addr().String()+";branch=1;rport")
	invite := p.Invite("sip:x@"+e.addr.String(), e.addr, via)
	s := <-got
	p.Send(invite, e.addr)
	p.Cancel(invite)
	if c := <-got; c.Request.Method != sip.CANCEL || c.Invite != s {
		t.Errorf("%s of %v", c.Request.Method, c.Invite)
	}
	other := p.Request("INVITE", "sip:x@"+e.addr.String(), via)
	p.Send(other, e.addr)
	if c := <-got; c == s || c.Request.Method != sip.INVITE {
		t.Error("another INVITE with the same old branch is taken for the first")
	}
}

// What waits for a dead flow fails at once; what has its answer does not.
func TestLost(t *testing.T) {
	t.Parallel()
	e := newEnd(t, Config{})
	p := phonetest.NewPeer(t)
	flow := e.flow(t, p.Addr())
	events := make(chan Event, 8)
	for range 2 {
		if _, err := e.Request(e.request(sip.OPTIONS, p.Addr()), flow, func(ev Event) { events <- ev }); err != nil {
			t.Fatal(err)
		}
	}
	p.Reply(p.Expect(t, "OPTIONS"), 200, "OK")
	if ev := <-events; ev.Err != nil {
		t.Fatal(ev.Err)
	}
	gone := errors.New("gone")
	e.Lost(transport.Flow{Network: transport.UDP, Remote: netip.MustParseAddrPort("127.0.0.1:1")}, gone)
	select {
	case ev := <-events:
		t.Fatalf("%+v", ev)
	case <-time.After(20 * time.Millisecond):
	}
	e.Lost(flow, gone)
	if ev := <-events; !errors.Is(ev.Err, gone) {
		t.Errorf("%+v", ev)
	}
	e.Lost(flow, gone)
	select {
	case ev := <-events:
		t.Fatalf("told twice: %+v", ev)
	case <-time.After(20 * time.Millisecond):
	}
}

// A 2xx that finds no transaction belongs to a dialog; other strays are nobody's.
func TestStray(t *testing.T) {
	t.Parallel()
	stray := make(chan int, 8)
	e := newEnd(t, Config{OnStray: func(r *sip.Response, _ transport.Flow) { stray <- r.StatusCode }})
	p := phonetest.NewPeer(t)
	invite := p.Request("INVITE", "sip:x@y")
	for _, code := range []int{180, 486, 200} {
		r := p.Response(invite, code, "Stray")
		p.Send(r, e.addr)
	}
	if got := <-stray; got != 200 || len(stray) != 0 {
		t.Errorf("got %d", got)
	}
}
