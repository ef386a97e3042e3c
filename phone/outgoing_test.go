package phone_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"housephone/phone"
	"housephone/phone/phonetest"
)

func TestOutgoingAnswered(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	w := r.Call(p.URI("bob"))
	invite := p.Expect(t, "INVITE", phonetest.HasBody("m=audio"), phonetest.Has("Supported", "100rel"), phonetest.Has("Session-Expires", "1800"), phonetest.Has("Contact", r.addr.String()))
	out := next[phone.Outgoing](t, r).Call
	if out.Remote.URI != p.URI("bob") || out.Slot != 1 || out.Direction != phone.Out || out.Status != phone.StatusDial {
		t.Errorf("%+v", out)
	}
	p.Reply(invite, 100, "Trying")
	p.Reply(invite, 180, "Ringing")
	do(t, w) // returns while it rings
	rtp := p.RTP()
	ok := p.Reply(invite, 200, "OK", phonetest.WithSDP(phonetest.SDP(rtp.Port(), "PCMU")))
	ack := p.Expect(t, "ACK", phonetest.HasNo("Contact"))
	if n, _ := ack.CSeq(); ack.ToTag() != ok.ToTag() || ack.Branch() == invite.Branch() || ack.URI != ok.Contact() || fmt.Sprint(n) != strings.Fields(invite.Header("CSeq"))[0] {
		t.Errorf("ACK:\n%s", ack.Raw)
	}
	if c := r.status(t, phone.StatusActive); c.Codec != "PCMU" {
		t.Errorf("%+v", c)
	}
	rtp.AwaitPackets(t, 3)
	do(t, r.Hangup(0))
	p.Reply(p.Expect(t, "BYE"), 200, "OK")
	r.ended(t, phone.CauseCompleted, false, 0)
	p.ExpectNone(t, "any", 50*time.Millisecond)
}

func TestOutgoingRefused(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	for _, tc := range []struct {
		code  int
		kind  phone.Kind
		cause phone.Cause
	}{
		{486, phone.Busy, phone.CauseBusy},
		{600, phone.Busy, phone.CauseBusy},
		{603, phone.Refused, phone.CauseDeclined},
		{403, phone.Refused, phone.CauseDeclined},
		{404, phone.Unreachable, phone.CauseFailed},
		{408, phone.Timeout, phone.CauseNoAnswer},
		{480, phone.Unreachable, phone.CauseNoAnswer},
		{484, phone.Invalid, phone.CauseFailed},
		{487, phone.Refused, phone.CauseCancelled},
		{488, phone.NotSupported, phone.CauseFailed},
		{500, phone.Failed, phone.CauseFailed},
		{503, phone.Unreachable, phone.CauseFailed},
		{401, phone.Refused, phone.CauseFailed},
		{699, phone.Failed, phone.CauseFailed},
	} {
		w := r.Call(p.URI("bob"))
		invite := p.Expect(t, "INVITE")
		p.Reply(invite, tc.code, "Some reason")
		ack := p.Expect(t, "ACK")
		if ack.Branch() != invite.Branch() || ack.ToTag() == "" { // RFC 3261 17.1.1.3
			t.Errorf("%d: ACK\n%s", tc.code, ack.Raw)
		}
		refused(t, w, tc.kind, tc.code)
		r.ended(t, tc.cause, true, tc.code)
	}
	p.KeepCopies()
	w := r.Call(p.URI("bob"))
	invite := p.Expect(t, "INVITE")
	busy := p.Reply(invite, 486, "Busy Here")
	p.Expect(t, "ACK")
	p.Send(busy, r.addr) // the ACK was lost
	p.Expect(t, "ACK")
	refused(t, w, phone.Busy, 486)
}

// Any number of provisional responses is borne.
func TestManyProvisionals(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	w := r.Call(p.URI("bob"))
	invite := p.Expect(t, "INVITE")
	for i := range 40 {
		p.Reply(invite, 180+i%4, "Ringing", phonetest.WithTag(fmt.Sprint("fork", i%6)))
	}
	p.Reply(invite, 200, "OK", phonetest.WithTag("fork3"), offer())
	do(t, w)
	p.Expect(t, "ACK", phonetest.Has("To", "tag=fork3"))
	r.status(t, phone.StatusActive)
}

