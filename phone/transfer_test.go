package phone_test

import (
	"fmt"
	"testing"
	"time"

	"housephone/phone"
	"housephone/phone/phonetest"
)

func (r *rig) transferred(t *testing.T, want phone.TransferStatus, code int) {
	t.Helper()
	if e := next[phone.Transfer](t, r); e.Status != want || e.Code != code || e.Slot != 1 {
		t.Fatalf("%+v, want %s %d", e, want, code)
	}
}

// We send the far end on: 202, NOTIFY 100, 180, 200, and the call ends with BYE (RFC 5589 6.1).
func TestTransfer(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	d := r.place(t, p)
	w := r.Transfer(0, "sip:carl@elsewhere.example")
	refer := p.Expect(t, "REFER", phonetest.Has("Refer-To", "<sip:carl@elsewhere.example>"), phonetest.Has("Referred-By", "sip:phone@"), phonetest.Has("Contact", "sip:"))
	r.transferred(t, phone.TransferTrying, 0)
	refused(t, r.Transfer(0, "sip:x@y"), phone.Refused, 0)
	p.Reply(refer, 202, "Accepted")
	for _, status := range []string{"100 Trying", "180 Ringing"} {
		d.Notify("active;expires=60", status)
		p.Expect(t, "200 NOTIFY")
	}
	d.Notify("terminated;reason=noresource", "200 OK")
	got := p.ExpectAll(t, "200 NOTIFY", "BYE")
	p.Reply(got[1], 200, "OK")
	do(t, w)
	r.transferred(t, phone.TransferAccepted, 0)
	r.ended(t, phone.CauseCompleted, false, 0)
}

// What fails leaves the call as it is.
func TestTransferFails(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	d := r.place(t, p)
	w := r.Transfer(0, "sip:carl@elsewhere.example")
	p.Reply(p.Expect(t, "REFER"), 603, "Decline")
	refused(t, w, phone.Refused, 603)
	r.transferred(t, phone.TransferTrying, 0)
	r.transferred(t, phone.TransferFailed, 603)

	w = r.Transfer(0, "sip:carl@elsewhere.example")
	refer := p.Expect(t, "REFER")
	d.Notify("terminated;reason=noresource", "486 Busy Here") // faster than the 202
	p.Expect(t, "200 NOTIFY")
	p.Reply(refer, 202, "Accepted")
	refused(t, w, phone.Busy, 486)
	r.transferred(t, phone.TransferTrying, 0)
	r.transferred(t, phone.TransferFailed, 486)

	w = r.Transfer(0, "sip:carl@elsewhere.example")
	p.Reply(p.Expect(t, "REFER"), 202, "Accepted")
	d.Send("NOTIFY", with("Event", "refer"), with("Subscription-State", "terminated;reason=giveup"))
	p.Expect(t, "200 NOTIFY")
	refused(t, w, phone.Failed, 500)
	d.Send("NOTIFY", with("Event", "presence"))
	p.Expect(t, "489")
	if s := r.snapshot(t); len(s.Calls) != 1 || s.Calls[0].Status != phone.StatusActive {
		t.Fatalf("%+v", s)
	}
}

// The far end hangs up without a word about the transfer: it has gone there.
func TestTransferEndsWithBye(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	d := r.place(t, p)
	w := r.Transfer(0, "sip:carl@elsewhere.example")
	p.Reply(p.Expect(t, "REFER"), 202, "Accepted")
	r.transferred(t, phone.TransferTrying, 0)
	d.Bye()
	p.Expect(t, "200 BYE")
	do(t, w)
	r.transferred(t, phone.TransferAccepted, 0)
	r.ended(t, phone.CauseCompleted, true, 0)
}

// A ringing caller is sent elsewhere by 302.
func TestDeflect(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.AllowTo = phone.Patterns{"carl"} }, p)
	invite := p.Invite(r.uri(), r.addr, offer())
	p.Expect(t, "180")
	r.status(t, phone.StatusRing)
	refused(t, r.Transfer(0, "sip:eve@elsewhere.example"), phone.Refused, 0)
	do(t, r.Transfer(0, "sip:carl@elsewhere.example"))
	p.Ack(invite, p.Expect(t, "302", phonetest.Has("Contact", "<sip:carl@elsewhere.example>")))
	r.transferred(t, phone.TransferAccepted, 0)
	r.ended(t, phone.CauseDeclined, false, 302)
}

func TestReferRefused(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	d := r.place(t, p)
	d.Refer(p.URI("carl"))
	p.Expect(t, "403 REFER")

	s := newRig(t, func(c *phone.Config) { c.AllowRefer, c.AllowTo = true, phone.Patterns{"bob"} }, p)
	d = s.place(t, p)
	d.Refer(p.URI("carl"))
	p.Expect(t, "403 REFER")
	d.Send("REFER")
	p.Expect(t, "400 REFER")

	u := newRig(t, func(c *phone.Config) { c.AllowRefer, c.CallsPerHour, c.BarInternational = true, 2, true }, p)
	d = u.place(t, p)
	d.Refer("sip:+441234@127.0.0.1")
	p.Expect(t, "403 REFER")
	do(t, u.Hangup(0))
	p.Reply(p.Expect(t, "BYE"), 200, "OK")
	u.status(t, phone.StatusIdle)
	d = u.place(t, p)
	d.Refer(p.URI("carl")) // the third call within an hour
	p.Expect(t, "403 REFER")
	if n := count[phone.Outgoing](s); n != 1 {
		t.Errorf("%d calls", n)
	}
}

