package phone_test

import (
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"housephone/phone"
	"housephone/phone/phonetest"
)

func offer() phonetest.Opt { return phonetest.WithSDP(phonetest.SDP(4000)) }

func TestIncomingAnswered(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	invite := p.Invite(r.uri(), r.addr, offer(), phonetest.WithFrom("sip:anna@home.example"))
	ringing := p.Expect(t, "180", phonetest.Has("To", ";tag="), phonetest.Has("Contact", "sip:phone@"+r.addr.String()), phonetest.HasBody(""))
	in := next[phone.Incoming](t, r).Call
	if in.Remote.URI != "sip:anna@home.example" || in.Remote.User != "anna" || in.Local != "phone" || in.Slot != 1 || in.Direction != phone.In {
		t.Errorf("%+v", in)
	}
	do(t, r.Answer(0))
	ok := p.Expect(t, "200", phonetest.HasBody("m=audio"), phonetest.Has("Allow", "PRACK"))
	if ok.ToTag() != ringing.ToTag() {
		t.Errorf("tag %q, then %q", ringing.ToTag(), ok.ToTag())
	}
	d := p.Dialog(invite, ok)
	d.Ack(ok)
	if c := r.status(t, phone.StatusActive); c.Codec != "PCMA" || c.Answered.IsZero() {
		t.Errorf("%+v", c)
	}
	refused(t, r.Answer(0), phone.Refused, 0)
	do(t, r.Hangup(0))
	p.Reply(p.Expect(t, "BYE"), 200, "OK")
	r.ended(t, phone.CauseCompleted, false, 0)
	r.noCalls(t)
}

func TestFarEndHangsUp(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	d := r.receive(t, p)
	d.Bye()
	p.Expect(t, "200 BYE")
	r.ended(t, phone.CauseCompleted, true, 0)
	d.Bye() // of a dialog that is gone
	p.Expect(t, "481 BYE")
	if n := count[phone.Ended](r); n != 1 {
		t.Errorf("%d records", n)
	}
}

// A BYE ends the call whatever is answered to it, or nothing.
func TestByeAnswers(t *testing.T) {
	t.Parallel()
	for _, code := range []int{200, 408, 481, 403, 0} {
		p := phonetest.NewPeer(t)
		r := newRig(t, func(c *phone.Config) { c.Timers = quick }, p)
		r.receive(t, p)
		do(t, r.Hangup(0))
		r.ended(t, phone.CauseCompleted, false, 0)
		bye := p.Expect(t, "BYE")
		if code != 0 {
			p.Reply(bye, code, "Whatever")
		}
		r.drained(t)
		r.noCalls(t)
	}
}

// drained waits until no transaction is alive.
func (r *rig) drained(t testing.TB) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		s := r.Stats()
		if s.ClientTransactions+s.ServerTxs == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("transactions are left: %+v", s)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestDeclined(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	invite := p.Invite(r.uri(), r.addr, offer())
	p.Expect(t, "180")
	r.status(t, phone.StatusRing)
	do(t, r.Hangup(0))
	p.Ack(invite, p.Expect(t, "603"))
	r.ended(t, phone.CauseDeclined, false, 603)
	r.noCalls(t)
}

func TestRingTimeout(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.RingTimeout = 100 * time.Millisecond }, p)
	invite := p.Invite(r.uri(), r.addr, offer())
	p.Expect(t, "180")
	p.Ack(invite, p.Expect(t, "480"))
	r.ended(t, phone.CauseNoAnswer, false, 480)
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	for reason, cause := range map[string]phone.Cause{
		"": phone.CauseCancelled,
		`SIP;cause=200;text="Call completed elsewhere"`:   phone.CauseElsewhere,
		`SIP ;cause=200 ;text="Call completed elsewhere"`: phone.CauseElsewhere,
		`SIP;cause=600;text="Busy everywhere"`:            phone.CauseCancelled,
		`Q.850;cause=16`:                                  phone.CauseCancelled,
	} {
		p := phonetest.NewPeer(t)
		r := newRig(t, nil, p)
		invite := p.Invite(r.uri(), r.addr, offer())
		p.Expect(t, "180")
		var opts []phonetest.Opt
		if reason != "" {
			opts = append(opts, phonetest.WithHeader("Reason", reason))
		}
		p.Cancel(invite, opts...)
		p.Expect(t, "200 CANCEL")
		p.Ack(invite, p.Expect(t, "487 INVITE"))
		r.ended(t, cause, true, 487)
		r.noCalls(t)
	}
}