// A phone that rang too, while another one was answered, has no part in the call: neither its sound nor its keys.
func TestForkLeftBehind(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	w := r.Call(p.URI("bob"))
	invite := p.Expect(t, "INVITE")
	lost := p.Dialog(invite, p.Reply(invite, 180, "Ringing", phonetest.WithTag("lost")))
	do(t, w)
	lost.Info("application/dtmf", "1") // while both ring it may
	p.Expect(t, "200 INFO")
	next[phone.Key](t, r)
	rtp := p.RTP()
	p.Reply(invite, 200, "OK", phonetest.WithTag("won"), phonetest.WithSDP(phonetest.SDP(rtp.Port())))
	p.Expect(t, "ACK", phonetest.Has("To", "tag=won"))
	r.status(t, phone.StatusActive)
	rtp.AwaitPackets(t, 3)
	body := phonetest.SDP(p.RTP().Port())
	again := lost.Invite(body)
	p.Ack(again, p.Expect(t, "481 INVITE"))
	lost.Update(body)
	p.Expect(t, "481 UPDATE")
	lost.Info("application/dtmf", "5")
	p.Expect(t, "481 INFO")
	lost.Refer("sip:eve@127.0.0.1")
	p.Expect(t, "481 REFER")
	lost.Bye()
	p.Expect(t, "200 BYE")
	rtp.AwaitPackets(t, rtp.Count()+10)
	if n := count[phone.Key](r); n != 1 {
		t.Errorf("%d keys", n)
	}
	if s := r.snapshot(t); len(s.Calls) != 1 || s.Calls[0].Status != phone.StatusActive {
		t.Fatalf("%+v", s)
	}
}

// Answers without end to one INVITE, each of another phone, do not make us send without end.
func TestForksWithoutEnd(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	p.Handle("BYE", func(m *phonetest.Msg) { p.Reply(m, 200, "OK") })
	d := r.place(t, p)
	const most, beyond = 32, 48
	for i := range beyond {
		p.Reply(d.invite, 200, "OK", phonetest.WithTag(fmt.Sprint("fork", i)), offer())
	}
	d.Send("OPTIONS") // handled behind them
	p.Await(t, "200 OPTIONS")
	if n := p.Count("ACK"); n != most {
		t.Errorf("%d answers were acknowledged, want %d", n, most)
	}
	if s := r.snapshot(t); len(s.Calls) != 1 || s.Calls[0].Status != phone.StatusActive {
		t.Fatalf("%+v", s)
	}
}

// Two phones behind a forking proxy answer at once (RFC 3261 13.2.2.4): each 2xx gets
// its own ACK, the second one a BYE, and copies get their ACK again.
func TestForkedAnswers(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	w := r.Call(p.URI("bob"))
	invite := p.Expect(t, "INVITE")
	p.Reply(invite, 180, "Ringing", phonetest.WithTag("a"))
	p.Reply(invite, 180, "Ringing", phonetest.WithTag("b"))
	do(t, w)
	contact := func(user string) phonetest.Opt { return phonetest.WithHeader("Contact", "<"+p.URI(user)+">") }
	okB := p.Reply(invite, 200, "OK", phonetest.WithTag("b"), offer(), contact("bob-b"))
	okA := p.Reply(invite, 200, "OK", phonetest.WithTag("a"), offer(), contact("bob-a"))
	ackB := p.Expect(t, "ACK", phonetest.Has("To", "tag=b"))
	ackA := p.Expect(t, "ACK", phonetest.Has("To", "tag=a"))
	if ackB.URI != p.URI("bob-b") || ackA.URI != p.URI("bob-a") {
		t.Errorf("ACKs to %s and %s", ackB.URI, ackA.URI)
	}
	bye := p.Expect(t, "BYE", phonetest.Has("To", "tag=a"))
	if bye.URI != p.URI("bob-a") {
		t.Errorf("BYE to %s", bye.URI)
	}
	p.Reply(bye, 200, "OK")
	p.KeepCopies()
	p.Send(okA, r.addr)
	p.Expect(t, "ACK", phonetest.Has("To", "tag=a"))
	p.Send(okB, r.addr)
	p.Expect(t, "ACK", phonetest.Has("To", "tag=b"))
	p.ExpectNone(t, "any", 50*time.Millisecond)
	if s := r.snapshot(t); len(s.Calls) != 1 || s.Calls[0].Status != phone.StatusActive {
		t.Fatalf("%+v", s)
	}
	do(t, r.Hangup(0))
	p.Reply(p.Expect(t, "BYE", phonetest.Has("To", "tag=b")), 200, "OK")
	r.ended(t, phone.CauseCompleted, false, 0)
	p.Send(okB, r.addr) // even after the end
	p.Expect(t, "ACK", phonetest.Has("To", "tag=b"))
}

