package phone

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/emiago/sipgo/sip"

	"housephone/phone/sdp"
	"housephone/phone/transaction"
)

// change is a re-INVITE or UPDATE of ours that is under way (RFC 3261 14.1).
type change struct {
	x       *exchange
	hold    bool // the state it asks for
	refresh bool // only keeps the session alive
	replies []func(error)
	retry   *timer
	busy    bool
	waits   bool // for an ACK
}

func (r *change) reply(err error) {
	for _, f := range r.replies {
		f(err)
	}
	r.replies = nil
	r.busy = false
}

// setHold asks the far end to hold or to resume.
func (c *call) setHold(on bool, reply func(error)) {
	switch {
	case c.status != StatusActive:
		reply(errf(Refused, "no call is active"))
		return
	case c.held == on && !c.re.busy:
		reply(nil)
		return
	case c.re.busy:
		reply(errf(Refused, "another change of the call is under way"))
		return
	}
	c.re.busy, c.re.hold, c.re.refresh = true, on, false
	c.re.replies = append(c.re.replies, reply)
	c.reinvite()
}

// reinvite sends our offer inside the dialog.
func (c *call) reinvite() {
	if c.in.confirm.waiting { // RFC 3261 14.1: not before the ACK of the far end's INVITE
		c.re.waits = true
		return
	}
	c.re.waits = false
	body, err := c.changeOffer()
	if err != nil {
		c.re.reply(errf(Failed, "the call cannot be changed: %v", err))
		return
	}
	d := c.dlg
	x := c.newExchange(d, sip.INVITE, func(req *sip.Request) {
		req.AppendHeader(sip.NewHeader("Allow", allowedMethods))
		req.AppendHeader(sip.NewHeader("Supported", supported))
		c.sess.request(req)
		setSDP(req, body)
	})
	x.progress = func(*sip.Response) {}
	var ack *ackState
	answered := false
	x.final = func(res *sip.Response) {
		c.p.inHand = c
		if ack != nil { // a copy of the 2xx: the ACK was lost
			ack.again()
			return
		}
		answered = true
		if res.IsSuccess() {
			d.refresh(res)
			c.admitDialog()
			ack = &ackState{}
			c.acknowledge(d, x.req, ack)
		}
		c.changeAnswered(res)
	}
	x.failed = func(err error) { c.p.inHand = c; answered = true; c.changeFailed(err) }
	// After a 1xx no timer of the transaction runs any more (RFC 3261 17.1.1.2).
	c.after(c.p.transactions.Timers().GiveUp()+time.Second, func() {
		if !answered {
			x.stop()
			c.changeFailed(transaction.ErrTimeout)
		}
	})
	c.re.x = x
	x.start()
}

// changeOffer is a new offer, or the old one again when only the session is refreshed (RFC 4028 7.4).
func (c *call) changeOffer() ([]byte, error) {
	if c.re.refresh {
		return c.offer.Refresh()
	}
	return c.offer.Offer(c.media.local(c.re.hold))
}

// changeAnswered takes the final answer to our re-INVITE or UPDATE.
func (c *call) changeAnswered(res *sip.Response) {
	if c.over {
		return
	}
	code := res.StatusCode
	switch {
	case res.IsSuccess():
		c.changeDone(res)
	case code == 491 || (code == 500 && res.GetHeader("Retry-After") != nil):
		c.withdraw()
		c.retryChange()
	case code == 481 || code == 408: // RFC 3261 12.2.1.2
		c.withdraw()
		c.gone(code, clean(res.Reason))
	case c.re.refresh && (code == 405 || code == 501) && c.dlg.allows(sip.UPDATE):
		c.dlg.allow[sip.UPDATE] = false // what it said of itself was wrong
		c.reinvite()
	default:
		c.withdraw()
		c.re.reply(statusError(code, clean(res.Reason), "the far end"))
		c.sess.later(c)
	}
}

// withdraw takes back an offer that was refused; one that was agreed before stays.
func (c *call) withdraw() {
	if c.offer.Pending() {
		c.offer.Rollback()
	}
}

func (c *call) changeDone(res *sip.Response) {
	if !c.offer.Pending() { // an UPDATE without a body
		c.sess.renewed(c, res)
		c.re.reply(nil)
		return
	}
	m, err := c.offer.Accept(res.Body())
	if err != nil {
		c.withdraw()
		c.re.reply(errf(Failed, "the far end's answer cannot be used"))
		return
	}
	c.media.apply(m)
	c.far = c.media.heldByFar() && !c.re.hold
	if !c.re.refresh {
		c.held = c.re.hold
		c.media.pauseSource(c.held)
	}
	c.sess.renewed(c, res)
	c.p.changed()
	c.re.reply(nil)
}

// retryChange waits as RFC 3261 14.1 says: 2.1 to 4 s for who made the Call-ID, else 0 to 2 s.
func (c *call) retryChange() {
	wait := time.Duration(rand.IntN(201)) * 10 * time.Millisecond
	if c.dir == Out {
		wait = 2100*time.Millisecond + time.Duration(rand.IntN(191))*10*time.Millisecond
	}
	c.re.retry = c.after(wait, func() {
		if !c.over {
			c.reinvite()
		}
	})
}