// A CANCEL after the answer has no effect but its own 200 (RFC 3261 9.2).
func TestCancelTooLate(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	invite := p.Invite(r.uri(), r.addr, offer())
	p.Expect(t, "180")
	r.status(t, phone.StatusRing)
	do(t, r.Answer(0))
	ok := p.Expect(t, "200 INVITE")
	p.Cancel(invite)
	p.Expect(t, "200 CANCEL")
	d := p.Dialog(invite, ok)
	d.Ack(ok)
	if s := r.snapshot(t); len(s.Calls) != 1 || s.Calls[0].Status != phone.StatusActive {
		t.Fatalf("%+v", s)
	}
	unknown := p.Request("INVITE", r.uri())
	p.Send(unknown, r.addr) // a CANCEL of nothing
	p.Expect(t, "486")
	cancel := p.Request("CANCEL", r.uri())
	p.Send(cancel, r.addr)
	p.Expect(t, "481 CANCEL")
	d.Bye()
	p.Expect(t, "200 BYE")
}

func TestSecondCaller(t *testing.T) {
	t.Parallel()
	p, q := phonetest.NewPeer(t), phonetest.NewPeer(t)
	r := newRig(t, nil, p, q)
	r.receive(t, p)
	invite := q.Invite(r.uri(), r.addr, offer(), phonetest.WithFrom("sip:second@q"))
	q.Ack(invite, q.Expect(t, "486"))
	if e := next[phone.RefusedCall](t, r); e.Remote.User != "second" {
		t.Errorf("%+v", e)
	}
	if s := r.snapshot(t); len(s.Calls) != 1 || s.Calls[0].Status != phone.StatusActive {
		t.Errorf("%+v", s)
	}
	refused(t, r.Call(q.URI("x")), phone.Busy, 0)
}

// Three calls at a time, each with its slot; what ends frees it.
func TestSeveralCalls(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.MaxCalls = 3 }, p)
	first := r.receive(t, p)
	for range 2 {
		p.Invite(r.uri(), r.addr, offer())
		p.Expect(t, "180")
	}
	p.Invite(r.uri(), r.addr, offer())
	p.Expect(t, "486")
	do(t, r.Answer(3))
	p.Expect(t, "200")
	if s := r.snapshot(t); len(s.Calls) != 3 || s.Current != 3 || s.Calls[1].Status != phone.StatusRing {
		t.Fatalf("%+v", s)
	}
	first.Bye()
	p.Await(t, "200 BYE")
	do(t, r.Hangup(2))
	p.Await(t, "603")
	if s := r.snapshot(t); len(s.Calls) != 1 || s.Current != 3 || s.Calls[0].Slot != 3 {
		t.Fatalf("%+v", s)
	}
	refused(t, r.Hangup(2), phone.Refused, 0)
	refused(t, r.Hangup(4), phone.Invalid, 0)
}

func TestDoNotDisturb(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.DND = true }, p)
	p.Ack(p.Invite(r.uri(), r.addr, offer()), p.Expect(t, "486"))
	r.ended(t, phone.CauseDeclined, false, 486)
	do(t, r.SetDND(false))
	p.Invite(r.uri(), r.addr, offer())
	p.Expect(t, "180")
}

