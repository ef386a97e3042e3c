package phone_test

import (
	"fmt"
	"testing"
	"time"

	"housephone/phone"
	"housephone/phone/phonetest"
)

// The connection is lost after each step of a call, in both directions: the call ends or
// goes on over a new connection, and nothing is left behind.
func TestConnectionLostAnywhere(t *testing.T) {
	t.Parallel()
	for step := range 8 {
		t.Run(fmt.Sprint("step ", step), func(t *testing.T) {
			t.Parallel()
			p := phonetest.NewTCPPeer(t)
			r := newRig(t, func(c *phone.Config) { c.Timers, c.TCP = quick, listenTCP(t) }, p)
			in := step < 4
			walk := incomingSteps
			if !in {
				walk = outgoingSteps
			}
			walk(t, r, p, step%4)
			p.Handle("BYE", func(m *phonetest.Msg) { p.Reply(m, 200, "OK") })
			_ = wait(r.Hangup(0)) // nothing to hang up where the loss has ended it
			next[phone.Ended](t, r)
			r.drained(t)
			if n := count[phone.Ended](r); n != 1 {
				t.Errorf("%d records", n)
			}
			if s := r.Stats(); s.Panics != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func incomingSteps(t *testing.T, r *rig, p *phonetest.Peer, last int) {
	t.Helper()
	cut := func(step int) bool {
		if step == last {
			p.Disconnect()
		}
		return step == last
	}
	tcp := r.tcp
	invite := p.Invite("sip:phone@"+tcp.String()+";transport=tcp", tcp, offer())
	if cut(0) {
		time.Sleep(50 * time.Millisecond)
		return
	}
	p.Expect(t, "180")
	r.status(t, phone.StatusRing)
	if cut(1) {
		return
	}
	do(t, r.Answer(0))
	ok := p.Expect(t, "200")
	if cut(2) { // the ACK never comes
		return
	}
	p.Dialog(invite, ok).Ack(ok)
	r.status(t, phone.StatusActive)
	cut(3)
}

func outgoingSteps(t *testing.T, r *rig, p *phonetest.Peer, last int) {
	t.Helper()
	w := r.Call(p.URI("bob"))
	invite := p.Expect(t, "INVITE")
	switch last {
	case 0:
		p.Disconnect() // no answer will come: the call fails at once
		refused(t, w, phone.Unreachable, 0)
		return
	case 1:
		p.Reply(invite, 180, "Ringing")
		do(t, w)
		p.Disconnect()
		return
	}
	p.Reply(invite, 200, "OK", offer())
	if last == 2 {
		p.Disconnect()
		_ = wait(w)
		return
	}
	p.Expect(t, "ACK")
	do(t, w)
	r.status(t, phone.StatusActive)
	p.Disconnect()
}
