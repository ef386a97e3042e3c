package phone_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"housephone/phone"
	"housephone/phone/phonetest"
)

// stunServer answers Binding requests with the address they come from.
type stunServer struct {
	conn   *net.UDPConn
	silent atomic.Bool
	asked  atomic.Int64
	wrong  atomic.Bool // answers have another transaction id
}

func newStunServer(t *testing.T) *stunServer {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	s := &stunServer{conn: conn}
	var wg sync.WaitGroup
	wg.Go(s.serve)
	t.Cleanup(func() { _ = conn.Close(); wg.Wait() })
	return s
}

func (s *stunServer) addr() netip.AddrPort {
	return netip.MustParseAddrPort(s.conn.LocalAddr().String())
}

func (s *stunServer) serve() {
	buf := make([]byte, 2048)
	for {
		n, from, err := s.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		s.asked.Add(1)
		if !s.silent.Load() {
			_, _ = s.conn.WriteToUDPAddrPort(stunAnswer(buf[:n], from, s.wrong.Load()), from)
		}
	}
}

func stunAnswer(request []byte, seen netip.AddrPort, wrongID bool) []byte {
	q := &stun.Message{Raw: request}
	if q.Decode() != nil {
		return nil
	}
	if wrongID {
		q.TransactionID[0]++
	}
	m := stun.MustBuild(q, stun.BindingSuccess, &stun.XORMappedAddress{IP: seen.Addr().AsSlice(), Port: int(seen.Port())}, stun.Fingerprint)
	return m.Raw
}

// behind is a line behind nat, with an account at p and a STUN server.
func behind(n *phonetest.NAT, p *phonetest.Peer, s *stunServer) func(*phone.Config) {
	p.Advertise = n.Front(p.Addr())
	front := n.Front(s.addr())
	return func(c *phone.Config) {
		c.Server, c.Port, c.User = "127.0.0.1", int(p.Advertise.Port()), "anna"
		c.STUN = front.String()
		c.Near = func(netip.Addr) bool { return false }
	}
}

// enrol answers a REGISTER and gives it.
func enrol(t *testing.T, r *rig, p *phonetest.Peer) *phonetest.Msg {
	t.Helper()
	m := p.Expect(t, "REGISTER")
	p.Reply(m, 200, "OK")
	r.registered(t, true)
	return m
}

// A phone behind a NAT is called and calls by the addresses outside alone.
func TestBehindNAT(t *testing.T) {
	t.Parallel()
	n, p, s := phonetest.NewNAT(t), phonetest.NewPeer(t), newStunServer(t)
	quiet(p)
	r := newRig(t, func(c *phone.Config) { behind(n, p, s)(c); c.Capture = device(t, "tone:440") }, p)
	m := enrol(t, r, p)
	public := n.Outside(r.addr)
	if got := m.Contact(); got != "sip:anna@"+public.String() || public == r.addr {
		t.Errorf("Contact %s, want %v", got, public)
	}
	if via := m.Header("Via"); !strings.Contains(via, "UDP "+public.String()+";") {
		t.Errorf("Via %s, want %v", via, public)
	}

	rtp := p.RTP()
	front := n.Front(rtp.Addr())
	w := r.Call(p.URI("bob"))
	invite := p.Expect(t, "INVITE", phonetest.Has("Contact", public.String()))
	outsideMedia(t, n, invite, public)
	ok := p.Reply(invite, 200, "OK", phonetest.WithSDP(phonetest.SDP(int(front.Port()))))
	p.Expect(t, "ACK")
	do(t, w)
	rtp.AwaitTone(t, 440)
	stop := rtp.StartTone(invite.MediaAddr(), 8, 440)
	r.hears(t)
	stop()
	p.Dialog(invite, ok).Bye()
	p.Expect(t, "200 BYE")
	r.ended(t, phone.CauseCompleted, true, 0)

	in := p.Invite(m.Contact(), public, phonetest.WithSDP(phonetest.SDP(int(front.Port()))))
	p.Expect(t, "100 INVITE") // while it asks
	p.Expect(t, "180", phonetest.Has("Contact", public.String()))
	do(t, r.Answer(0))
	answer := p.Expect(t, "200 INVITE")
	outsideMedia(t, n, answer, public)
	p.Ack(in, answer)
	stop = rtp.StartTone(answer.MediaAddr(), 8, 440)
	defer stop()
	r.hears(t)
}

