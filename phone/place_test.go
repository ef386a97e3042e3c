package phone_test

import (
	"errors"
	"testing"
	"time"

	"housephone/phone"
	"housephone/phone/phonetest"
)

// An order has its own time to ring, and its tag comes back with everything that is told of it.
func TestPlace(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	w := r.Place(phone.Order{URI: p.URI("bob"), Ring: 200 * time.Millisecond, Tag: "a.1"})
	invite := p.Expect(t, "INVITE")
	p.Reply(invite, 180, "Ringing")
	do(t, w)
	r.call(t, "the tag", func(c phone.Call) bool { return c.Tag == "a.1" && c.Status == phone.StatusDial })
	p.Reply(p.Expect(t, "CANCEL"), 200, "OK")
	p.Reply(invite, 487, "Request Terminated")
	if e := r.ended(t, phone.CauseNoAnswer, false, 0); e.Call.Tag != "a.1" {
		t.Errorf("%+v", e.Call)
	}
	r.noCalls(t)
}

// Drop ends what it is told to, with the cause that it is given.
func TestDrop(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.MaxCalls = 2 }, p)
	for cause, reason := range map[phone.Cause]phonetest.Match{
		phone.CauseNoAnswer:  phonetest.HasNo("Reason"),
		phone.CauseElsewhere: phonetest.Has("Reason", "Call completed elsewhere"),
		phone.CauseCancelled: phonetest.HasNo("Reason"),
	} {
		w := r.Place(phone.Order{URI: p.URI("bob"), Tag: "x"})
		invite := p.Expect(t, "INVITE")
		p.Reply(invite, 180, "Ringing")
		do(t, w)
		do(t, r.Drop("", phone.CauseNoAnswer)) // no call has this tag
		do(t, r.Drop("y", phone.CauseNoAnswer))
		do(t, r.Drop("x", cause))
		p.Reply(p.Expect(t, "CANCEL", reason), 200, "OK")
		p.Reply(invite, 487, "Request Terminated")
		r.ended(t, cause, false, 0)
		p.Expect(t, "ACK")
	}
	r.Place(phone.Order{URI: p.URI("bob"), Tag: "x"})
	invite := p.Expect(t, "INVITE")
	rtp := p.RTP()
	p.Reply(invite, 200, "OK", phonetest.WithSDP(phonetest.SDP(rtp.Port())))
	p.Expect(t, "ACK")
	r.status(t, phone.StatusActive)
	do(t, r.Drop("x", phone.CauseElsewhere)) // it was answered: the record says so
	p.Reply(p.Expect(t, "BYE"), 200, "OK")
	r.ended(t, phone.CauseCompleted, false, 0)
}

// What was never dialled has no end of its own, and says so.
func TestPlaceNotDialled(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.AllowTo = phone.Patterns{"bob@*"} }, p)
	for uri, kind := range map[string]phone.Kind{"nonsense": phone.Invalid, p.URI("eve"): phone.Refused} {
		if err := wait(r.Place(phone.Order{URI: uri})); !errors.Is(err, phone.ErrNotDialled) || phone.KindOf(err) != kind {
			t.Errorf("%s: %v", uri, err)
		}
		if err := r.Allowed(uri); phone.KindOf(err) != kind {
			t.Errorf("%s: %v", uri, err)
		}
	}
	if err := r.Allowed(p.URI("bob")); err != nil {
		t.Error(err)
	}
	r.place(t, p)
	if err := wait(r.Place(phone.Order{URI: p.URI("bob")})); !errors.Is(err, phone.ErrNotDialled) || phone.KindOf(err) != phone.Busy {
		t.Errorf("a call is in progress: %v", err)
	}
	if n := count[phone.Ended](r); n != 0 {
		t.Errorf("%d ends", n)
	}
	do(t, r.Hangup(0))
	p.Reply(p.Expect(t, "BYE"), 200, "OK")
	if got := phone.PartyOf("sip:602@pbx:5070"); got.User != "602" || phone.PartyOf("nonsense") != (phone.Party{}) {
		t.Errorf("%+v", got)
	}
}
