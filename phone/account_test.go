package phone_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"housephone/phone"
	"housephone/phone/account"
	"housephone/phone/phonetest"
	"housephone/phone/transport"
)

// at is a line with an account at p, which answers nothing by itself.
func at(p *phonetest.Peer) func(*phone.Config) {
	return func(c *phone.Config) {
		c.Server, c.Port = "127.0.0.1", int(p.Addr().Port())
		c.User, c.Password = "anna", "secret"
	}
}

// quiet lets p answer the pings of an account.
func quiet(p *phonetest.Peer) {
	p.Handle("OPTIONS", func(m *phonetest.Msg) { p.Reply(m, 200, "OK") })
}

func (r *rig) registered(t testing.TB, want bool) phone.State {
	t.Helper()
	var s phone.State
	r.await(t, fmt.Sprint("registered ", want), func(e phone.Event) bool {
		st, ok := e.(phone.StateChanged)
		s = st.State
		return ok && s.Registered == want
	})
	return s
}

func TestRegister(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{"MD5", "SHA-256", "SHA-512-256"} {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			p := phonetest.NewPeer(t)
			quiet(p)
			r := newRig(t, at(p), p)
			first := p.Expect(t, "REGISTER", phonetest.Has("Contact", "anna@"+r.addr.String()), phonetest.Has("Contact", "expires=300"), phonetest.Has("From", "sip:anna@127.0.0.1"), phonetest.HasNo("Authorization"))
			if strings.Contains(first.URI, "@") { // RFC 3261 10.2
				t.Errorf("Request-URI %s", first.URI)
			}
			p.Challenge(first, "home", "n1", alg)
			second := p.Expect(t, "REGISTER")
			if err := phonetest.Verify(second, "anna", "secret"); err != nil {
				t.Error(err)
			}
			n1, _ := first.CSeq()
			if n2, _ := second.CSeq(); n2 != n1+1 || second.CallID() != first.CallID() || second.FromTag() != first.FromTag() || second.Branch() == first.Branch() {
				t.Errorf("second:\n%s", second.Raw)
			}
			p.Reply(second, 200, "OK")
			if s := r.registered(t, true); s.Registration.Expires != 300*time.Second || s.Registration.State != account.Registered {
				t.Errorf("%+v", s.Registration)
			}
			w := r.Register()
			third := p.Expect(t, "REGISTER", phonetest.Has("Authorization", "nc=00000002"))
			p.Challenge(third, "home", "n2", alg) // the nonce is stale
			fourth := p.Expect(t, "REGISTER", phonetest.Has("Authorization", "n2"))
			p.Reply(fourth, 200, "OK")
			do(t, w)
			go func() { _ = r.stop() }()
			last := p.Expect(t, "REGISTER", phonetest.Has("Expires", "0"), phonetest.Has("Contact", "expires=0"))
			p.Reply(last, 200, "OK")
			r.registered(t, false)
		})
	}
}

func TestRegisterRefused(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, at(p), p)
	for i := range 4 { // the wrong password is not tried for ever
		m := p.Expect(t, "REGISTER")
		p.Challenge(m, "home", fmt.Sprint("n", i))
		if i == 1 {
			break
		}
	}
	s := r.registered(t, false)
	for s.Registration.Code != 401 {
		s = r.registered(t, false)
	}
	if s.Registration.Hint == "" || s.Registration.State != account.Failed {
		t.Errorf("%+v", s.Registration)
	}
	if n := p.Count("ACK"); n != 0 { // FRITZ!Box blocks who acknowledges a 401 to REGISTER
		t.Errorf("%d ACKs", n)
	}
}

// The lifetime of our own Contact counts, not that of another device; 423 asks for longer.
func TestRegisterExpiry(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	quiet(p)
	r := newRig(t, at(p), p)
	p.Reply(p.Expect(t, "REGISTER"), 423, "Interval Too Brief", with("Min-Expires", "600"))
	m := p.Expect(t, "REGISTER", phonetest.Has("Expires", "600"))
	own := m.Header("Contact")
	p.Reply(m, 200, "OK", with("Contact", "<sip:anna@192.0.2.7:5060>;expires=60"),
		phonetest.WithExtraHeader("Contact", strings.Replace(own, "expires=600", "expires=555", 1)), with("Expires", "77"))
	if s := r.registered(t, true); s.Registration.Expires != 555*time.Second {
		t.Errorf("%+v", s.Registration)
	}
}