// The answer to our offer comes in the ACK.
func TestOfferlessInvite(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	rtp := p.RTP()
	invite := p.Invite(r.uri(), r.addr)
	p.Expect(t, "180", phonetest.HasNo("Content-Type"))
	r.status(t, phone.StatusRing)
	do(t, r.Answer(0))
	ok := p.Expect(t, "200", phonetest.HasBody("m=audio"), phonetest.HasBody("telephone-event"))
	d := p.Dialog(invite, ok)
	d.Ack(ok, phonetest.WithSDP(phonetest.SDP(rtp.Port(), "PCMU")))
	r.call(t, "codec", func(c phone.Call) bool { return c.Codec == "PCMU" })
	rtp.AwaitPackets(t, 3)
	d.Bye()
	p.Expect(t, "200 BYE")

	invite = p.Invite(r.uri(), r.addr) // and an ACK without it
	p.Expect(t, "180")
	do(t, r.Answer(0))
	ok = p.Expect(t, "200")
	p.Ack(invite, ok)
	p.Reply(p.Expect(t, "BYE"), 200, "OK")
	next[phone.Ended](t, r)
	r.ended(t, phone.CauseFailed, false, 0)
}

func TestRefusedRequests(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	with := func(o ...phonetest.Opt) []phonetest.Opt { return o }
	for _, tc := range []struct {
		name, method, uri string
		opts              []phonetest.Opt
		want              string
		match             []phonetest.Match
	}{
		{"bad SDP", "INVITE", "", with(phonetest.WithSDP("nonsense")), "400", nil},
		{"no common codec", "INVITE", "", with(phonetest.WithSDP(strange(4000))), "488", nil},
		{"video only", "INVITE", "", with(phonetest.WithSDP("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 4000 RTP/AVP 99\r\n")), "488", nil},
		{"SRTP only", "INVITE", "", with(phonetest.WithSDP(strings.Replace(phonetest.SDP(4000), "RTP/AVP", "RTP/SAVP", 1))), "488", nil},
		{"extension", "INVITE", "", with(offer(), phonetest.WithHeader("Require", "timer, precondition, foo")), "420", []phonetest.Match{phonetest.Has("Unsupported", "precondition, foo")}},
		{"body type", "INVITE", "", with(phonetest.WithBody("application/cpl+xml", "<x/>")), "415", []phonetest.Match{phonetest.Has("Accept", "application/sdp")}},
		{"body coding", "INVITE", "", with(offer(), phonetest.WithHeader("Content-Encoding", "gzip")), "415", []phonetest.Match{phonetest.Has("Accept-Encoding", "identity")}},
		{"scheme", "INVITE", "http://example.com", with(offer()), "416", nil},
		{"tiny session", "INVITE", "", with(offer(), phonetest.WithHeader("Session-Expires", "30"), phonetest.WithHeader("Supported", "timer")), "422", []phonetest.Match{phonetest.Has("Min-SE", "90")}},
		{"unknown method", "FROBNICATE", "", nil, "501", []phonetest.Match{phonetest.Has("Allow", "INVITE")}},
		{"register", "REGISTER", "", nil, "405", []phonetest.Match{phonetest.Has("Allow", "INVITE")}},
		{"subscribe", "SUBSCRIBE", "", nil, "405", nil},
		{"refer outside", "REFER", "", nil, "405", nil},
		{"BYE outside", "BYE", "", nil, "481", nil},
		{"notify", "NOTIFY", "", with(phonetest.WithHeader("Event", "presence")), "489", []phonetest.Match{phonetest.Has("Allow-Events", "refer")}},
		{"message waiting", "NOTIFY", "", with(phonetest.WithHeader("Event", "message-summary")), "200", nil},
		{"message type", "MESSAGE", "", with(phonetest.WithBody("text/html", "<b>")), "415", nil},
		{"foreign dialog", "INVITE", "", with(offer(), phonetest.WithTag("nobody")), "481", nil},
		{"method of CSeq", "OPTIONS", "", with(phonetest.WithHeader("CSeq", "1 INFO")), "400", nil},
	} {
		uri := tc.uri
		if uri == "" {
			uri = r.uri()
		}
		req := p.Request(tc.method, uri, tc.opts...)
		p.Send(req, r.addr)
		res := p.Expect(t, tc.want, tc.match...)
		if res.CallID() != req.CallID() {
			t.Fatalf("%s: %s", tc.name, res.Raw)
		}
		if tc.method == "INVITE" {
			p.Ack(req, res)
		}
		if s := r.snapshot(t); len(s.Calls) != 0 {
			t.Fatalf("%s: %+v", tc.name, s)
		}
	}
	if n := count[phone.Incoming](r); n != 0 {
		t.Errorf("%d calls rang", n)
	}
}

