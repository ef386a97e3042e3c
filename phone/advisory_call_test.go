package phone_test

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"housephone/phone"
	"housephone/phone/phonetest"
)

// The rest of the tests named after advisories: of what happens in calls, on connections and with the account.

// sprayer sends sound and keys to ports of a call that is not its own.
type sprayer struct{ *net.UDPConn }

func newSprayer(t *testing.T, from string) sprayer {
	t.Helper()
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return sprayer{conn}
}

// spray sends n packets of sound, each followed by one of the key 5, in sequence and well formed.
func (s sprayer) spray(t *testing.T, to netip.AddrPort, n int) {
	t.Helper()
	for i := range n {
		for _, packet := range [][]byte{
			append([]byte{0x80, 8, byte(i >> 8), byte(i), 0, 0, byte(i >> 8), byte(i), 6, 6, 6, 6}, make([]byte, 160)...),
			{0x80, 0x80 | 101, byte(i >> 8), byte(i), 0, 0, byte(i >> 8), byte(i), 7, 7, 7, 7, 5, 0x8a, 3, 32},
			make([]byte, 172), // what the finder of the advisory sent
		} {
			if _, err := s.WriteToUDPAddrPort(packet, to); err != nil {
				t.Fatal(err)
			}
		}
		if i%20 == 19 {
			time.Sleep(time.Millisecond)
		}
	}
}

// silence checks that nothing was sent to the sprayer.
func (s sprayer) silence(t *testing.T) {
	t.Helper()
	_ = s.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if n, err := s.Read(make([]byte, 2000)); err == nil {
		t.Errorf("the stranger got %d octets of the call", n)
	}
}

// rtpengine, CVE-2025-53399: strangers injected sound into calls and were sent the far end's.
func TestES2025_01_ForeignMedia(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	d := r.place(t, p)
	to := d.invite.MediaAddr()
	d.rtp.SendKeys(to, 101, "1")
	if k := next[phone.Key](t, r); k.Key != "1" {
		t.Fatalf("%+v", k)
	}
	near, beside := newSprayer(t, "127.66.0.1"), newSprayer(t, "127.0.0.1")
	for _, s := range []sprayer{near, beside} { // another host, and another port of the far end's
		s.spray(t, to, 200)
		s.spray(t, netip.AddrPortFrom(to.Addr(), to.Port()+1), 20)
	}
	d.rtp.SendKeys(to, 101, "2")
	if k := next[phone.Key](t, r); k.Key != "2" {
		t.Errorf("a stranger's key is heard: %+v", k)
	}
	before := d.rtp.Count()
	d.rtp.AwaitPackets(t, before+5) // the media stays with the far end
	near.silence(t)
	beside.silence(t)
}

// Asterisk, AST-2017-005: whoever was first to send to a port had the call's sound for ever.
func TestAST2017_005_FirstPacketWins(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	d := r.place(t, p)
	to := d.invite.MediaAddr()
	s := newSprayer(t, "127.66.0.2")
	s.spray(t, to, 200) // before the far end has sent anything
	d.rtp.SendKeys(to, 101, "9")
	if k := next[phone.Key](t, r); k.Key != "9" {
		t.Errorf("a stranger's key is heard: %+v", k)
	}
	s.silence(t)
	d.rtp.AwaitPackets(t, d.rtp.Count()+5)
}