// The registrar sees us elsewhere (RFC 3581): the Contact follows, and is what is taken back.
func TestRegisterBehindNAT(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	quiet(p)
	nat := phonetest.NewRelay(t, p.Addr(), 1)
	p.Advertise = nat.Addr()
	r := newRig(t, func(c *phone.Config) { at(p)(c); c.Port = int(nat.Addr().Port()) }, p)
	first := p.Expect(t, "REGISTER", phonetest.Has("Contact", r.addr.String()))
	outside := first.Source.String()
	p.Challenge(first, "home", "n1")
	second := p.Expect(t, "REGISTER", phonetest.Has("Contact", "anna@"+outside))
	p.Reply(second, 200, "OK")
	r.registered(t, true)
	p.ExpectNone(t, "REGISTER", 50*time.Millisecond)

	// An open registrar tells it with the 200 only: registered again at once.
	q := phonetest.NewPeer(t)
	quiet(q)
	nat = phonetest.NewRelay(t, q.Addr(), 1)
	r = newRig(t, func(c *phone.Config) { at(q)(c); c.Port = int(nat.Addr().Port()) }, q)
	first = q.Expect(t, "REGISTER")
	q.Reply(first, 200, "OK")
	q.Reply(q.Expect(t, "REGISTER", phonetest.Has("Contact", "anna@"+first.Source.String())), 200, "OK")
	r.registered(t, true)
	go func() { _ = r.stop() }()
	q.Reply(q.Expect(t, "REGISTER", phonetest.Has("Contact", "anna@"+first.Source.String()), phonetest.Has("Expires", "0")), 200, "OK")
}

// A router that shows the registrar another port each time is followed by one more REGISTER, not by more and more.
func TestRegisterBehindRestlessNAT(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	quiet(p)
	var seen atomic.Int32
	p.Handle("REGISTER", func(m *phonetest.Msg) {
		rport := fmt.Sprintf(";received=192.0.2.9;rport=%d", 4000+seen.Add(1))
		p.Reply(m, 200, "OK", with("Via", strings.Replace(m.Header("Via"), ";rport", rport, 1)))
	})
	r := newRig(t, at(p), p)
	r.registered(t, true)
	if n := seen.Load(); n != 2 {
		t.Errorf("registered by %d REGISTERs, want 2", n)
	}
}

// Register tells how its own REGISTER went, not that an earlier one did well; one that nobody waits for any more is
// answered too.
func TestRegisterNow(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	quiet(p)
	r := newRig(t, at(p), p)
	p.Reply(p.Expect(t, "REGISTER"), 200, "OK")
	r.registered(t, true)
	w := r.Register()
	p.Reply(p.Expect(t, "REGISTER"), 503, "Service Unavailable")
	refused(t, w, phone.Failed, 503)
	w = r.Register()
	p.Reply(p.Expect(t, "REGISTER"), 200, "OK")
	do(t, w)
	w = r.Register()
	p.Expect(t, "REGISTER")
	do(t, r.SetActive(false))
	refused(t, w, phone.Refused, 0)
}

// Nothing listens at the registrar's port: said at once, and back soon after it is.
func TestRegistrarAway(t *testing.T) {
	t.Parallel()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	port := netip.MustParseAddrPort(conn.LocalAddr().String()).Port()
	_ = conn.Close()
	r := newRig(t, func(c *phone.Config) { c.Server, c.Port, c.User = "127.0.0.1", int(port), "anna" })
	start := time.Now()
	r.await(t, "failure", func(e phone.Event) bool {
		st, ok := e.(phone.StateChanged)
		return ok && st.State.Registration.State == account.Failed && strings.Contains(st.State.Registration.Reason, "refused")
	})
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("after %v", d)
	}
	w := r.Register()
	refused(t, w, phone.Unreachable, 0)
}