// What is odd but right is taken.
func TestOddInvites(t *testing.T) {
	t.Parallel()
	odd := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns= \r\ni=what\r\nu=http://x\r\ne=a@b\r\nc=IN IP4 127.0.0.1\r\nb=AS:64\r\nt=0 0\r\nk=clear:x\r\na=odd\r\n" +
		"m=video 5000 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\nm=audio 4000 RTP/AVP 96 0\r\na=rtpmap:96 foo/8000\r\na=weird:1 2 3\r\nm=image 0 udptl t38\r\n"
	for name, opts := range map[string][]phonetest.Opt{
		"tel":            {offer(), func(m *phonetest.Msg) { m.URI = "tel:+390512345" }},
		"video":          {phonetest.WithSDP(odd)},
		"other body":     {phonetest.WithBody("application/cpl+xml", "<x/>"), phonetest.WithHeader("Content-Disposition", "render;handling=optional")},
		"hops":           {offer(), phonetest.WithHeader("Max-Forwards", "0")},
		"no hops":        {offer(), phonetest.WithoutHeader("Max-Forwards")},
		"known require":  {offer(), phonetest.WithHeader("Require", "timer")},
		"case of type":   {phonetest.WithBody("Application/SDP ;charset=utf-8", phonetest.SDP(4000))},
		"long":           {offer(), phonetest.WithHeader("X-Long", strings.Repeat("long ", 1000))},
		"odd name":       {offer(), phonetest.WithHeader("From", `"A \"quoted\" <name>" <sip:x@y>;tag=1`)},
		"no user in URI": {offer(), func(m *phonetest.Msg) { m.URI = strings.Replace(m.URI, "phone@", "", 1) }},
	} {
		t.Run(name, func(t *testing.T) {
			p := phonetest.NewPeer(t)
			r := newRig(t, nil, p)
			p.Invite(r.uri(), r.addr, opts...)
			p.Expect(t, "180")
			r.status(t, phone.StatusRing)
			do(t, r.Answer(0))
			ok := p.Expect(t, "200")
			if name == "video" && (strings.Count(string(ok.Body), "m=") != 3 || !strings.Contains(string(ok.Body), "m=video 0 ")) {
				t.Errorf("answer:\n%s", ok.Body)
			}
		})
	}
}

// One request that comes by two ways is one call (RFC 3261 8.2.2.2).
func TestMergedRequest(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	invite := p.Invite(r.uri(), r.addr, offer())
	p.Expect(t, "180")
	other := *invite
	other.Headers = append([]phonetest.Header(nil), invite.Headers...)
	other.Set("Via", strings.Replace(invite.Header("Via"), "branch=z9hG4bK", "branch=z9hG4bKx", 1))
	p.Send(&other, r.addr)
	p.Expect(t, "482")
	p.Send(invite, r.addr) // a copy, on the other hand, gets the 180 again
	p.KeepCopies()
	p.Expect(t, "180")
	if n := count[phone.Incoming](r); n != 1 {
		t.Errorf("%d calls", n)
	}
}