// outsideMedia checks that a description leads to sockets of the phone, by their addresses outside.
func outsideMedia(t *testing.T, n *phonetest.NAT, m *phonetest.Msg, not netip.AddrPort) {
	t.Helper()
	inside := n.Inside(m.MediaAddr())
	if !inside.IsValid() || m.MediaAddr() == not {
		t.Fatalf("no way in by %v:\n%s", m.MediaAddr(), m.Body)
	}
	rtcp := n.Outside(netip.AddrPortFrom(inside.Addr(), inside.Port()+1))
	want := fmt.Sprintf("a=rtcp:%d", rtcp.Port())
	if got := slices.Contains(lines(m), want); got == (rtcp.Port() == m.MediaAddr().Port()+1) {
		t.Errorf("want %s (unless it is the next port) in\n%s", want, m.Body)
	}
}

// hears waits until packets of the far end are accepted.
func (r *rig) hears(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if received, ok := r.Received(); ok && received > 0 {
			return
		}
	}
	t.Fatal("nothing is heard")
}

// A router that has given the phone another address is noticed by the next question.
func TestNATReboots(t *testing.T) {
	t.Parallel()
	n, p, s := phonetest.NewNAT(t), phonetest.NewPeer(t), newStunServer(t)
	quiet(p)
	r := newRig(t, behind(n, p, s), p)
	before := enrol(t, r, p).Contact()
	n.Reboot()
	r.AskOutside()
	m := p.Expect(t, "REGISTER")
	if want := "sip:anna@" + n.Outside(r.addr).String(); m.Contact() != want || m.Contact() == before {
		t.Errorf("Contact %s, want %s", m.Contact(), want)
	}
	p.Reply(m, 200, "OK")
	s.silent.Store(true) // the last answer stays the best guess
	r.AskOutside()
	next[phone.Warning](t, r)
	p.ExpectNone(t, "REGISTER", 50*time.Millisecond)
}

// Without an answer the local address is used, and that is told once.
func TestSTUNSilent(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*stunServer){
		"silence": func(s *stunServer) { s.silent.Store(true) }, "other id": func(s *stunServer) { s.wrong.Store(true) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, s := phonetest.NewPeer(t), newStunServer(t)
			quiet(p)
			spoil(s)
			r := newRig(t, func(c *phone.Config) {
				at(p)(c)
				c.STUN, c.Near = s.addr().String(), func(netip.Addr) bool { return false }
			}, p)
			m := enrol(t, r, p)
			if got := m.Contact(); got != "sip:anna@"+r.addr.String() {
				t.Errorf("Contact %s", got)
			}
			for range 2 {
				d := r.place(t, p)
				if strings.Contains(string(d.invite.Body), "a=rtcp:") {
					t.Errorf("an address outside in\n%s", d.invite.Body)
				}
				d.rtp.AwaitPackets(t, 1)
				d.Bye()
				p.Expect(t, "200 BYE")
				r.ended(t, phone.CauseCompleted, true, 0)
			}
			if got := count[phone.Warning](r); got != 2 { // of the SIP socket and of the calls
				t.Errorf("%d warnings", got)
			}
			if got := s.asked.Load(); got != 2*5 {
				t.Errorf("%d questions, want two tries for each of five sockets", got)
			}
		})
	}
}

// What strangers send in the name of STUN changes nothing and is no SIP.
func TestForgedSTUN(t *testing.T) {
	t.Parallel()
	n, p, s := phonetest.NewNAT(t), phonetest.NewPeer(t), newStunServer(t)
	quiet(p)
	r := newRig(t, behind(n, p, s), p)
	contact := enrol(t, r, p).Contact()
	evil := netip.MustParseAddrPort("192.0.2.66:6666")
	before := r.Stats().Transport
	for range 50 {
		q := stun.MustBuild(stun.TransactionID, stun.BindingRequest)
		p.SendRaw(stunAnswer(q.Raw, evil, false), r.addr)
		p.SendRaw(q.Raw, r.addr)
		p.SendRaw(append(q.Raw[:8:8], make([]byte, 60)...), r.addr)
	}
	if _, err := s.conn.WriteToUDPAddrPort(stunAnswer(stun.MustBuild(stun.TransactionID).Raw, evil, false), n.Outside(r.addr)); err != nil {
		t.Fatal(err) // from the server itself, without a question
	}
	rtp := p.RTP()
	front := n.Front(rtp.Addr())
	w := r.Call(p.URI("bob"))
	invite := p.Expect(t, "INVITE", phonetest.Has("Contact", strings.TrimPrefix(contact, "sip:")))
	p.Reply(invite, 200, "OK", phonetest.WithSDP(phonetest.SDP(int(front.Port()))))
	p.Expect(t, "ACK")
	do(t, w)
	p.SendRaw(stunAnswer(stun.MustBuild(stun.TransactionID).Raw, evil, false), n.Inside(invite.MediaAddr()))
	rtp.AwaitPackets(t, 3)
	if after := r.Stats().Transport; after.Malformed != before.Malformed {
		t.Errorf("%+v, before %+v", after, before)
	}
}

