package phone_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"housephone/phone"
	"housephone/phone/phonetest"
)

// The far end holds in each of the three ways and resumes.
func TestFarEndHolds(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	d := r.place(t, p)
	for _, tc := range []struct{ sdp, answer string }{
		{phonetest.SDP(d.rtp.Port(), "PCMA", "a=sendonly"), "recvonly"},
		{phonetest.SDP(d.rtp.Port(), "PCMA", "a=inactive"), "inactive"},
		{strings.Replace(phonetest.SDP(d.rtp.Port(), "PCMA"), "c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0", 1), "recvonly"},
	} {
		d.Invite(tc.sdp)
		ok := p.Expect(t, "200 INVITE", phonetest.HasBody("m=audio"), phonetest.Has("Contact", "sip:"))
		d.Ack(ok)
		if got := direction(ok); got != tc.answer {
			t.Errorf("answer %s, want %s, to\n%s", got, tc.answer, tc.sdp)
		}
		r.call(t, "hold", func(c phone.Call) bool { return c.HeldByFar && !c.Held && c.Status == phone.StatusActive })
		d.Invite(phonetest.SDP(d.rtp.Port(), "PCMA"))
		ok = p.Expect(t, "200 INVITE")
		d.Ack(ok)
		if got := direction(ok); got != "sendrecv" {
			t.Errorf("resumed with %s", got)
		}
		r.call(t, "resume", func(c phone.Call) bool { return !c.HeldByFar })
	}
	d.rtp.AwaitPackets(t, 3)
}

func TestHold(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	d := r.place(t, p)
	for _, on := range []bool{true, false} {
		want := map[bool]string{true: "sendonly", false: "sendrecv"}[on]
		w := r.Hold(0, on)
		re := p.Expect(t, "INVITE", phonetest.Has("To", "tag="))
		if got := direction(re); got != want || re.CallID() != d.CallID {
			t.Errorf("re-INVITE with %s:\n%s", got, re.Raw)
		}
		answer := map[bool]string{true: "a=recvonly", false: "a=sendrecv"}[on]
		p.Reply(re, 200, "OK", phonetest.WithSDP(phonetest.SDP(d.rtp.Port(), "PCMA", answer)))
		p.Expect(t, "ACK")
		do(t, w)
		r.call(t, "hold", func(c phone.Call) bool { return c.Held == on && !c.HeldByFar })
		do(t, r.Hold(0, on)) // nothing to do
	}
	w := r.Hold(0, true) // refused: the call goes on
	p.Reply(p.Expect(t, "INVITE"), 488, "Not Acceptable Here")
	p.Expect(t, "ACK")
	refused(t, w, phone.NotSupported, 488)
	if s := r.snapshot(t); s.Calls[0].Held || s.Calls[0].Status != phone.StatusActive {
		t.Errorf("%+v", s)
	}
	p.ExpectNone(t, "any", 50*time.Millisecond)
	w = r.Hold(0, true)
	again := p.Expect(t, "INVITE")
	refused(t, r.Hold(0, false), phone.Refused, 0) // one at a time
	p.Reply(again, 481, "Gone")                    // RFC 3261 12.2.1.2
	p.Expect(t, "ACK")
	refused(t, w, phone.Failed, 481)
	r.ended(t, phone.CauseFailed, true, 481)
}

// Both ends offer at once: each refuses with 491, and our offer is made again later.
func TestGlare(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	d := r.receive(t, p) // who answered waits at most 2 s
	w := r.Hold(0, true)
	re := p.Expect(t, "INVITE")
	own := d.Invite(phonetest.SDP(d.rtp.Port(), "PCMA", "a=sendonly"))
	p.Ack(own, p.Expect(t, "491"))
	d.Update(phonetest.SDP(d.rtp.Port(), "PCMA"))
	p.Expect(t, "491")
	p.Reply(re, 491, "Request Pending")
	p.Expect(t, "ACK")
	re = p.Expect(t, "INVITE")
	if direction(re) != "sendonly" {
		t.Errorf("the second try:\n%s", re.Raw)
	}
	p.Reply(re, 200, "OK", phonetest.WithSDP(phonetest.SDP(d.rtp.Port(), "PCMA", "a=recvonly")))
	p.Expect(t, "ACK")
	do(t, w)
}