func TestCancel(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.Timers = quick }, p)
	w := r.Call(p.URI("bob"))
	invite := p.Expect(t, "INVITE")
	p.Reply(invite, 180, "Ringing")
	do(t, w)
	do(t, r.Hangup(0))
	cancel := p.Expect(t, "CANCEL")
	if cancel.Branch() != invite.Branch() || cancel.ToTag() != "" || cancel.URI != invite.URI { // RFC 3261 9.1
		t.Errorf("CANCEL:\n%s", cancel.Raw)
	}
	p.Reply(cancel, 200, "OK")
	p.Reply(invite, 487, "Request Terminated")
	p.Expect(t, "ACK")
	r.ended(t, phone.CauseCancelled, false, 0)
	r.drained(t)
}

// The answer crosses the CANCEL: ACK and BYE, no ghost is left.
func TestCancelCrossesAnswer(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.Timers = quick }, p)
	w := r.Call(p.URI("bob"))
	invite := p.Expect(t, "INVITE")
	p.Reply(invite, 180, "Ringing")
	do(t, w)
	do(t, r.Hangup(0))
	cancel := p.Expect(t, "CANCEL")
	p.Reply(invite, 200, "OK", offer())
	p.Reply(cancel, 481, "Too Late")
	p.Expect(t, "ACK")
	p.Reply(p.Expect(t, "BYE"), 200, "OK")
	r.ended(t, phone.CauseCancelled, false, 0)
	r.noCalls(t)
	p.ExpectNone(t, "any", 50*time.Millisecond)
	r.drained(t)
}

// Nobody answers the CANCEL or the INVITE: it is given up after 64*T1 (RFC 3261 9.1).
func TestCancelUnanswered(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.Timers = quick }, p)
	w := r.Call(p.URI("bob"))
	p.Reply(p.Expect(t, "INVITE"), 180, "Ringing")
	do(t, w)
	do(t, r.Hangup(0))
	p.Expect(t, "CANCEL")
	r.ended(t, phone.CauseCancelled, false, 0)
	r.drained(t)
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

// No CANCEL leaves before a provisional response (RFC 3261 9.1), and no INVITE after the hang-up.
func TestHangupBeforeProvisional(t *testing.T) {
	t.Parallel()
	for _, first := range []int{100, 180, 200, 486, 401, 302} {
		t.Run(fmt.Sprint(first), func(t *testing.T) {
			t.Parallel()
			p := phonetest.NewPeer(t)
			r := newRig(t, account200(p), p)
			w := r.Call(p.URI("bob"))
			invite := p.Expect(t, "INVITE")
			do(t, r.Hangup(0))
			if err := wait(w); err == nil {
				t.Error("the call is said to ring")
			}
			r.ended(t, phone.CauseCancelled, false, 0)
			p.ExpectNone(t, "CANCEL", 50*time.Millisecond)
			switch first {
			case 401:
				p.Challenge(invite, "home", "nonce")
			case 200:
				p.Reply(invite, 200, "OK", offer())
			default:
				p.Reply(invite, first, "Whatever", phonetest.WithHeader("Contact", "<"+p.URI("carl")+">"))
			}
			switch first {
			case 100, 180:
				p.Reply(p.Expect(t, "CANCEL"), 200, "OK")
				p.Reply(invite, 487, "Request Terminated")
				p.Expect(t, "ACK")
			case 200:
				p.Expect(t, "ACK")
				p.Reply(p.Expect(t, "BYE"), 200, "OK")
			default:
				p.Expect(t, "ACK")
			}
			p.ExpectNone(t, "INVITE", 50*time.Millisecond)
		})
	}
}

func TestRingsUnanswered(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.RingTimeout = 200 * time.Millisecond }, p)
	w := r.Call(p.URI("bob"))
	invite := p.Expect(t, "INVITE")
	p.Reply(invite, 180, "Ringing")
	do(t, w)
	p.Reply(p.Expect(t, "CANCEL"), 200, "OK")
	p.Reply(invite, 487, "Request Terminated")
	r.ended(t, phone.CauseNoAnswer, false, 0)
}