// The pings find out that the registrar has gone and come back.
func TestRegistrarDies(t *testing.T) {
	t.Parallel()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	answer := func(stop *net.UDPConn) {
		buf := make([]byte, 64<<10)
		for {
			n, from, err := stop.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			if m, err := phonetest.ParseMsg(append([]byte(nil), buf[:n]...)); err == nil {
				_, _ = stop.WriteToUDPAddrPort(simpleOK(m), from)
			}
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() { answer(conn) })
	addr, _ := conn.LocalAddr().(*net.UDPAddr)
	r := newRig(t, func(c *phone.Config) { c.Server, c.Port, c.User = "127.0.0.1", addr.Port, "anna" })
	r.registered(t, true)
	_ = conn.Close()
	wg.Wait()
	r.registered(t, false)
	if conn, err = net.ListenUDP("udp4", addr); err != nil {
		t.Fatal(err)
	}
	wg.Go(func() { answer(conn) })
	r.registered(t, true)
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	_ = conn.Close()
	wg.Wait()
}

// simpleOK is a 200 to any request.
func simpleOK(m *phonetest.Msg) []byte {
	res := &phonetest.Msg{Code: 200, Reason: "OK"}
	for _, name := range []string{"Via", "From", "To", "Call-ID", "CSeq", "Contact"} {
		for _, v := range m.Values(name) {
			res.Add(name, v)
		}
	}
	return res.Bytes()
}

// Over TCP the Contact names the connection; when that is lost a new one is made at once.
func TestRegisterOverTCP(t *testing.T) {
	t.Parallel()
	p := phonetest.NewTCPPeer(t)
	quiet(p)
	r := newRig(t, func(c *phone.Config) { at(p)(c); c.Network = transport.TCP }, p)
	m := p.Expect(t, "REGISTER", phonetest.Has("Via", "SIP/2.0/TCP"), phonetest.Has("Contact", "transport=tcp"))
	if !strings.Contains(m.Header("Contact"), m.Source.String()) {
		t.Errorf("Contact %s over %s", m.Header("Contact"), m.Source)
	}
	p.Reply(m, 200, "OK")
	r.registered(t, true)
	p.Disconnect()
	again := p.Expect(t, "REGISTER")
	if again.Source == m.Source {
		t.Error("the same connection")
	}
	p.Reply(again, 200, "OK")
	r.registered(t, true)
	// A call comes by the connection and is answered on it.
	rtp := p.RTP()
	invite := p.Invite(strings.Trim(strings.Split(again.Header("Contact"), ">")[0], "<"), again.Source, phonetest.WithSDP(phonetest.SDP(rtp.Port())))
	p.Expect(t, "180")
	r.status(t, phone.StatusRing)
	do(t, r.Answer(0))
	ok := p.Expect(t, "200 INVITE")
	d := p.Dialog(invite, ok)
	d.Ack(ok)
	r.status(t, phone.StatusActive)
	do(t, r.Hangup(0))
	bye := p.Expect(t, "BYE")
	if bye.Source != again.Source {
		t.Error("BYE over another connection")
	}
	p.Reply(bye, 200, "OK")
	if n := p.Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// Over TCP too the Contact is the connection as the registrar sees it, for as long as that connection lives.
func TestRegisterOverTCPBehindNAT(t *testing.T) {
	t.Parallel()
	p := phonetest.NewTCPPeer(t)
	quiet(p)
	r := newRig(t, func(c *phone.Config) { at(p)(c); c.Network = transport.TCP }, p)
	first := p.Expect(t, "REGISTER", phonetest.Has("Contact", "127.0.0.1"))
	seen := phonetest.WithHeader("Via", strings.Replace(first.Header("Via"), ";rport", ";received=192.0.2.9;rport=4711", 1))
	p.Reply(first, 200, "OK", seen)
	second := p.Expect(t, "REGISTER", phonetest.Has("Contact", "anna@192.0.2.9:4711;transport=tcp"))
	p.Reply(second, 200, "OK", phonetest.WithHeader("Via", strings.Replace(second.Header("Via"), ";rport", ";received=192.0.2.9;rport=4711", 1)))
	r.registered(t, true)
	p.ExpectNone(t, "REGISTER", 50*time.Millisecond)
	p.Disconnect()
	again := p.Expect(t, "REGISTER", phonetest.Has("Contact", "127.0.0.1"))
	p.Reply(again, 200, "OK")
	r.registered(t, true)
}

func TestRegisterOverTLS(t *testing.T) {
	t.Parallel()
	cert, pool := phonetest.SelfSigned(t)
	p := phonetest.NewTLSPeer(t, cert)
	quiet(p)
	r := newRig(t, func(c *phone.Config) {
		at(p)(c)
		c.Network, c.ClientTLS = transport.TLS, &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}, p)
	p.Reply(p.Expect(t, "REGISTER", phonetest.Has("Via", "SIP/2.0/TLS")), 200, "OK")
	r.registered(t, true)

	s := newRig(t, func(c *phone.Config) { at(p)(c); c.Network = transport.TLS }) // trusts nobody
	s.await(t, "failure", func(e phone.Event) bool {
		st, ok := e.(phone.StateChanged)
		return ok && strings.Contains(st.State.Registration.Reason, "certificate")
	})
}

// A server that wants the body protected (qop=auth-int, RFC 7616 3.4.3) and keeps to its nonce: what is sent with it at
// once fits the body.
func TestCallAuthenticatedWithBody(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	quiet(p)
	verify := func(m *phonetest.Msg) {
		t.Helper()
		if err := phonetest.Verify(m, "anna", "secret"); err != nil {
			t.Fatalf("%v\n%s", err, m.Raw)
		}
	}
	r := newRig(t, at(p), p)
	p.Reply(p.Expect(t, "REGISTER"), 401, "Unauthorized", with("WWW-Authenticate", `Digest realm="home", nonce="n1", algorithm=MD5, qop="auth-int"`))
	m := p.Expect(t, "REGISTER", phonetest.Has("Authorization", "auth-int"))
	verify(m)
	p.Reply(m, 200, "OK")
	r.registered(t, true)
	w := r.Call(p.URI("bob"))
	invite := p.Expect(t, "INVITE", phonetest.Has("Authorization", "nc=00000002"))
	verify(invite)
	p.Reply(invite, 200, "OK", offer())
	p.Expect(t, "ACK")
	do(t, w)
	r.status(t, phone.StatusActive)
	hold := r.Hold(0, true)
	again := p.Expect(t, "INVITE", phonetest.Has("Authorization", "nc=00000003"))
	verify(again)
	p.Reply(again, 488, "Not Acceptable Here")
	p.Expect(t, "ACK")
	refused(t, hold, phone.NotSupported, 488)
}

// Calls are authenticated too, by 401 of the server and by 407 of a proxy, and later
// requests carry credentials at once.
func TestCallAuthenticated(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, account200(p), p)
	r.registered(t, true)
	w := r.Call(p.URI("bob"))
	first := p.Expect(t, "INVITE")
	p.Reply(first, 100, "Trying")
	p.ChallengeProxy(first, "home", "n1", "MD5", "SHA-256")
	p.Expect(t, "ACK", phonetest.HasNo("Proxy-Authorization"))
	second := p.Expect(t, "INVITE")
	if err := phonetest.Verify(second, "anna", "secret"); err != nil {
		t.Fatal(err)
	}
	ok := p.Reply(second, 200, "OK", offer())
	ack := p.Expect(t, "ACK", phonetest.Has("Proxy-Authorization", "n1")) // RFC 3261 22.1
	n2, _ := second.CSeq()
	if n, _ := ack.CSeq(); n != n2 {
		t.Errorf("ACK of %d", n)
	}
	do(t, w)
	r.status(t, phone.StatusActive)
	_ = ok
	do(t, r.Hangup(0))
	bye := p.Expect(t, "BYE")
	p.Challenge(bye, "home", "n3")
	bye = p.Expect(t, "BYE")
	if err := phonetest.Verify(bye, "anna", "secret"); err != nil {
		t.Error(err)
	}
	p.Reply(bye, 200, "OK")
	r.ended(t, phone.CauseCompleted, false, 0)

	w = r.Call(p.URI("bob"))
	for i := range 4 { // the password is wrong
		m := p.Expect(t, "any")
		for m.Method == "ACK" {
			m = p.Expect(t, "any")
		}
		p.Challenge(m, "home", fmt.Sprint("x", i))
		if m.Header("Authorization") != "" && i > 0 {
			break
		}
	}
	refused(t, w, phone.Refused, 401)
}

func account200(p *phonetest.Peer) func(*phone.Config) {
	p.Handle("REGISTER", func(m *phonetest.Msg) { p.Reply(m, 200, "OK") })
	quiet(p)
	return at(p)
}

// far stands for a peer at 127.0.0.2: a socket there whose packets go to and from p.
func far(t *testing.T, p *phonetest.Peer, port int) (outer, inner netip.AddrPort) {
	t.Helper()
	outside, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2), Port: port})
	if err != nil {
		t.Fatal(err)
	}
	inside, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var client netip.AddrPort
	var wg sync.WaitGroup
	pass := func(from, to *net.UDPConn, dest func(netip.AddrPort) netip.AddrPort) {
		buf := make([]byte, 64<<10)
		for {
			n, src, err := from.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			if d := dest(src); d.IsValid() {
				_, _ = to.WriteToUDPAddrPort(buf[:n], d)
			}
		}
	}
	wg.Go(func() {
		pass(outside, inside, func(src netip.AddrPort) netip.AddrPort {
			mu.Lock()
			defer mu.Unlock()
			client = src
			return p.Addr()
		})
	})
	wg.Go(func() {
		pass(inside, outside, func(netip.AddrPort) netip.AddrPort {
			mu.Lock()
			defer mu.Unlock()
			return client
		})
	})
	t.Cleanup(func() {
		_ = outside.Close()
		_ = inside.Close()
		wg.Wait()
	})
	return netip.MustParseAddrPort(outside.LocalAddr().String()), netip.MustParseAddrPort(inside.LocalAddr().String())
}

