package phone

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"housephone/phone/sdp"
)

// call is one call and its dialogs. It belongs to the line.
type call struct {
	p      *Phone
	slot   int    // 1.., 0 when it occupies none (any more)
	id     string // what users see
	callID string
	tag    localTag

	dir      Direction
	order    Order // what Place was asked for
	remote   Party
	status   Status
	started  time.Time
	answered time.Time

	dlg   *dialog // the confirmed dialog, or the early one of an incoming call
	offer *sdp.Session
	media callMedia
	muted bool
	held  bool // by us
	far   bool // held by the far end

	out    outgoing
	in     incoming
	re     change
	sess   sessionTimer
	xfer   transferState
	keys   keyMemory
	typing []func() // keys to be sent, one command after the other; the first one is under way

	limit   *timer // maximum duration
	probing bool   // an OPTIONS asks whether the far end still knows this call
	byes    int    // BYE requests without an answer
	over    bool
	told    bool                // Incoming or Outgoing has been told, so Ended has to follow
	peers   map[netip.Addr]bool // admitted because of this call
}

// outcome is why a call ended.
type outcome struct {
	cause  Cause
	byFar  bool
	status int
	reason string
}

func (p *Phone) newCall(dir Direction, callID string) *call {
	p.callSeq++
	c := &call{
		p: p, callID: callID, tag: localTag(sip.GenerateTagN(16)), dir: dir,
		id: fmt.Sprintf("%s-%d", p.now().UTC().Format("20060102T150405.000"), p.callSeq), started: p.now(),
		peers: map[netip.Addr]bool{},
	}
	c.media.call = c
	p.calls[callID] = c
	return c
}

// take gives the call the first free slot; false when there is none.
func (c *call) take() bool {
	for i, other := range c.p.slots {
		if other == nil {
			c.p.slots[i] = c
			c.slot = i + 1
			if c.p.current == nil {
				c.p.current = c
			}
			c.p.changed()
			return true
		}
	}
	return false
}

// free gives the slot back; plain commands then mean the call that is left.
func (c *call) free() {
	if c.slot == 0 {
		return
	}
	p := c.p
	p.slots[c.slot-1] = nil
	c.slot = 0
	if p.current == c {
		p.current = nil
		for _, other := range p.slots {
			if other != nil && (p.current == nil || other.answered.After(p.current.answered)) {
				p.current = other
			}
		}
	}
	p.changed()
}

func newCallID() string { return rand.Text() }

func (c *call) snapshot() Call {
	s := Call{
		Slot: c.slot, ID: c.id, Direction: c.dir, Remote: c.remote, Local: c.p.user(), Status: c.status,
		Started: c.started, Answered: c.answered, Codec: c.media.codecName(), Rate: c.media.rateOr(0), Secure: c.media.secure,
		Muted: c.muted, Held: c.held, HeldByFar: c.far, Tag: c.order.Tag,
		KeyEvents: c.media.live && c.media.agreed.DTMFRecvPT >= 0, Unattended: c.media.aside,
	}
	s.Quality = c.media.quality()
	return s
}

func (c *call) setStatus(s Status) {
	c.status = s
	c.p.changed()
}

// activate is the moment at which both ends have agreed (a 2xx sent or received).
func (c *call) activate() {
	p := c.p
	c.answered = p.now()
	c.admitDialog()
	c.setStatus(StatusActive)
	if c.slot != 0 {
		p.current = c
	}
	c.media.startAudio()
	c.media.watch()
	if d := p.cfg.MaxCallDuration; d > 0 {
		c.limit = c.after(d, func() {
			c.hangup(outcome{cause: CauseCompleted, reason: "the longest allowed duration is over"})
		})
	}
}

// after is Phone.after for work on this call.
func (c *call) after(d time.Duration, f func()) *timer {
	return c.p.after(d, func() {
		c.p.inHand = c
		f()
	})
}

// finish tells that the call is over. Whatever is still owed to the far end goes on behind it.
func (c *call) finish(o outcome) {
	if c.over {
		return
	}
	c.over = true
	p := c.p
	c.out.group.lost(c)
	c.media.final()
	record := Ended{Call: c.snapshot(), Ended: p.now(), Cause: o.cause, ByFar: o.byFar, Status: o.status, Reason: o.reason}
	for _, t := range []*timer{c.limit, c.in.ring, c.in.auto, c.in.repeat, c.out.ring, c.re.retry, c.xfer.timeout} {
		t.stop()
	}
	c.in.confirm.stop()
	c.sess.stop()
	c.media.close()
	c.muted, c.held, c.far = false, false, false
	c.status = StatusIdle
	c.free()
	err := endError(o, c.remote)
	c.out.reply(err)
	c.re.reply(err)
	c.xfer.ended(c, o)
	if c.told {
		p.emit(record)
	}
	c.xfer.inherit(c)
	c.settle()
}