// Nobody is there at all: 64*T1.
func TestSilence(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.Timers = quick }, p)
	w := r.Call(p.URI("bob"))
	invite := p.Expect(t, "INVITE")
	refused(t, w, phone.Timeout, 0)
	r.ended(t, phone.CauseFailed, false, 0)
	if n := p.Copies(invite); n < 3 || n > 6 { // at T1, 3, 7, 15, 31 and 63*T1
		t.Errorf("%d copies", n)
	}
	// An answer that comes after all is acknowledged by nobody's ghost.
	p.Reply(invite, 200, "OK", offer())
	r.noCalls(t)
}

// An ICMP error tells within a second that nothing listens.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for i := range 20 {
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		addr := conn.LocalAddr().String()
		_ = conn.Close()
		start := time.Now()
		refused(t, r.Call("sip:x@"+addr), phone.Unreachable, 0)
		if d := time.Since(start); d > time.Second {
			t.Errorf("call %d: %v", i, d)
		}
		r.ended(t, phone.CauseFailed, false, 0)
	}
	refused(t, r.Call("sip:x@127.0.0.1:9;transport=tcp"), phone.Unreachable, 0)
	refused(t, r.Call("sip:x@nowhere.invalid"), phone.Unreachable, 0)
}

func TestBadTargets(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.AllowTo = phone.Patterns{"bob", "6??"} }, p)
	for _, uri := range []string{
		"", "sip:", "bob", "tel:123", "sip:a@b\r\nX: y", "sip:a@b>", "sip:a b@c", "\"x\" <sip:a@b>", "sip:" + strings.Repeat("a", 600) + "@b", "http://x",
	} {
		refused(t, r.Call(uri), phone.Invalid, 0)
	}
	refused(t, r.Call(p.URI("carl")), phone.Refused, 0)
	refused(t, r.Call(p.URI("6123")), phone.Refused, 0)
	r.Call(p.URI("612"))
	p.Expect(t, "INVITE")
	next[phone.Outgoing](t, r)
	if n := count[phone.Outgoing](r); n != 1 {
		t.Errorf("%d calls", n)
	}
}

// Redirections are followed at the same host, a few times.
func TestRedirected(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	to := func(uri string) phonetest.Opt { return phonetest.WithHeader("Contact", uri) }
	w := r.Call(p.URI("bob"))
	first := p.Expect(t, "INVITE")
	p.Reply(first, 302, "Moved Temporarily", to("<"+p.URI("carl")+">"))
	p.Expect(t, "ACK")
	second := p.Expect(t, "INVITE")
	n1, _ := first.CSeq()
	n2, _ := second.CSeq()
	if second.URI != p.URI("carl") || n2 <= n1 || second.ToTag() != "" || second.CallID() != first.CallID() {
		t.Errorf("second INVITE:\n%s", second.Raw)
	}
	p.Reply(second, 200, "OK", offer())
	p.Expect(t, "ACK")
	do(t, w)
	do(t, r.Hangup(0))
	p.Reply(p.Expect(t, "BYE"), 200, "OK")

	for _, foreign := range []string{"<sip:eve@127.0.0.2>", "<tel:+123>", "<mailto:x@127.0.0.1>", "*"} {
		w = r.Call(p.URI("bob"))
		p.Reply(p.Expect(t, "INVITE"), 302, "Moved Temporarily", to(foreign))
		p.Expect(t, "ACK")
		refused(t, w, phone.Failed, 302)
	}

	w = r.Call(p.URI("bob")) // round and round
	for range 6 {
		p.Reply(p.Expect(t, "INVITE"), 302, "Moved Temporarily", to("<"+p.URI("bob")+">"))
		p.Expect(t, "ACK")
	}
	refused(t, w, phone.Failed, 302)
	p.ExpectNone(t, "INVITE", 50*time.Millisecond)
}

// A redirection leads to nothing that may not be dialled.
func TestRedirectedBeyondRules(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.AllowTo, c.BarInternational = phone.Patterns{"bob", "*1*"}, true }, p)
	for _, to := range []string{"carl", "+4411", "%2B4411", "0011"} {
		w := r.Call(p.URI("bob"))
		p.Reply(p.Expect(t, "INVITE"), 302, "Moved Temporarily", with("Contact", "<"+p.URI(to)+">"))
		p.Expect(t, "ACK")
		refused(t, w, phone.Failed, 302)
		next[phone.Warning](t, r)
	}
	w := r.Call(p.URI("bob"))
	p.Reply(p.Expect(t, "INVITE"), 302, "Moved Temporarily", with("Contact", "<"+p.URI("611")+">"))
	p.Expect(t, "ACK")
	invite := p.Expect(t, "INVITE")
	if invite.URI != p.URI("611") {
		t.Errorf("INVITE to %s", invite.URI)
	}
	p.Reply(invite, 486, "Busy Here")
	p.Expect(t, "ACK")
	refused(t, w, phone.Busy, 486)
}

