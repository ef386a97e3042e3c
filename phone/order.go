package phone

import (
	"errors"
	"time"
)

// ErrNotDialled is matched by the errors of [Phone.Place] after which no Ended
// event follows, because nothing has been sent.
var ErrNotDialled = errors.New("not dialled")

// Order is a call to be placed.
type Order struct {
	URI  string
	Ring time.Duration // how long it rings at most, 0 = Config.RingTimeout
	Tag  string        // of the caller's choosing, comes back as Call.Tag; empty = none
}

// PartyOf is the far end that a SIP URI names; the zero Party where it is none.
func PartyOf(uri string) Party {
	target, err := parseTarget(uri)
	if err != nil {
		return Party{}
	}
	return partyOf("", target)
}

// Allowed tells why a SIP URI may not be dialled, now or ever.
func (p *Phone) Allowed(uri string) error {
	target, err := parseTarget(uri)
	if err != nil {
		return err
	}
	return p.cfg.mayReach(target)
}

// Place dials. It returns when the far end rings or better, or with the reason why
// that did not happen; that one matches ErrNotDialled where it is not the end of a call.
func (p *Phone) Place(o Order) *Pending {
	target, err := parseTarget(o.URI)
	if err != nil {
		return ended(notDialled(err))
	}
	return p.ask(func(reply func(error)) {
		if err := p.mayCall(target); err != nil {
			reply(notDialled(err))
			return
		}
		c := p.newCall(Out, newCallID())
		p.inHand = c
		c.order = o
		c.take()
		c.out.replies = append(c.out.replies, reply)
		c.dial(target, "")
	})
}

// notDialled marks an error.
func notDialled(err error) error {
	e := *asError(err, Failed)
	e.Err = ErrNotDialled
	return &e
}

// Drop ends the call with a tag; what it ends with while it is set up is for the
// caller to say: CauseCancelled, CauseNoAnswer, or CauseElsewhere, which keeps the
// phones that stop ringing from showing a missed call. Without such a call it does nothing.
func (p *Phone) Drop(tag string, cause Cause) *Pending {
	return p.ask(func(reply func(error)) {
		for _, c := range p.liveCalls() {
			if c.order.Tag != tag || tag == "" {
				continue
			}
			p.inHand = c
			if c.status == StatusActive {
				cause = CauseCompleted
			}
			if cause == CauseElsewhere {
				c.out.reason = elsewhere
			}
			c.hangup(outcome{cause: cause})
			break
		}
		reply(nil)
	})
}