// A stranger that challenges with the account's own realm learns nothing.
func TestES2021_05_DigestLeak(t *testing.T) {
	t.Parallel()
	p, eve := phonetest.NewPeer(t), phonetest.NewPeer(t)
	addr, _ := far(t, eve, 0)
	r := newRig(t, func(c *phone.Config) { at(p)(c) }, p)
	quiet(p)
	m := p.Expect(t, "REGISTER")
	p.Challenge(m, "home", "n1")
	p.Reply(p.Expect(t, "REGISTER"), 200, "OK")
	r.registered(t, true)
	for _, proxy := range []bool{false, true} {
		w := r.Call("sip:eve@" + addr.String())
		invite := eve.Expect(t, "INVITE", phonetest.HasNo("Authorization"))
		if proxy {
			eve.ChallengeProxy(invite, "home", "n1")
		} else {
			eve.Challenge(invite, "home", "n1")
		}
		eve.Expect(t, "ACK", phonetest.HasNo("Authorization"))
		if err := wait(w); err == nil {
			t.Error("the call stands")
		}
		eve.ExpectNone(t, "any", 50*time.Millisecond)
	}
	// Neither does one that asks inside of a call, nor one at the far end of a redirection.
	w := r.Call("sip:eve@" + addr.String())
	invite := eve.Expect(t, "INVITE")
	eve.Reply(invite, 200, "OK", offer(), with("Contact", "<sip:eve@"+addr.String()+">"))
	eve.Expect(t, "ACK")
	do(t, w)
	do(t, r.Hangup(0))
	eve.Challenge(eve.Expect(t, "BYE", phonetest.HasNo("Authorization")), "home", "n1")
	eve.ExpectNone(t, "any", 50*time.Millisecond)
	w = r.Call(p.URI("bob"))
	p.Reply(p.Expect(t, "INVITE"), 302, "Moved Temporarily", with("Contact", "<sip:eve@"+addr.String()+">"))
	p.Expect(t, "ACK")
	refused(t, w, phone.Failed, 302)
	eve.ExpectNone(t, "any", 50*time.Millisecond)
}