func TestSessionTooSmall(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	w := r.Call(p.URI("bob"))
	p.Reply(p.Expect(t, "INVITE"), 422, "Session Interval Too Small", phonetest.WithHeader("Min-SE", "3600"))
	p.Expect(t, "ACK")
	second := p.Expect(t, "INVITE", phonetest.Has("Session-Expires", "3600"), phonetest.Has("Min-SE", "3600"))
	p.Reply(second, 422, "Session Interval Too Small", phonetest.WithHeader("Min-SE", "3600")) // no sense in another try
	p.Expect(t, "ACK")
	refused(t, w, phone.Failed, 422)
}

// What a 183 announced holds when the 200 says nothing (FreeSWITCH); a 200 alone without
// a description ends the call.
func TestAnswerWithoutSDP(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	rtp := p.RTP()
	w := r.Call(p.URI("bob"))
	invite := p.Expect(t, "INVITE")
	p.Reply(invite, 183, "Session Progress", phonetest.WithSDP(phonetest.SDP(rtp.Port(), "PCMU")))
	do(t, w)
	p.Reply(invite, 200, "OK")
	p.Expect(t, "ACK")
	if c := r.status(t, phone.StatusActive); c.Codec != "PCMU" {
		t.Errorf("%+v", c)
	}
	rtp.AwaitPackets(t, 2)
	do(t, r.Hangup(0))
	p.Reply(p.Expect(t, "BYE"), 200, "OK")
	r.ended(t, phone.CauseCompleted, false, 0)

	for _, body := range []phonetest.Opt{func(*phonetest.Msg) {}, phonetest.WithSDP(strange(4000)), phonetest.WithSDP("nonsense")} {
		w = r.Call(p.URI("bob"))
		p.Reply(p.Expect(t, "INVITE"), 200, "OK", body)
		p.Expect(t, "ACK")
		p.Reply(p.Expect(t, "BYE"), 200, "OK")
		refused(t, w, phone.Failed, 0)
		r.ended(t, phone.CauseFailed, false, 0)
	}
}

// The codec changes between 183 and 200 (FRITZ!Box), and from one fork to the other.
func TestEarlyMedia(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	early, late := p.RTP(), p.RTP()
	w := r.Call(p.URI("bob"))
	invite := p.Expect(t, "INVITE")
	p.Reply(invite, 183, "Session Progress", phonetest.WithTag("a"), phonetest.WithSDP(phonetest.SDP(early.Port(), "PCMU", "telephone-event")))
	do(t, w)
	r.call(t, "early codec", func(c phone.Call) bool { return c.Codec == "PCMU" && c.Status == phone.StatusDial })
	early.SendKeys(invite.MediaAddr(), 101, "5") // keys count in early media too
	if k := next[phone.Key](t, r); k.Key != "5" {
		t.Errorf("key %q", k.Key)
	}
	p.Reply(invite, 200, "OK", phonetest.WithTag("b"), phonetest.WithSDP(phonetest.SDP(late.Port(), "PCMA")))
	p.Expect(t, "ACK")
	if c := r.status(t, phone.StatusActive); c.Codec != "PCMA" {
		t.Errorf("%+v", c)
	}
	late.AwaitPackets(t, 3)
	if pt := late.Packets()[0].PT; pt != 8 {
		t.Errorf("payload type %d", pt)
	}
}

// A message above the size of a frame leaves in one datagram all the same.
func TestLongMessages(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	w := r.Message(p.URI("bob"), strings.Repeat("long ", 700))
	m := p.Expect(t, "MESSAGE")
	if len(m.Body) != 3500 {
		t.Errorf("%d octets", len(m.Body))
	}
	p.Reply(m, 200, "OK")
	do(t, w)
	routes := "<sip:" + p.Addr().String() + ";lr;x=" + strings.Repeat("x", 1400) + ">"
	p.Invite(r.uri(), r.addr, offer(), phonetest.WithHeader("Record-Route", routes))
	p.Expect(t, "180", phonetest.Has("Record-Route", routes))
}