// The far end sends us on: NOTIFYs, a new call in place of the old one, which ends with BYE.
func TestReferred(t *testing.T) {
	t.Parallel()
	p, q := phonetest.NewPeer(t), phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.AllowRefer = true }, p, q)
	d := r.place(t, p)
	d.Refer(q.URI("carl"))
	p.Expect(t, "202 REFER")
	trying := p.Expect(t, "NOTIFY", phonetest.Has("Event", "refer"), phonetest.Has("Subscription-State", "active"), phonetest.HasBody("SIP/2.0 100"))
	p.Reply(trying, 200, "OK")
	d.Refer(q.URI("dora"))
	p.Expect(t, "500 REFER")
	invite := q.Expect(t, "INVITE")
	next[phone.Outgoing](t, r)
	q.Reply(invite, 180, "Ringing")
	rtp := q.RTP()
	q.Reply(invite, 200, "OK", phonetest.WithSDP(phonetest.SDP(rtp.Port())))
	q.Expect(t, "ACK")
	got := p.ExpectAll(t, "NOTIFY", "BYE")
	if err := phonetest.HasBody("SIP/2.0 200")(got[0]); err != nil {
		t.Error(err)
	}
	if err := phonetest.Has("Subscription-State", "terminated")(got[0]); err != nil {
		t.Error(err)
	}
	p.Reply(got[0], 200, "OK")
	p.Reply(got[1], 200, "OK")
	r.ended(t, phone.CauseCompleted, false, 0)
	r.call(t, "the new call", func(c phone.Call) bool {
		return c.Slot == 1 && c.Status == phone.StatusActive && c.Remote.User == "carl"
	})
	rtp.AwaitPackets(t, 3)
	do(t, r.Hangup(0))
	q.Reply(q.Expect(t, "BYE"), 200, "OK")
	r.ended(t, phone.CauseCompleted, false, 0)
	r.noCalls(t)
}

// The target is busy: the old call stays. The next time the transferor hangs up at once,
// and the new call takes its place all the same.
func TestReferredOddly(t *testing.T) {
	t.Parallel()
	p, q := phonetest.NewPeer(t), phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.AllowRefer = true }, p, q)
	d := r.place(t, p)
	d.Refer(q.URI("carl"))
	p.Expect(t, "202 REFER")
	p.Reply(p.Expect(t, "NOTIFY"), 200, "OK")
	q.Reply(q.Expect(t, "INVITE"), 486, "Busy Here")
	q.Expect(t, "ACK")
	p.Reply(p.Expect(t, "NOTIFY", phonetest.HasBody("SIP/2.0 486"), phonetest.Has("Subscription-State", "terminated")), 200, "OK")
	r.ended(t, phone.CauseBusy, true, 486)
	if s := r.snapshot(t); len(s.Calls) != 1 || s.Calls[0].Status != phone.StatusActive {
		t.Fatalf("%+v", s)
	}

	d.Refer(q.URI("carl"))
	p.Expect(t, "202 REFER")
	p.Reply(p.Expect(t, "NOTIFY"), 200, "OK")
	invite := q.Expect(t, "INVITE")
	d.Bye()
	p.Expect(t, "200 BYE")
	r.ended(t, phone.CauseCompleted, true, 0)
	r.call(t, "the call that rings", func(c phone.Call) bool { return c.Slot == 1 && c.Status == phone.StatusDial })
	q.Reply(invite, 200, "OK", offer())
	q.Expect(t, "ACK")
	r.status(t, phone.StatusActive)
	p.ExpectNone(t, "any", 50*time.Millisecond)
	do(t, r.Hangup(0))
	q.Reply(q.Expect(t, "BYE"), 200, "OK")
	r.ended(t, phone.CauseCompleted, false, 0)
	if in, out, end := count[phone.Incoming](r), count[phone.Outgoing](r), count[phone.Ended](r); in+out != end || end != 3 {
		t.Errorf("%d calls, %d records", in+out, end)
	}
}

// The far end goes by a name, which is looked up for each NOTIFY: the last one tells its event all the same.
func TestReferredByName(t *testing.T) {
	t.Parallel()
	p, q := phonetest.NewPeer(t), phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.AllowRefer = true }, p, q)
	d := r.place(t, p, with("Contact", fmt.Sprintf("<sip:bob@localhost:%d>", p.Addr().Port())))
	d.Refer(q.URI("carl"))
	p.Expect(t, "202 REFER")
	event := p.Expect(t, "NOTIFY", phonetest.HasBody("SIP/2.0 100"), phonetest.Has("Event", "refer;id="))
	p.Reply(event, 200, "OK")
	q.Reply(q.Expect(t, "INVITE"), 486, "Busy Here")
	q.Expect(t, "ACK")
	p.Reply(p.Expect(t, "NOTIFY", phonetest.HasBody("SIP/2.0 486"), phonetest.Has("Event", event.Header("Event"))), 200, "OK")
}

// A new call that nobody wants any more when the phone stops.
func TestStopWhileReferred(t *testing.T) {
	t.Parallel()
	p, q := phonetest.NewPeer(t), phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.AllowRefer = true }, p, q)
	d := r.place(t, p)
	d.Refer(q.URI("carl"))
	p.Expect(t, "202 REFER")
	invite := q.Expect(t, "INVITE")
	q.Reply(invite, 180, "Ringing")
	for _, m := range []string{"BYE", "NOTIFY"} {
		p.Handle(m, func(m *phonetest.Msg) { p.Reply(m, 200, "OK") })
	}
	q.Handle("CANCEL", func(m *phonetest.Msg) {
		q.Reply(m, 200, "OK")
		q.Reply(invite, 487, "Request Terminated")
	})
	time.Sleep(50 * time.Millisecond)
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	q.Expect(t, "ACK")
	if n := count[phone.Ended](r); n != 2 {
		t.Errorf("%d records", n)
	}
}
