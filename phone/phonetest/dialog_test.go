package phonetest

import (
	"net"
	"slices"
	"testing"
)

// established makes a call from a to b through two proxies that record their route.
func established(t *testing.T, a, b *Peer) (caller, callee *Dialog) {
	t.Helper()
	routes := []Opt{WithExtraHeader("Record-Route", "<sip:p2;lr>, <sip:p1;lr>"), WithExtraHeader("Record-Route", "<sip:p0;lr>")}
	invite := a.Invite(b.URI("bob"), b.Addr(), append(routes, WithFrom("sip:anna@home"), WithTo("sip:bob@home"))...)
	in := b.Expect(t, "INVITE", Has("From", "<sip:anna@home>;tag="), Has("To", "<sip:bob@home>"))
	accepted := b.Reply(in, 200, "OK", WithTag("b-tag"))
	ok := a.Expect(t, "200 INVITE", Has("To", ";tag=b-tag"))
	a.Ack(invite, ok)
	b.Expect(t, "ACK")
	return a.Dialog(invite, ok), b.Dialog(in, accepted)
}

func TestDialogRequests(t *testing.T) {
	a, b := NewPeer(t), NewPeer(t)
	caller, callee := established(t, a, b)
	for _, tc := range []struct {
		send  func() *Msg
		what  string
		match []Match
	}{
		{func() *Msg { return caller.Update(SDP(4000, "PCMU")) }, "UPDATE", []Match{HasBody("PCMU"), Has("Contact", "peer@")}},
		{func() *Msg { return caller.Update("") }, "UPDATE", []Match{HasNo("Content-Type")}},
		{func() *Msg { return caller.Refer("sip:carl@home") }, "REFER", []Match{Has("Refer-To", "<sip:carl@home>")}},
		{func() *Msg { return caller.Notify("active", "100 Trying") }, "NOTIFY", []Match{Has("Subscription-State", "active"), HasBody("SIP/2.0 100 Trying")}},
		{func() *Msg { return caller.Info("application/dtmf", "5") }, "INFO", []Match{HasBody("5")}},
		{func() *Msg { return caller.Prack(&Msg{Headers: []Header{{"RSeq", "7"}, {"CSeq", "1 INVITE"}}}) }, "PRACK", []Match{Has("RAck", "7 1 INVITE")}},
		{func() *Msg { return caller.Bye(WithoutHeader("Max-Forwards")) }, "BYE", []Match{HasNo("Max-Forwards"), HasNo("Contact")}},
	} {
		sent := tc.send()
		got := b.Expect(t, tc.what, tc.match...)
		if routes := got.Values("Route"); !slices.Equal(routes, []string{"<sip:p0;lr>", "<sip:p1;lr>", "<sip:p2;lr>"}) {
			t.Errorf("%s: routes of the caller are %q", tc.what, routes)
		}
		if n, _ := got.CSeq(); n < 2 || got.CallID() != sent.CallID() {
			t.Errorf("%s: CSeq %d", tc.what, n)
		}
		b.Reply(got, 200, "OK")
		a.Expect(t, "200 "+tc.what)
	}
	callee.Send("OPTIONS")
	callee.Send("MESSAGE", WithBody("text/plain", "hello"))
	m := a.Await(t, "MESSAGE")
	if routes := m.Values("Route"); !slices.Equal(routes, []string{"<sip:p2;lr>", "<sip:p1;lr>", "<sip:p0;lr>"}) {
		t.Errorf("routes of the callee are %q", routes)
	}
	if m.FromTag() != "b-tag" || m.Header("From") != "<sip:bob@home>;tag=b-tag" {
		t.Errorf("From %q", m.Header("From"))
	}
}

func TestRegisterReply(t *testing.T) {
	a, b := NewPeer(t), NewPeer(t)
	a.Send(a.Request("REGISTER", b.URI(""), WithHeader("Contact", "<sip:x@y>"), WithHeader("Expires", "300")), b.Addr())
	b.Reply(b.Expect(t, "REGISTER"), 200, "OK")
	a.Expect(t, "200 REGISTER", Has("Contact", "<sip:x@y>"), Has("Expires", "300"))
}

func TestMediaAddr(t *testing.T) {
	for body, want := range map[string]string{
		SDP(4000): "127.0.0.1:4000",
		"c=IN IP4 1.1.1.1\r\nm=video 1 RTP/AVP 99\r\nc=IN IP4 2.2.2.2\r\nm=audio 5 RTP/AVP 8\r\n":         "1.1.1.1:5",
		"c=IN IP4 1.1.1.1\nm=audio 5 RTP/AVP 8\nc=IN IP4 3.3.3.3\nm=video 7 RTP/AVP 99\nc=IN IP4 4.4.4.4": "3.3.3.3:5",
		"m=audio 5 RTP/AVP 8": "invalid AddrPort",
		"":                    "invalid AddrPort",
	} {
		if got := (&Msg{Body: []byte(body)}).MediaAddr().String(); got != want {
			t.Errorf("%q: %s, want %s", body, got, want)
		}
	}
}

func TestReportsAndOddRTP(t *testing.T) {
	a, b := NewRTP(t), NewRTP(t)
	control := net.UDPAddrFromAddrPort(addrPort(b.ctrl.LocalAddr()))
	if control.Port != b.Port()+1 {
		t.Fatalf("RTCP port %d beside %d", control.Port, b.Port())
	}
	to := b.Addr()
	for _, raw := range []string{"short", "\x00\x00123456789012", "\x80\xc81234567890"} { // too short, wrong version, RTCP
		if _, err := a.conn.WriteToUDPAddrPort([]byte(raw), to); err != nil {
			t.Fatal(err)
		}
	}
	csrc := "\x91\x08\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03CSRC\xbe\xde\x00\x01EXT!hi" // one CSRC, one word of extension
	if _, err := a.conn.WriteToUDPAddrPort([]byte(csrc), to); err != nil {
		t.Fatal(err)
	}
	b.Await(t, "1 packet", func(r *RTP) bool { return r.Count() == 1 })
	if p := b.Packets()[0]; string(p.Payload) != "hi" || p.PT != 8 || p.Seq != 1 || p.TS != 2 || p.SSRC != 3 {
		t.Errorf("%+v", p)
	}
	if _, err := a.conn.WriteToUDP([]byte("report"), control); err != nil {
		t.Fatal(err)
	}
	a.Tone(to, 0, 440, 0)
	b.Await(t, "report", func(r *RTP) bool {
		a.Tone(to, 0, 440, frameTime)
		return len(r.Reports()) == 1
	})
}