// Asterisk, AST-2016-005: sixty connections that say nothing stopped SIP.
func TestAST2016_005_IdleConnections(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	for i := range 300 {
		from := b.from()
		if i < 60 {
			from = netip.MustParseAddr("127.66.0.3")
		}
		d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
		conn, err := d.DialContext(t.Context(), "tcp", b.tcp.String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
	}
	raw := strings.ReplaceAll(b.valid("OPTIONS", "192.0.2.1"), "NUMBER", "idle")
	if got := b.torture(t, "tcp", []byte(raw), 200); got != 200 {
		t.Errorf("%d over TCP", got)
	}
	p := phonetest.NewTCPPeer(t)
	invite := p.Invite("sip:phone@"+b.tcp.String()+";transport=tcp", b.tcp, offer())
	p.Expect(t, "180")
	p.Cancel(invite)
	p.ExpectAll(t, "200 CANCEL", "487")
	b.normalCall(t)
}

// Asterisk, CVE-2021-26906 and pjsip, CVE-2021-21375: two 183 of which the first cannot be agreed on.
func TestCVE2021_21375_TwoAnswers(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	w := r.Call(p.URI("bob"))
	invite := p.Expect(t, "INVITE")
	rtp := p.RTP()
	p.Reply(invite, 183, "Session Progress", phonetest.WithSDP(strange(4000)), phonetest.WithTag("one"))
	p.Reply(invite, 183, "Session Progress", phonetest.WithSDP("v=0\r\nm=\r\n"), phonetest.WithTag("two"))
	p.Reply(invite, 183, "Session Progress", phonetest.WithSDP(phonetest.SDP(rtp.Port())), phonetest.WithTag("three"))
	ok := p.Reply(invite, 200, "OK", phonetest.WithSDP(phonetest.SDP(rtp.Port())), phonetest.WithTag("three"))
	p.Expect(t, "ACK")
	do(t, w)
	r.status(t, phone.StatusActive)
	rtp.AwaitPackets(t, 3)
	p.Dialog(invite, ok).Bye()
	p.Expect(t, "200 BYE")
	r.ended(t, phone.CauseCompleted, true, 0)
	r.drained(t)
}

// Asterisk, CVE-2021-31878: a re-INVITE without a description after we have hung up.
func TestCVE2021_31878_LateReInvite(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	d := r.place(t, p)
	w := r.Hangup(0)
	bye := p.Expect(t, "BYE")
	d.Invite("")
	p.Expect(t, "481")
	p.Reply(bye, 200, "OK")
	do(t, w)
	d.Invite("")
	p.Expect(t, "481")
	r.drained(t)
	if n := r.Stats().Panics; n != 0 {
		t.Errorf("%d panics", n)
	}
}

// pjsip, CVE-2026-57191: a NOTIFY whose Message-Account is longer than 512 octets switched the transport off.
func TestCVE2026_57191_LongMessageAccount(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, account200(p), p)
	r.registered(t, true)
	body := "Messages-Waiting: yes\r\nMessage-Account: sip:" + strings.Repeat("a", 30000) + "@home\r\nVoice-Message: 1/0\r\n"
	notify := func(p *phonetest.Peer) {
		p.Send(p.Request("NOTIFY", r.uri(), phonetest.WithHeader("Event", "message-summary"),
			phonetest.WithHeader("Subscription-State", "active"), phonetest.WithBody("application/simple-message-summary", body)), r.addr)
	}
	notify(p)
	p.Expect(t, "200 NOTIFY")
	s := newSprayer(t, "127.66.0.4") // not the registrar
	raw := fmt.Sprintf("NOTIFY %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bKm\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:anna@home>\r\n"+
		"Call-ID: m\r\nCSeq: 1 NOTIFY\r\nEvent: message-summary\r\nContent-Length: %d\r\n\r\n%s", r.uri(), s.LocalAddr(), len(body), body)
	if _, err := s.WriteToUDPAddrPort([]byte(raw), r.addr); err != nil {
		t.Fatal(err)
	}
	s.silence(t)
	invite := p.Invite(r.uri(), r.addr, offer())
	p.Expect(t, "180")
	p.Cancel(invite)
	p.ExpectAll(t, "200 CANCEL", "487")
	if st := r.snapshot(t); !st.Registered {
		t.Error("the registration is gone")
	}
}