// names is a name server for tests: every name has these addresses.
type names []netip.Addr

func (n names) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) { return n, nil }
func (n names) LookupSRV(context.Context, string, string, string) (string, []*net.SRV, error) {
	return "", nil, &net.DNSError{IsNotFound: true}
}

// The first server says 503, the next one is asked (RFC 3263 4.3).
func TestNextServer(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	first, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	addr, _ := far(t, p, int(netip.MustParseAddrPort(first.LocalAddr().String()).Port()))
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]byte, 64<<10)
		for {
			n, from, err := first.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			if m, err := phonetest.ParseMsg(append([]byte(nil), buf[:n]...)); err == nil && m.Method != "ACK" {
				_, _ = first.WriteToUDPAddrPort([]byte(strings.Replace(string(simpleOK(m)), "200 OK", "503 Busy", 1)), from)
			}
		}
	})
	t.Cleanup(func() { _ = first.Close(); wg.Wait() })
	r := newRig(t, func(c *phone.Config) {
		c.Resolver = names{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")}
	}, p)
	w := r.Call("sip:bob@both.example:" + strconv.Itoa(int(addr.Port())))
	invite := p.Expect(t, "INVITE")
	p.Reply(invite, 180, "Ringing")
	do(t, w)
}

// The far end of a call speaks for itself where the proxy records no route; before and
// after the call it has nothing to say here.
func TestFarEndWithoutProxy(t *testing.T) {
	t.Parallel()
	p, q := phonetest.NewPeer(t), phonetest.NewPeer(t)
	addr, way := far(t, q, 0)
	r := newRig(t, func(c *phone.Config) { account200(p)(c); c.Timers = quick }, p, q)
	r.registered(t, true)
	w := r.Call(p.URI("bob"))
	invite := p.Expect(t, "INVITE")
	ok := p.Reply(invite, 200, "OK", offer(), with("Contact", "<sip:bob@"+addr.String()+">"))
	q.Expect(t, "ACK")
	do(t, w)
	stranger := q.Request("INVITE", r.uri(), offer())
	q.SendRaw(stranger.Bytes(), way)
	q.Expect(t, "403")
	q.SendRaw(p.Dialog(invite, ok).Request("BYE").Bytes(), way)
	q.Expect(t, "200 BYE")
	r.ended(t, phone.CauseCompleted, true, 0)
	for range 400 {
		if r.Kept() == 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	before := r.Stats().Transport.Refused
	q.SendRaw(q.Request("OPTIONS", r.uri()).Bytes(), way)
	q.ExpectNone(t, "any", 100*time.Millisecond)
	if n := r.Stats().Transport.Refused; n != before+1 {
		t.Errorf("%d refused, %d before", n, before)
	}
}

// Whoever may have the account now may have the same Contact, so a role that is lost for good is not un-registered; one
// that only ran out, before anybody can have followed, is.
func TestRegistrationOfAStandby(t *testing.T) {
	t.Parallel()
	for _, alone := range []bool{false, true} {
		t.Run(fmt.Sprint("alone ", alone), func(t *testing.T) {
			t.Parallel()
			p := phonetest.NewPeer(t)
			quiet(p)
			var may atomic.Bool
			r := newRig(t, func(c *phone.Config) {
				at(p)(c)
				c.Standby, c.MayAct, c.MayUnregister = true, may.Load, func() bool { return alone }
			}, p)
			if s := r.snapshot(t); s.Registration.State != account.Unregistered || !strings.Contains(s.Registration.Hint, "not the active one") {
				t.Errorf("a standby says %+v", s.Registration)
			}
			p.Invite(r.uri(), r.addr, offer()) // of the server, which knows an old binding
			p.Expect(t, "480")
			if n := p.Count("REGISTER"); n != 0 {
				t.Errorf("a standby has sent %d REGISTERs", n)
			}
			may.Store(true)
			do(t, r.SetActive(true))
			p.Reply(p.Expect(t, "REGISTER", phonetest.Has("Contact", "expires=300")), 200, "OK")
			r.registered(t, true)
			may.Store(false)
			if s := r.snapshot(t); s.Active || alone && !s.Registered || !alone && s.Registered {
				t.Errorf("without the role: active %v, registered %v", s.Active, s.Registered)
			}
			if alone {
				p.Reply(p.Expect(t, "REGISTER", phonetest.Has("Expires", "0")), 200, "OK")
				r.registered(t, false)
			} else {
				time.Sleep(200 * time.Millisecond)
				if n := p.Count("REGISTER"); n != 1 {
					t.Errorf("%d REGISTERs, the last one takes away what may be another's", n)
				}
			}
			may.Store(true)
			do(t, r.SetActive(true))
			p.Reply(p.Expect(t, "REGISTER", phonetest.Has("Contact", "expires=300")), 200, "OK")
			r.registered(t, true)
		})
	}
}
