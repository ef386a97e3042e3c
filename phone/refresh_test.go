package phone_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"housephone/phone"
	"housephone/phone/phonetest"
)

func origin(m *phonetest.Msg) string {
	for _, l := range lines(m) {
		if strings.HasPrefix(l, "o=") {
			return l
		}
	}
	return ""
}

// renewed waits for the session timer that the answer to a refresh sets.
func (r *rig) renewed(t testing.TB) {
	t.Helper()
	for range 400 {
		if interval, _ := r.Session(); interval == 90*time.Second {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the session was not renewed")
}

func with(name, value string) phonetest.Opt { return phonetest.WithHeader(name, value) }

// We refresh: by UPDATE where the far end takes it, else by a re-INVITE that changes nothing (RFC 4028 7.4).
func TestWeRefresh(t *testing.T) {
	t.Parallel()
	for _, allow := range []string{"INVITE, ACK, BYE, UPDATE", "INVITE, ACK, BYE"} {
		p := phonetest.NewPeer(t)
		r := newRig(t, nil, p)
		d := r.place(t, p, with("Allow", allow), with("Session-Expires", "1800;refresher=uac"), with("Require", "timer"))
		if interval, we := r.Session(); interval != 1800*time.Second || !we {
			t.Fatalf("%v, %v", interval, we)
		}
		do(t, r.ShortenSession(200*time.Millisecond))
		for range 2 {
			m := p.Expect(t, "any")
			want := "UPDATE"
			if !strings.Contains(allow, "UPDATE") {
				want = "INVITE"
			}
			if m.Method != want || m.Header("Session-Expires") == "" || !strings.Contains(m.Header("Session-Expires"), "refresher=uac") {
				t.Fatalf("refresh by\n%s", m.Raw)
			}
			opts := []phonetest.Opt{with("Session-Expires", "90;refresher=uac")}
			if want == "INVITE" {
				if origin(m) != origin(d.invite) { // unchanged, version and all
					t.Errorf("%s, before %s", origin(m), origin(d.invite))
				}
				opts = append(opts, phonetest.WithSDP(phonetest.SDP(d.rtp.Port())))
			}
			p.Reply(m, 200, "OK", opts...)
			if want == "INVITE" {
				p.Expect(t, "ACK")
			}
			r.renewed(t)
			do(t, r.ShortenSession(200*time.Millisecond))
		}
	}
}

// A refresh that is refused is made again another way or later; 481 and 408 end the call.
func TestRefreshRefused(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	d := r.place(t, p, with("Allow", "UPDATE"), with("Session-Expires", "1800;refresher=uac"))
	do(t, r.ShortenSession(200*time.Millisecond))
	p.Reply(p.Expect(t, "UPDATE"), 405, "Method Not Allowed")
	re := p.Expect(t, "INVITE")
	p.Reply(re, 500, "Whatever")
	p.Expect(t, "ACK")
	re = p.Expect(t, "INVITE")
	p.Reply(re, 200, "OK", phonetest.WithSDP(phonetest.SDP(d.rtp.Port())), with("Session-Expires", "90;refresher=uac"))
	p.Expect(t, "ACK")
	w := r.Hold(0, true) // the line is free for other changes again
	p.Reply(p.Expect(t, "INVITE"), 200, "OK", phonetest.WithSDP(phonetest.SDP(d.rtp.Port(), "PCMA", "a=recvonly")), with("Session-Expires", "90;refresher=uac"))
	p.Expect(t, "ACK")
	do(t, w)
	r.renewed(t)
	do(t, r.ShortenSession(100*time.Millisecond))
	re = p.Expect(t, "INVITE")
	if direction(re) != "sendonly" { // the refresh does not resume
		t.Errorf("refresh of a held call:\n%s", re.Raw)
	}
	p.Reply(re, 408, "Request Timeout")
	p.Expect(t, "ACK")
	r.ended(t, phone.CauseFailed, true, 408)
}

// The far end has to refresh and does, then does not any more: BYE (RFC 4028 10).
func TestFarEndRefreshes(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	d := r.receive(t, p, with("Session-Expires", "120"), with("Supported", "timer"))
	if got := d.ok.Header("Session-Expires"); got != "120;refresher=uac" || d.ok.Header("Require") != "timer" {
		t.Errorf("Session-Expires %q", got)
	}
	const life = 2 * time.Second // three refreshes take longer
	do(t, r.ShortenSession(life))
	for i := range 4 {
		time.Sleep(life * 3 / 8)
		if i%2 == 0 {
			d.Update("", with("Session-Expires", "120;refresher=uac"), with("Supported", "timer"))
			p.Expect(t, "200 UPDATE", phonetest.Has("Session-Expires", "120;refresher=uac"))
		} else {
			d.Invite(phonetest.SDP(d.rtp.Port()), with("Session-Expires", "120;refresher=uac"), with("Supported", "timer"))
			ok := p.Expect(t, "200 INVITE", phonetest.Has("Session-Expires", "120;refresher=uac"))
			d.Ack(ok)
		}
		do(t, r.ShortenSession(life))
	}
	p.Reply(p.Expect(t, "BYE"), 200, "OK")
	r.ended(t, phone.CauseFailed, true, 408)
}

func TestSessionRoles(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		expires, supported, want string
		we                       bool
	}{
		{"1800;refresher=uas", "timer", "1800;refresher=uas", true},
		{"1800;refresher=uac", "timer", "1800;refresher=uac", false},
		{"1800", "", "1800;refresher=uas", true}, // the caller knows nothing of it
		{"10", "", "90;refresher=uas", true},
		{"", "timer", "", false},
		{"nonsense", "timer", "", false},
	} {
		p := phonetest.NewPeer(t)
		r := newRig(t, nil, p)
		d := r.receive(t, p, with("Session-Expires", tc.expires), with("Supported", tc.supported))
		if got := d.ok.Header("Session-Expires"); got != tc.want {
			t.Errorf("%+v: answer %q", tc, got)
		}
		if interval, we := r.Session(); we != tc.we && interval > 0 {
			t.Errorf("%+v: %v, we %v", tc, interval, we)
		}
		small := d.Update("", with("Session-Expires", "20"), with("Supported", "timer"))
		p.Expect(t, "422", phonetest.Has("Min-SE", "90"))
		if small.CallID() != d.CallID {
			t.Fatal(small)
		}
		d.Bye()
		p.Expect(t, "200 BYE")
	}
}

// Reliable ringing, as the callee (RFC 3262).
func TestPrackAsCallee(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.EarlyMedia = true }, p)
	rtp := p.RTP()
	invite := p.Invite(r.uri(), r.addr, phonetest.WithSDP(phonetest.SDP(rtp.Port())), with("Require", "100rel"))
	early := p.Expect(t, "183", phonetest.Has("Require", "100rel"), phonetest.HasBody("m=audio"))
	r.status(t, phone.StatusRing)
	do(t, r.Answer(0)) // has to wait for the PRACK
	p.AwaitCount(t, "183", 2)
	d := p.Dialog(invite, early)
	d.Prack(early, with("RAck", "1 1 INVITE"))
	p.Expect(t, "481 PRACK")
	d.Prack(early)
	p.Expect(t, "200 PRACK")
	ok := p.Expect(t, "200 INVITE")
	d.Ack(ok)
	if c := r.status(t, phone.StatusActive); c.Codec != "PCMA" {
		t.Errorf("%+v", c)
	}
	d.Prack(early)
	p.Expect(t, "481 PRACK")

	never := newRig(t, func(c *phone.Config) { c.Timers = quick }, p)
	p.Invite(never.uri(), never.addr, offer(), with("Require", "100rel"))
	p.Expect(t, "180")
	p.Expect(t, "504")
	never.ended(t, phone.CauseFailed, false, 504)
}