// endError is what a command that waited for the call is told.
func endError(o outcome, remote Party) error {
	name := remote.User
	if name == "" {
		name = remote.URI
	}
	switch {
	case o.status >= 300:
		e := statusError(o.status, o.reason, name)
		if strings.HasSuffix(o.reason, noSecrecy) {
			e.Text += noSecrecy
		}
		return e
	case o.cause == CauseCompleted:
		return errf(Refused, "the call has ended")
	case o.cause == CauseCancelled:
		return errf(Refused, "the call was cancelled")
	case o.cause == CauseNoAnswer:
		return errf(Timeout, "%s did not answer", name)
	case o.reason != "":
		return errf(Failed, "%s", o.reason)
	}
	return errf(Failed, "the call failed")
}

// settle forgets the call once nothing is owed any more. A caller's call stays
// for the life of its INVITE transaction, to acknowledge late copies of the 2xx.
func (c *call) settle() {
	p := c.p
	if !c.over || c.byes > 0 || c.out.pending() {
		return
	}
	if c.out.lingers() {
		c.out.lingering = true
		p.after(p.transactions.Timers().GiveUp(), func() { p.forget(c) })
		return
	}
	if !c.out.lingering {
		p.forget(c)
	}
}

func (p *Phone) forget(c *call) {
	if p.calls[c.callID] == c {
		delete(p.calls, c.callID)
	}
	if c.out.x != nil {
		c.out.x.stopped = true // its transaction goes on for copies of the answer
	}
	for a := range c.peers {
		p.allow.removePeer(a)
	}
	c.peers = nil
}

// dropped is why a call ends that this phone cannot go on with.
func (c *call) dropped(reason string) outcome {
	switch {
	case c.status == StatusActive:
		return outcome{cause: CauseCompleted, reason: reason}
	case c.status == StatusRing || c.in.preparing:
		return outcome{cause: CauseDeclined, status: 480, reason: "Temporarily Unavailable"}
	}
	return outcome{cause: CauseCancelled, reason: reason}
}

// owed tells whether the far end still has to be told something.
func (c *call) owed() bool { return c.byes > 0 || (c.over && c.out.pending()) }

// hangup ends the call in the way its state asks for (RFC 3261 9, 15).
func (c *call) hangup(o outcome) {
	switch {
	case c.over:
		return
	case c.status == StatusActive:
		c.bye(c.dlg)
	case c.dir == In:
		code, reason := 603, "Decline"
		if o.cause == CauseNoAnswer {
			code, reason = 480, "Temporarily Unavailable"
		}
		if o.status == 0 {
			o.status, o.reason = code, reason
		}
		c.in.reject(o.status, o.reason)
	default:
		if g := c.out.group; g != nil && !g.over {
			g.end(c, c.out.reason)
		}
		c.out.cancel(c)
	}
	c.finish(o)
}

// bye ends one dialog (RFC 3261 15.1.1).
func (c *call) bye(d *dialog) {
	if d == nil {
		return
	}
	c.byes++
	done := func() {
		c.byes--
		c.settle()
	}
	c.inDialog(d, sip.BYE, nil, func(*sip.Response) { done() }, func(error) { done() })
}

// inDialog sends a request inside d; prepare may add to it.
func (c *call) inDialog(d *dialog, method sip.RequestMethod, prepare func(*sip.Request), final func(*sip.Response), failed func(error)) *exchange {
	x := c.newExchange(d, method, prepare)
	x.final = func(res *sip.Response) {
		c.p.inHand = c
		x.stopped = true
		final(res)
	}
	x.failed = func(err error) {
		c.p.inHand = c
		failed(err)
	}
	x.start()
	return x
}

func (c *call) newExchange(d *dialog, method sip.RequestMethod, prepare func(*sip.Request)) *exchange {
	x := &exchange{line: c.p, uri: d.hop(), prefer: c.media.flow}
	x.bump = func() uint32 {
		d.localSeq++
		return d.localSeq
	}
	x.build = x.once(func() *sip.Request {
		req := d.request(method)
		if prepare != nil {
			prepare(req)
		}
		if req.Body() == nil {
			req.SetBody(nil)
		}
		if c.p.digest != nil && c.p.isOwn(x.uri) { // when the body is there, which auth-int counts in
			c.p.digest.Preauthorize(req)
		}
		return req
	})
	return x
}

// gone tells that the far end does not know the dialog any more (RFC 3261 12.2.1.2).
func (c *call) gone(code int, reason string) {
	c.finish(outcome{cause: CauseFailed, byFar: true, status: code, reason: reason})
}