func TestAutoAnswer(t *testing.T) {
	t.Parallel()
	anna := phone.Patterns{"anna"}
	for _, tc := range []struct {
		name   string
		change func(*phone.Config)
		header [2]string
		from   string
		want   bool
	}{
		{name: "off"},
		{"setting", func(c *phone.Config) { c.AutoAnswer = true }, [2]string{}, "", true},
		{"delay", func(c *phone.Config) { c.AutoAnswer, c.AutoAnswerDelay = true, 50*time.Millisecond }, [2]string{}, "", true},
		{"stranger's wish", nil, [2]string{"Answer-Mode", "Auto"}, "sip:anna@x", false},
		{"wish", func(c *phone.Config) { c.AutoAnswerFor = anna }, [2]string{"Answer-Mode", "Auto;require"}, "sip:anna@x", true},
		{"wish of another", func(c *phone.Config) { c.AutoAnswerFor = anna }, [2]string{"Answer-Mode", "Auto"}, "sip:eve@x", false},
		{"call-info", func(c *phone.Config) { c.AutoAnswerFor = anna }, [2]string{"Call-Info", "<sip:x>;answer-after=0"}, "sip:anna@x", true},
		{"alert-info", func(c *phone.Config) { c.AutoAnswerFor = anna }, [2]string{"Alert-Info", "<http://x>;info=alert-autoanswer"}, "sip:anna@x", true},
		{"other alert", func(c *phone.Config) { c.AutoAnswerFor = anna }, [2]string{"Alert-Info", "<http://x>;info=bellcore-dr2"}, "sip:anna@x", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := phonetest.NewPeer(t)
			r := newRig(t, tc.change, p)
			opts := []phonetest.Opt{offer()}
			if tc.header[0] != "" {
				opts = append(opts, phonetest.WithHeader(tc.header[0], tc.header[1]), phonetest.WithFrom(tc.from))
			}
			p.Invite(r.uri(), r.addr, opts...)
			p.Expect(t, "180")
			if tc.want {
				p.Expect(t, "200")
			} else {
				p.ExpectNone(t, "200", 150*time.Millisecond)
			}
		})
	}
}

// Who calls is who the account's server says (RFC 3325), also for whose wish opens the microphone; a caller's own word
// does not count then, and nobody else's assertion ever.
func TestAssertedCaller(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, from, asserted string
		server               bool
		want                 string
		answered             bool
	}{
		{"forged", "sip:anna@x", `"Eve" <sip:eve@x>`, true, "eve", false},
		{"vouched for", "sip:anonymous@anonymous.invalid", "<sip:anna@x>, <tel:+4989>", true, "anna", true},
		{"a number", "sip:anna@x", "<tel:+4989>", true, "anna", true},
		{"by a stranger", "sip:eve@x", "<sip:anna@x>", false, "eve", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := phonetest.NewPeer(t)
			r := newRig(t, func(c *phone.Config) {
				if tc.server {
					account200(p)(c)
				}
				c.AutoAnswerFor = phone.Patterns{"anna"}
			}, p)
			if tc.server {
				r.registered(t, true)
			}
			p.Invite(r.uri(), r.addr, offer(), phonetest.WithFrom(tc.from), with("Answer-Mode", "Auto"), with("P-Asserted-Identity", tc.asserted))
			p.Expect(t, "180")
			if tc.answered {
				p.Expect(t, "200 INVITE")
			} else {
				p.ExpectNone(t, "200 INVITE", 150*time.Millisecond)
			}
			if c := r.snapshot(t).Calls[0]; c.Remote.User != tc.want {
				t.Errorf("%+v calls, want %s", c.Remote, tc.want)
			}
		})
	}
}

// Who may not ring gets no word.
func TestStranger(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.AllowFrom = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
	for _, method := range []string{"INVITE", "OPTIONS", "MESSAGE", "BYE"} {
		p.Send(p.Request(method, r.uri(), offer()), r.addr)
	}
	p.ExpectNone(t, "any", 200*time.Millisecond)
	if s := r.Stats(); s.Transport.Refused != 4 || s.ServerTxs != 0 {
		t.Errorf("%+v", s)
	}
}

// The 200 is repeated with doubling intervals until 64*T1, then the call ends with BYE (RFC 3261 13.3.1.4).
func TestAnswerNeverAcknowledged(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.Timers = quick }, p)
	p.Invite(r.uri(), r.addr, offer())
	p.Expect(t, "180")
	r.status(t, phone.StatusRing)
	do(t, r.Answer(0))
	ok := p.Expect(t, "200")
	bye := p.Expect(t, "BYE") // the copies between are skipped
	p.Reply(bye, 200, "OK")
	r.ended(t, phone.CauseFailed, false, 0)
	// at 20, 60, 140, 300, then every 160 ms to 1280: 10 copies; fewer where timers come late
	if n := p.Copies(ok); n < 5 || n > 11 {
		t.Errorf("%d copies of the 200", n)
	}
	if d := bye.At.Sub(ok.At); d < 1200*time.Millisecond {
		t.Errorf("BYE after %v, want 64*T1", d)
	}
	r.drained(t)
}