// Without an offer in the INVITE the reliable response has ours (RFC 3262 5).
func TestPrackWithAnswer(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	rtp := p.RTP()
	invite := p.Invite(r.uri(), r.addr, with("Require", "100rel"))
	ringing := p.Expect(t, "180", phonetest.HasBody("m=audio"))
	d := p.Dialog(invite, ringing)
	d.Prack(ringing, phonetest.WithSDP(phonetest.SDP(rtp.Port(), "PCMU")))
	p.Expect(t, "200 PRACK")
	r.call(t, "PCMU", func(c phone.Call) bool { return c.Codec == "PCMU" })
	other := p.RTP()
	d.Update(phonetest.SDP(other.Port(), "PCMA"))
	p.Expect(t, "200 UPDATE", phonetest.HasBody("PCMA"))
	do(t, r.Answer(0))
	ok := p.Expect(t, "200 INVITE", phonetest.HasNo("Content-Type"))
	d.Ack(ok)
	if c := r.status(t, phone.StatusActive); c.Codec != "PCMA" {
		t.Errorf("%+v", c)
	}
	other.AwaitPackets(t, 3)
}

// Reliable ringing, as the caller: each response gets one PRACK, in order.
func TestPrackAsCaller(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	w := r.Call(p.URI("bob"))
	invite := p.Expect(t, "INVITE")
	seq, _ := invite.CSeq()
	rel := func(code int, rseq uint32, opts ...phonetest.Opt) *phonetest.Msg {
		return p.Reply(invite, code, "Reliable", append(opts, with("Require", "100rel"), with("RSeq", fmt.Sprint(rseq)))...)
	}
	rel(180, 7)
	do(t, w)
	first := p.Expect(t, "PRACK", phonetest.Has("RAck", fmt.Sprintf("7 %d INVITE", seq)))
	p.Reply(first, 200, "OK")
	rtp := p.RTP()
	rel(183, 9, phonetest.WithSDP(phonetest.SDP(4000, "PCMA"))) // out of order: not yet
	p.ExpectNone(t, "PRACK", 50*time.Millisecond)
	again := rel(183, 8, phonetest.WithSDP(phonetest.SDP(rtp.Port(), "PCMU")))
	second := p.Expect(t, "PRACK", phonetest.Has("RAck", fmt.Sprintf("8 %d INVITE", seq)))
	p.Reply(second, 200, "OK")
	p.Send(again, r.addr) // a copy
	p.ExpectNone(t, "PRACK", 50*time.Millisecond)
	if n, _ := second.CSeq(); n != seq+2 {
		t.Errorf("CSeq %d after %d", n, seq)
	}
	p.Reply(invite, 200, "OK")
	p.Expect(t, "ACK", phonetest.Has("CSeq", fmt.Sprint(seq, " ACK")))
	if c := r.status(t, phone.StatusActive); c.Codec != "PCMU" {
		t.Errorf("%+v", c)
	}
}