func TestOfferlessReInvite(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	d := r.place(t, p)
	d.Invite("")
	ok := p.Expect(t, "200", phonetest.HasBody("m=audio"))
	second := d.Invite("") // before the ACK
	p.Ack(second, p.Expect(t, "500", phonetest.Has("Retry-After", "")))
	rtp := p.RTP()
	d.Ack(ok, phonetest.WithSDP(phonetest.SDP(rtp.Port(), "PCMU")))
	r.call(t, "PCMU", func(c phone.Call) bool { return c.Codec == "PCMU" })
	rtp.AwaitPackets(t, 3)
	do(t, r.Mute(0, true))
}

// Asterisk moves the media elsewhere right after the answer.
func TestDirectMedia(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	d := r.receive(t, p)
	d.rtp.AwaitPackets(t, 2)
	other := p.RTP()
	d.Invite(phonetest.SDP(other.Port()))
	d.Ack(p.Expect(t, "200"))
	other.AwaitPackets(t, 3)
	third := p.RTP()
	d.Update(phonetest.SDP(third.Port()))
	p.Expect(t, "200 UPDATE", phonetest.HasBody("m=audio"))
	third.AwaitPackets(t, 3)
	// A refused offer changes nothing.
	bad := d.Invite(strange(other.Port()))
	p.Ack(bad, p.Expect(t, "488"))
	third.AwaitPackets(t, 3)
	bad = d.Invite("nonsense")
	p.Ack(bad, p.Expect(t, "400"))
	third.AwaitPackets(t, 3)
	// The 200 is lost on the way: a copy of the INVITE is no second offer.
	again := d.Invite(phonetest.SDP(other.Port()))
	ok := p.Expect(t, "200")
	p.Send(again, r.addr)
	d.Ack(ok)
	other.AwaitPackets(t, 3)
}

// The Contact of a re-INVITE, of an UPDATE or of our own re-INVITE's answer moves the target.
func TestTargetRefresh(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	contact := func(q *phonetest.Peer, user string) phonetest.Opt {
		return phonetest.WithHeader("Contact", "<"+q.URI(user)+">")
	}
	for name, move := range map[string]func(*rig, dialled, *phonetest.Peer){
		"re-INVITE": func(r *rig, d dialled, q *phonetest.Peer) {
			d.Invite(phonetest.SDP(d.rtp.Port()), contact(q, "moved"))
			d.Ack(p.Expect(t, "200"))
		},
		"UPDATE": func(r *rig, d dialled, q *phonetest.Peer) {
			d.Update("", contact(q, "moved"))
			p.Expect(t, "200")
		},
		"answer": func(r *rig, d dialled, q *phonetest.Peer) {
			w := r.Hold(0, true)
			p.Reply(p.Expect(t, "INVITE"), 200, "OK", phonetest.WithSDP(phonetest.SDP(d.rtp.Port())), contact(q, "moved"))
			q.Expect(t, "ACK")
			do(t, w)
		},
	} {
		q := phonetest.NewPeer(t)
		r := newRig(t, nil, p, q)
		d := r.place(t, p)
		move(r, d, q)
		do(t, r.Hangup(0))
		bye := q.Expect(t, "BYE")
		if bye.URI != q.URI("moved") {
			t.Errorf("%s: BYE to %s", name, bye.URI)
		}
		q.Reply(bye, 200, "OK")
	}
}