// slowNames is a DNS server that never answers.
type slowNames struct{}

func (slowNames) LookupNetIP(ctx context.Context, _, _ string) ([]netip.Addr, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (slowNames) LookupSRV(ctx context.Context, _, _, _ string) (string, []*net.SRV, error) {
	<-ctx.Done()
	return "", nil, ctx.Err()
}

// asking is a line that waits for the address of its STUN server.
func asking(c *phone.Config) {
	c.STUN, c.Near, c.Resolver = "stun.example.com", func(netip.Addr) bool { return false }, slowNames{}
}

// While the address of a call that comes in is asked for, it can be cancelled and no other gets in.
func TestCancelledWhileAsking(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, asking, p)
	invite := p.Invite(r.uri(), r.addr, offer())
	p.Expect(t, "100 INVITE")
	refused(t, r.Call(p.URI("bob")), phone.Busy, 0)
	second := p.Invite(r.uri(), r.addr, offer())
	p.Ack(second, p.Expect(t, "486 INVITE"))
	p.Cancel(invite)
	got := p.ExpectAll(t, "200 CANCEL", "487 INVITE")
	p.Ack(invite, got[1])
	next[phone.Warning](t, r) // the look-up is over
	if n := r.Kept(); n != 0 || count[phone.Incoming](r) != 0 || count[phone.Ended](r) != 0 {
		t.Errorf("%d calls kept:\n%s", n, r.story())
	}
	d := r.receive(t, p) // the next one is answered, by the local address
	d.rtp.AwaitPackets(t, 1)
}

// A call of ours that is hung up before its address is known leaves nothing on the wire.
func TestHangupWhileAsking(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, asking, p)
	w := r.Call(p.URI("bob"))
	r.status(t, phone.StatusDial)
	do(t, r.Hangup(0))
	refused(t, w, phone.Refused, 0)
	next[phone.Warning](t, r)
	p.ExpectNone(t, "INVITE", 50*time.Millisecond)
}

// A phone that is stopped while it asks refuses the call that waits, and ends.
func TestStopWhileAsking(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, asking, p)
	p.Invite(r.uri(), r.addr, offer())
	p.Expect(t, "100 INVITE")
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	p.Expect(t, "480 INVITE")
}

// What is said and where the far end is decide whether the server is asked at all.
func TestSTUNNotNeeded(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*phone.Config){
		"advertised": func(c *phone.Config) { c.Advertise, c.Near = "127.0.0.1", func(netip.Addr) bool { return false } },
		"near":       func(*phone.Config) {}, // loopback is
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, p, s := phonetest.NewNAT(t), phonetest.NewPeer(t), newStunServer(t)
			front := n.Front(s.addr())
			r := newRig(t, func(c *phone.Config) { c.STUN = front.String(); change(c) }, p)
			d := r.place(t, p)
			if got := d.invite.Contact(); got != "sip:phone@"+r.addr.String() {
				t.Errorf("Contact %s", got)
			}
			if n.Inside(d.invite.MediaAddr()).IsValid() || strings.Contains(string(d.invite.Body), "a=rtcp:") {
				t.Errorf("an address outside in\n%s", d.invite.Body)
			}
			d.rtp.AwaitPackets(t, 2)
		})
	}
}

func TestBadSTUN(t *testing.T) {
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = udp.Close() }()
	if _, err := phone.New(phone.Config{UDP: udp, STUN: "a:b"}); err == nil || !strings.Contains(err.Error(), `"a:b"`) {
		t.Errorf("%v", err)
	}
}