func (c *call) changeFailed(err error) {
	if c.over {
		return
	}
	c.withdraw()
	if errors.Is(err, transaction.ErrTimeout) { // RFC 3261 14.1: like a 408, ends the dialog
		c.bye(c.dlg)
		c.finish(outcome{cause: CauseFailed, status: 408, reason: "the far end does not answer any more"})
		return
	}
	c.re.reply(c.p.reachError(err, c.remote))
	c.sess.later(c)
}

// reinvited answers a re-INVITE of the far end (RFC 3261 14.2).
func (c *call) reinvited(s *transaction.Server) {
	p := c.p
	switch {
	case c.status != StatusActive || c.in.confirm.waiting && c.in.confirm.offers:
		p.answer(s, 500, "Request Pending", sip.NewHeader("Retry-After", retryAfter()))
		return
	case c.offer.Pending(): // our own offer is under way: glare
		p.answer(s, 491, "Request Pending")
		return
	}
	if code, h := c.sess.refreshed(c, s.Request); code != 0 {
		p.answer(s, code, "Session Interval Too Small", h)
		return
	}
	c.dlg.refresh(s.Request)
	c.admitDialog()
	body, e := c.reoffer(s.Request)
	if e != nil {
		p.answer(s, e.Status, reasonOf(e.Status), sip.NewHeader("Warning", `304 housephone "`+clean(e.Text)+`"`))
		return
	}
	res := c.responseTo(s, 200, "OK")
	c.sess.describe(res, s.Request)
	setSDP(res, body)
	c.in.confirm.start(c, s, res, !hasSDP(s.Request))
	p.changed()
}

// reoffer answers a new offer, or makes one when the request has none.
func (c *call) reoffer(req *sip.Request) ([]byte, *Error) {
	if !hasSDP(req) {
		body, err := c.offer.Offer(c.media.local(c.held))
		if err != nil {
			return nil, &Error{Kind: Failed, Text: err.Error(), Status: 500}
		}
		return body, nil
	}
	body, m, err := c.offer.Answer(req.Body(), c.media.local(c.held))
	if err != nil {
		return nil, offerError(err)
	}
	c.media.apply(m)
	c.far = c.media.heldByFar() && !c.held
	return body, nil
}

// updated answers an UPDATE, also inside an early dialog (RFC 3311 5.2).
func (c *call) updated(s *transaction.Server, d *dialog) {
	p := c.p
	session := c.offer
	f := c.out.early[d.remote]
	if c.dlg == nil && f != nil { // we are the caller, and nobody has answered
		session = f.offer
	}
	switch {
	case !hasSDP(s.Request):
	case c.status == StatusRing && !c.in.reply.agreed:
		p.answer(s, 500, "No Answer Yet", sip.NewHeader("Retry-After", retryAfter()))
		return
	case session.Pending():
		p.answer(s, 491, "Request Pending")
		return
	}
	if c.status == StatusActive {
		if code, h := c.sess.refreshed(c, s.Request); code != 0 {
			p.answer(s, code, "Session Interval Too Small", h)
			return
		}
	}
	d.refresh(s.Request)
	res := c.responseTo(s, 200, "OK")
	if c.status == StatusActive {
		c.admitDialog()
		c.sess.describe(res, s.Request)
	}
	if hasSDP(s.Request) {
		body, m, err := session.Answer(s.Request.Body(), c.media.local(c.held))
		if err != nil {
			e := offerError(err)
			p.answer(s, e.Status, reasonOf(e.Status))
			return
		}
		setSDP(res, body)
		c.agreedAnew(f, m)
	}
	_ = s.Respond(res)
	p.changed()
}

// agreedAnew puts the media of an UPDATE into force.
func (c *call) agreedAnew(f *fork, m sdp.Media) {
	switch c.status {
	case StatusRing:
		c.in.media, c.in.body = &m, nil // the 2xx has nothing to add to it
	case StatusDial:
		if f != nil {
			f.media = &m
		}
	default:
	}
	c.media.apply(m)
	c.far = c.media.heldByFar() && !c.held
}

func (c *call) responseTo(s *transaction.Server, code int, reason string) *sip.Response {
	res := s.Reply(code, reason, string(c.tag))
	res.AppendHeader(c.p.contact(s.Flow))
	res.AppendHeader(sip.NewHeader("Allow", allowedMethods))
	res.AppendHeader(sip.NewHeader("Supported", supported))
	res.AppendHeader(sip.NewHeader("User-Agent", c.p.cfg.UserAgent))
	return res
}

// offerError is the status for an offer that cannot be answered.
func offerError(err error) *Error {
	e := &Error{Kind: NotSupported, Text: err.Error(), Status: 488, Err: err}
	if errors.Is(err, sdp.ErrNotSDP) {
		e.Status = 400
	}
	return e
}

// retryAfter is 0 to 10 s (RFC 3261 14.2).
func retryAfter() string { return string(rune('0' + rand.IntN(10))) }