// Requests follow the recorded route: loose routers by Route, a strict one by the
// Request-URI (RFC 3261 12.2.1.1).
func TestRecordRoute(t *testing.T) {
	t.Parallel()
	for _, lr := range []string{";lr", ""} {
		for _, incoming := range []bool{true, false} {
			p, proxy := phonetest.NewPeer(t), phonetest.NewPeer(t)
			r := newRig(t, nil, p, proxy)
			first := "<sip:" + proxy.Addr().String() + lr + ">"
			second := "<sip:second.example;lr>"
			var d dialled
			if incoming {
				rtp := p.RTP()
				invite := p.Invite(r.uri(), r.addr, phonetest.WithSDP(phonetest.SDP(rtp.Port())),
					phonetest.WithHeader("Record-Route", first), phonetest.WithExtraHeader("Record-Route", second))
				p.Expect(t, "180", phonetest.Has("Record-Route", first))
				r.status(t, phone.StatusRing)
				do(t, r.Answer(0))
				ok := p.Expect(t, "200", phonetest.Has("Record-Route", first))
				d = dialled{invite, ok, rtp, p.Dialog(invite, ok)}
				d.Ack(ok)
			} else {
				w := r.Call(p.URI("bob"))
				p.Reply(p.Expect(t, "INVITE"), 200, "OK", offer(), phonetest.WithHeader("Record-Route", second), phonetest.WithExtraHeader("Record-Route", first))
				proxy.Expect(t, "ACK")
				do(t, w)
			}
			r.status(t, phone.StatusActive)
			do(t, r.Hangup(0))
			bye := proxy.Expect(t, "BYE")
			uri, routes := p.URI("peer"), []string{first, second}
			if lr == "" {
				uri, routes = strings.Trim(first, "<>"), []string{second, "<" + p.URI("peer") + ">"}
			}
			if got := bye.Values("Route"); bye.URI != uri || fmt.Sprint(got) != fmt.Sprint(routes) {
				t.Errorf("incoming %v, %q: BYE %s by %q", incoming, lr, bye.URI, got)
			}
			proxy.Reply(bye, 200, "OK")
		}
	}
}

func TestOrderInDialog(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	d := r.place(t, p)
	d.Send("OPTIONS", phonetest.WithHeader("CSeq", "500 OPTIONS"))
	p.Expect(t, "200")
	d.Send("OPTIONS", phonetest.WithHeader("CSeq", "499 OPTIONS")) // RFC 3261 12.2.2
	p.Expect(t, "500")
	d.Send("BYE", phonetest.WithHeader("CSeq", "2 BYE"))
	p.Expect(t, "500")
	for _, wrong := range []phonetest.Opt{phonetest.WithTag("other"), phonetest.WithHeader("From", "<sip:x@y>;tag=z"), phonetest.WithHeader("Call-ID", "unknown")} {
		for _, method := range []string{"BYE", "INVITE", "UPDATE", "INFO", "REFER"} {
			m := d.Send(method, wrong, phonetest.WithHeader("CSeq", "900 "+method))
			res := p.Expect(t, "481")
			if method == "INVITE" {
				p.Ack(m, res)
			}
		}
	}
	d.Send("SUBSCRIBE", phonetest.WithHeader("CSeq", "901 SUBSCRIBE"))
	p.Expect(t, "405")
	d.Send("BYE", phonetest.WithHeader("CSeq", "2147483647 BYE"))
	p.Expect(t, "200")
	r.ended(t, phone.CauseCompleted, true, 0)
}

// An UPDATE inside of an early dialog (RFC 3311 5.2).
func TestEarlyUpdate(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	w := r.Call(p.URI("bob"))
	invite := p.Expect(t, "INVITE")
	ringing := p.Reply(invite, 180, "Ringing")
	do(t, w)
	d := p.Dialog(invite, ringing)
	d.Update(phonetest.SDP(4000)) // our own offer is not answered
	p.Expect(t, "491")
	d.Update("")
	p.Expect(t, "200 UPDATE", phonetest.HasNo("Content-Type"))
	p.Reply(invite, 183, "Session Progress", phonetest.WithSDP(phonetest.SDP(4000, "PCMA")))
	rtp := p.RTP()
	r.call(t, "PCMA", func(c phone.Call) bool { return c.Codec == "PCMA" })
	d.Update(phonetest.SDP(rtp.Port(), "PCMU"))
	p.Expect(t, "200 UPDATE", phonetest.HasBody("PCMU"))
	r.call(t, "PCMU", func(c phone.Call) bool { return c.Codec == "PCMU" && c.Status == phone.StatusDial })
	p.Reply(invite, 200, "OK")
	p.Expect(t, "ACK")
	r.status(t, phone.StatusActive)
	rtp.AwaitPackets(t, 3)

	r2 := newRig(t, nil, p)
	in := p.Invite(r2.uri(), r2.addr, offer())
	res := p.Expect(t, "180")
	d2 := p.Dialog(in, res)
	d2.Update(phonetest.SDP(4000)) // its offer is not answered
	p.Expect(t, "500", phonetest.Has("Retry-After", ""))
	d2.Update("")
	p.Expect(t, "200 UPDATE")
	d2.Bye()
	p.ExpectAll(t, "200 BYE", "487 INVITE")
	r2.ended(t, phone.CauseCancelled, true, 487)
}