// Asterisk, CVE-2016-2316: calls that are never acknowledged kept their file descriptors for long.
func TestCVE2016_2316_CallsWithoutACK(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) {
		c.Timers, c.MaxCalls, c.AutoAnswer = quick, 50, true
		c.Timers.T1 = 5 * time.Millisecond
	}, p)
	p.Handle("BYE", func(m *phonetest.Msg) { p.Reply(m, 200, "OK") })
	for range 3 {
		for range 50 {
			p.Invite(r.uri(), r.addr, offer())
		}
		for range 50 {
			if e := next[phone.Ended](t, r); e.Cause != phone.CauseFailed {
				t.Errorf("%+v", e)
			}
		}
		r.drained(t)
	}
}

// sipgo, 2026: a Content-Length on a connection was believed before a body had come.
func TestSIPGO2026_ContentLengthOfAConnection(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.normalCall(t)
	before := heap()
	for i := range 50 {
		raw := strings.ReplaceAll(b.valid("OPTIONS", "192.0.2.1"), "NUMBER", fmt.Sprint("cl", i))
		raw = strings.Replace(raw, "Content-Length: 0", "Content-Length: 1000000000", 1)
		if got := b.torture(t, "tcp", []byte(raw), 0); got != 0 {
			t.Errorf("%d", got)
		}
	}
	b.healthy(t)
	if grown := heap() - before; grown > 32<<20 {
		t.Errorf("%d MiB more", grown>>20)
	}
}

// sipgo, 2026: line breaks in what users give became headers.
func TestSIPGO2026_LineBreaksOfUsers(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	d := r.place(t, p)
	for _, bad := range []string{"\r\nX-Evil: 1", "\nX-Evil: 1", "\r", "\x00", "%0d%0aX-Evil: 1\r\n", "\u2028", "\u0085"} {
		for _, uri := range []string{p.URI("bob") + bad, "sip:b" + bad + "@" + p.Addr().String(), bad + p.URI("bob")} {
			for name, w := range map[string]*phone.Pending{"call": r.Call(uri), "transfer": r.Transfer(0, uri), "message": r.Message(uri, "x")} {
				if err := wait(w); err == nil {
					t.Errorf("%s to %q is carried out", name, uri)
				}
			}
		}
		refused(t, r.SendKeys(0, "1"+bad), phone.Invalid, 0)
		if _, _, err := r.Options(t.Context(), p.URI("bob")+bad); err == nil {
			t.Errorf("OPTIONS to %q is sent", bad)
		}
	}
	for _, set := range []func(*phone.Config, string){
		func(c *phone.Config, s string) { c.DisplayName = s }, func(c *phone.Config, s string) { c.UserAgent = s },
		func(c *phone.Config, s string) { c.User = s }, func(c *phone.Config, s string) { c.Server = s },
	} {
		c := phone.Config{Server: "home", User: "anna"}
		set(&c, "a\r\nX-Evil: 1")
		if _, err := phone.New(c); err == nil || !strings.Contains(err.Error(), "control character") {
			t.Errorf("%+v: %v", c, err)
		}
	}
	d.Bye()
	p.Await(t, "200 BYE")
	if strings.Contains(p.Trace(), "X-Evil") {
		t.Error(p.Trace())
	}
}

// DTLS that nobody has asked for, to the port of a call: Asterisk ES2023-01, FreeSWITCH ES2023-02, rtpengine ES2023-03.
func TestES2023_01_UnexpectedDTLSHello(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	d := r.place(t, p)
	to := d.invite.MediaAddr()
	s := newSprayer(t, "127.66.0.5")
	hello := append([]byte{22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 50, 1}, bytes.Repeat([]byte{0}, 49)...)
	for range 50 {
		if _, err := s.WriteToUDPAddrPort(hello, to); err != nil {
			t.Fatal(err)
		}
	}
	s.silence(t)
	d.rtp.SendKeys(to, 101, "3")
	if k := next[phone.Key](t, r); k.Key != "3" {
		t.Errorf("%+v", k)
	}
	d.rtp.AwaitPackets(t, d.rtp.Count()+3)
}