// The ACK ends the repetition, also one with the branch of the INVITE.
func TestAnswerAcknowledged(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.Timers = quick }, p)
	invite := p.Invite(r.uri(), r.addr, offer())
	p.Expect(t, "180")
	r.status(t, phone.StatusRing)
	do(t, r.Answer(0))
	ok := p.Expect(t, "200")
	p.AwaitCount(t, "200", 3)
	p.Dialog(invite, ok).Ack(ok, phonetest.WithHeader("Via", invite.Header("Via")))
	time.Sleep(50 * time.Millisecond)
	n := p.Copies(ok)
	time.Sleep(300 * time.Millisecond)
	if now := p.Copies(ok); now != n {
		t.Errorf("%d more copies after the ACK", now-n)
	}
	p.Send(invite, r.addr) // absorbed
	if s := r.snapshot(t); len(s.Calls) != 1 {
		t.Errorf("%+v", s)
	}
}

func TestEarlyMediaToCaller(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.EarlyMedia = true }, p)
	invite := p.Invite(r.uri(), r.addr, offer())
	early := p.Expect(t, "183", phonetest.HasBody("m=audio"))
	r.status(t, phone.StatusRing)
	do(t, r.Answer(0))
	ok := p.Expect(t, "200")
	if string(ok.Body) != string(early.Body) { // RFC 3261 13.2.1
		t.Errorf("183 says\n%s200 says\n%s", early.Body, ok.Body)
	}
	p.Ack(invite, ok)
}

func TestStandInRefuses(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	r.receive(t, p)
	do(t, r.SetActive(false))
	p.Reply(p.Expect(t, "BYE"), 200, "OK")
	r.ended(t, phone.CauseCompleted, false, 0)
	p.Invite(r.uri(), r.addr, offer())
	p.Expect(t, "480")
	refused(t, r.Call(p.URI("x")), phone.Refused, 0)
	do(t, r.SetActive(true))
	p.Invite(r.uri(), r.addr, offer())
	p.Expect(t, "180")
	do(t, r.SetActive(false))
	p.Expect(t, "480")
	r.ended(t, phone.CauseDeclined, false, 480)
}

// An instance that has lost its role finds out before it does anything: also before anybody has told it.
func TestRoleIsAskedFirst(t *testing.T) {
	t.Parallel()
	var may, alone atomic.Bool
	may.Store(true)
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.MayAct, c.MayUnregister = may.Load, alone.Load }, p)
	r.receive(t, p)
	may.Store(false)
	second := p.Invite(r.uri(), r.addr, offer())
	p.Reply(p.Expect(t, "BYE"), 200, "OK") // the call in progress ends first
	p.Expect(t, "480", phonetest.Has("Call-ID", second.Header("Call-ID")))
	r.ended(t, phone.CauseCompleted, false, 0)
	refused(t, r.Call(p.URI("x")), phone.Refused, 0)
	do(t, r.SetActive(true)) // asked for too late
	if r.snapshot(t).Active {
		t.Error("active without the role")
	}
	p.Send(p.Request("OPTIONS", r.uri()), r.addr)
	p.Expect(t, "480")
	may.Store(true)
	do(t, r.SetActive(true))
	p.Invite(r.uri(), r.addr, offer())
	p.Expect(t, "180")
}

func TestStandbyStartsSilent(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.Standby = true }, p)
	if r.snapshot(t).Active {
		t.Error("active from the start")
	}
	p.Invite(r.uri(), r.addr, offer())
	p.Expect(t, "480")
	refused(t, r.Call(p.URI("x")), phone.Refused, 0)
	refused(t, r.Message(p.URI("x"), "hello"), phone.Refused, 0)
}
