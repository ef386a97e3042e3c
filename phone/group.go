package phone

import (
	"time"

	"github.com/emiago/sipgo/sip"
)

// maxGroup bounds how many addresses one call rings at.
const maxGroup = 32

// elsewhere tells phones that stop ringing not to show a missed call (RFC 3326).
const elsewhere = `SIP;cause=200;text="Call completed elsewhere"`

// group is one call that rings at several addresses; who answers first has it.
// One of its legs holds the slot and speaks for all; the others are silent.
type group struct {
	legs    []*call
	replies []func(error)
	left    int // legs that have neither rung nor failed
	over    bool
}

// CallAll rings several addresses at once and cancels the others when one answers.
// It returns when the first one rings, or when all have failed.
func (p *Phone) CallAll(uris []string) *Pending { return p.RingAll(uris, 0) }

// RingAll is CallAll with a time to ring for; 0 is Config.RingTimeout.
func (p *Phone) RingAll(uris []string, ring time.Duration) *Pending {
	targets := make([]sip.Uri, 0, len(uris))
	for _, uri := range uris {
		t, err := parseTarget(uri)
		if err != nil {
			return ended(err)
		}
		targets = append(targets, t)
	}
	if len(targets) == 0 || len(targets) > maxGroup {
		return ended(errf(Invalid, "a call rings at 1 to %d addresses", maxGroup))
	}
	return p.ask(func(reply func(error)) {
		if err := p.mayCall(targets...); err != nil {
			reply(err)
			return
		}
		g := &group{replies: []func(error){reply}, left: len(targets)}
		for range targets {
			c := p.newCall(Out, newCallID())
			c.out.group, c.order.Ring = g, ring
			c.out.replies = append(c.out.replies, g.reply)
			g.legs = append(g.legs, c)
		}
		g.legs[0].take()
		for i, c := range g.legs {
			p.inHand = c
			c.dial(targets[i], "")
		}
	})
}

// mayCall tells why these addresses must not be called now.
func (p *Phone) mayCall(targets ...sip.Uri) error {
	if !p.active {
		return errNotActive()
	}
	for _, t := range targets {
		if err := p.cfg.mayReach(t); err != nil {
			return err
		}
	}
	if p.occupied() >= p.cfg.MaxCalls {
		return errf(Busy, "a call is in progress")
	}
	return p.mayDial(targets...)
}

// reply is told by each leg whether it rings.
func (g *group) reply(err error) {
	g.left--
	if err != nil && g.left > 0 {
		return
	}
	for _, f := range g.replies {
		f(err)
	}
	g.replies = nil
}

// silent tells that a leg does not speak for its group.
func (g *group) silent(c *call) bool { return g != nil && c.slot == 0 }

// won ends the other legs: c has been answered.
func (g *group) won(c *call) {
	if g == nil || g.over {
		return
	}
	g.end(c, elsewhere)
}

// end makes c speak for the group and cancels all others.
func (g *group) end(c *call, reason string) {
	g.over = true
	for _, other := range g.legs {
		if other == c || other.over {
			continue
		}
		if other.slot != 0 {
			g.handOver(other, c)
		}
		other.out.reason = reason
		other.hangup(outcome{cause: CauseElsewhere})
	}
}

// lost lets another leg speak for the group when c has failed.
func (g *group) lost(c *call) {
	if g == nil || g.over || c.slot == 0 {
		return
	}
	for _, other := range g.legs {
		if other != c && !other.over {
			g.handOver(c, other)
			return
		}
	}
}

// handOver gives the slot, and with it the identity of the call, to another leg.
func (g *group) handOver(from, to *call) {
	p := from.p
	to.slot, from.slot = from.slot, 0
	p.slots[to.slot-1] = to
	to.told, from.told = from.told, false
	to.id, to.started = from.id, from.started
	if p.current == from {
		p.current = to
	}
	p.changed()
}
