package phone

import (
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"housephone/phone/sdp"
	"housephone/phone/transaction"
)

// incoming is the callee's side of a call until its 2xx is acknowledged.
type incoming struct {
	tx *transaction.Server
	// preparing: nothing has been told yet, the media is asking for its address.
	preparing bool
	offered   bool // the INVITE carried an offer
	media     *sdp.Media
	body      []byte // our answer, the same in 183 and 200 (RFC 3261 13.2.1)
	ring      *timer
	auto      *timer
	repeat    *timer // the 1xx is repeated each minute, 13.3.1.1
	reply     prackState
	confirm   confirmation
}

// keyMemory tells apart a key that comes twice, by INFO and by RTP, from two presses.
type keyMemory struct {
	key    string
	at     time.Time
	byInfo bool
}

// invited takes an INVITE that starts a call.
func (p *Phone) invited(s *transaction.Server) {
	req := s.Request
	caller := p.callerOf(s)
	switch {
	case p.occupied() >= p.cfg.MaxCalls:
		p.answer(s, 486, "Busy Here")
		p.emit(RefusedCall{caller})
		return
	case p.calls[req.CallID().Value()] != nil:
		p.answer(s, 482, "Loop Detected")
		return
	}
	c := p.newCall(In, req.CallID().Value())
	p.inHand = c
	c.remote = caller
	c.in.tx = s
	c.dlg = dialogFromInvite(req, c.tag)
	c.admit(s.Flow)
	c.in.tx.OnNoACK(func() {})
	if p.dnd {
		c.slotless(outcome{cause: CauseDeclined, status: 486, reason: "Busy Here"})
		return
	}
	if !p.nat.between(s.Flow) {
		c.offered()
		return
	}
	c.in.preparing = true
	c.media.prepare(s.Flow, func() {
		p.inHand = c
		c.in.preparing = false
		if !c.over {
			c.offered()
		}
	})
	if c.in.preparing { // RFC 3261 17.2.1: asking may take more than 200 ms
		_ = s.Respond(s.Reply(100, "Trying", ""))
	}
}

// offered answers the offer in advance, and rings.
func (c *call) offered() {
	p, req := c.p, c.in.tx.Request
	if err := c.receiveOffer(); err != nil {
		c.slotless(outcome{cause: CauseFailed, status: err.Status, reason: err.Text})
		return
	}
	if code := c.negotiateSession(req); code != 0 {
		p.forget(c)
		return
	}
	c.take()
	c.setStatus(StatusRing)
	c.ringing()
	c.told = true
	p.emit(Incoming{c.snapshot()})
	c.in.ring = c.after(p.cfg.RingTimeout, func() {
		if p.cfg.AnswerUnanswered {
			c.media.leaveAside()
			c.accept()
			return
		}
		c.hangup(outcome{cause: CauseNoAnswer, reason: "nobody answered"})
	})
	if d, ok := p.autoAnswerDelay(c.in.tx); ok {
		c.in.auto = c.after(d, c.accept)
	}
}

// slotless ends a call that never rang, with a record of it.
func (c *call) slotless(o outcome) {
	c.p.answerAs(c.in.tx, c.tag, o.status, reasonOf(o.status))
	c.over = true
	c.status = StatusIdle
	c.p.emit(Ended{Call: c.snapshot(), Ended: c.p.now(), Cause: o.cause, Status: o.status, Reason: o.reason})
	c.media.close()
	c.p.forget(c)
}

// receiveOffer answers the offer of the INVITE in advance, so that it is known to be usable.
func (c *call) receiveOffer() *Error {
	req := c.in.tx.Request
	if err := c.media.open(c.in.tx.Flow); err != nil {
		return &Error{Kind: Failed, Text: err.Error(), Status: 503, Err: err}
	}
	c.offer = sdp.NewSession(sessionID())
	if !hasSDP(req) {
		return nil
	}
	body, m, err := c.offer.Answer(req.Body(), c.media.local(false))
	if err != nil {
		return offerError(err)
	}
	c.in.offered, c.in.media, c.in.body = true, &m, body
	return nil
}

// ringing tells the caller that the phone rings.
func (c *call) ringing() {
	if c.p.cfg.EarlyMedia && c.in.offered && c.in.body != nil {
		c.media.apply(*c.in.media)
		c.provisional(183, "Session Progress", c.in.body)
	} else {
		c.provisional(180, "Ringing", nil)
	}
	c.in.repeat = c.after(time.Minute, func() { // RFC 3261 13.3.1.1
		if c.status == StatusRing {
			c.ringing()
		}
	})
}

// respond builds a response to the INVITE with everything a dialog needs (RFC 3261 12.1.1).
func (c *call) response(code int, reason string) *sip.Response {
	tx := c.in.tx
	res := tx.Reply(code, reason, string(c.tag))
	res.AppendHeader(c.p.contact(tx.Flow))
	res.AppendHeader(sip.NewHeader("Allow", allowedMethods))
	res.AppendHeader(sip.NewHeader("Supported", supported))
	res.AppendHeader(sip.NewHeader("User-Agent", c.p.cfg.UserAgent))
	return res
}

// accept answers the call.
func (c *call) accept() {
	p := c.p
	if c.over || c.status != StatusRing {
		return
	}
	if c.in.reply.blocks() {
		c.in.reply.then = c.accept
		return
	}
	for _, t := range []*timer{c.in.ring, c.in.auto, c.in.repeat} {
		t.stop()
	}
	body := c.in.body
	if !c.in.offered && !c.in.reply.agreed { // the answer to our offer comes in the ACK
		var err error
		if body, err = c.offer.Offer(c.media.local(false)); err != nil {
			c.hangup(outcome{cause: CauseFailed, status: 500, reason: "no offer"})
			return
		}
	} else {
		c.media.apply(*c.in.media)
		c.far = c.media.heldByFar()
	}
	res := c.response(200, "OK")
	c.sess.describe(res, c.in.tx.Request)
	if body != nil {
		setSDP(res, body)
	}
	c.in.confirm.start(c, c.in.tx, res, !c.in.offered && body != nil)
	c.sess.start(c)
	c.activate()
	p.log.Info("call answered", "call", c.id, "remote", c.remote.URI)
}

// reject sends a final non-2xx.
func (in *incoming) reject(code int, reason string, headers ...sip.Header) {
	res := in.tx.Reply(code, reason, sip.GenerateTagN(16))
	if tag := in.reply.tag; tag != "" {
		res.To().Params.Add("tag", tag)
	}
	for _, h := range headers {
		res.AppendHeader(h)
	}
	_ = in.tx.Respond(res)
}

// cancelled takes a CANCEL for the ringing call (RFC 3261 9.2).
func (c *call) cancelled(cancel *transaction.Server) {
	p := c.p
	p.answerAs(cancel, c.tag, 200, "OK")
	if c.over || c.status != StatusRing && !c.in.preparing {
		return // answered already: the CANCEL has no effect
	}
	o := outcome{cause: CauseCancelled, byFar: true, status: 487, reason: "Request Terminated"}
	for _, h := range cancel.Request.GetHeaders("Reason") { // RFC 3326
		v := strings.ToLower(strings.ReplaceAll(h.Value(), " ", ""))
		if strings.HasPrefix(v, "sip") && (strings.Contains(v, ";cause=200") || strings.Contains(v, "completedelsewhere")) {
			o.cause, o.reason = CauseElsewhere, "Call completed elsewhere"
		}
	}
	c.in.reject(487, "Request Terminated")
	c.finish(o)
}

// acked takes an ACK of a 2xx, to the first INVITE or to a later one.
func (c *call) acked(req *sip.Request) {
	if !c.in.confirm.done(req.CSeq().SeqNo) || c.over {
		return
	}
	if c.in.confirm.offers {
		m, err := c.offer.Accept(req.Body())
		switch {
		case err == nil:
			c.media.apply(m)
			c.far = c.media.heldByFar() && !c.held
			c.p.changed()
		case c.media.live:
			c.withdraw() // what was agreed before stays
		default:
			c.bye(c.dlg)
			c.finish(outcome{cause: CauseFailed, reason: "the far end's answer cannot be used"})
			return
		}
	}
	if c.re.waits {
		c.reinvite()
	}
}

// confirmation retransmits a 2xx until its ACK comes (RFC 3261 13.3.1.4).
type confirmation struct {
	tx       *transaction.Server // nil once it is over
	seq      uint32
	waiting  bool
	offers   bool // the 2xx has our offer, so the ACK has the answer
	t        *timer
	interval time.Duration
	until    time.Time
}

func (f *confirmation) start(c *call, tx *transaction.Server, res *sip.Response, offers bool) {
	p := c.p
	timers := p.transactions.Timers()
	f.stop()
	*f = confirmation{tx: tx, seq: res.CSeq().SeqNo, waiting: true, offers: offers, interval: timers.T1, until: p.now().Add(timers.GiveUp())}
	_ = tx.Respond(res)
	var again func()
	again = func() {
		if !f.waiting {
			return
		}
		if !p.now().Before(f.until) {
			f.stop()
			p.log.Warn("the answer was never acknowledged", "call", c.id)
			c.bye(c.dlg)
			c.finish(outcome{cause: CauseFailed, reason: "the answer was never acknowledged"})
			return
		}
		_ = tx.Respond(res)
		f.interval = min(2*f.interval, timers.T2)
		f.t = c.after(min(f.interval, f.until.Sub(p.now())), again)
	}
	f.t = c.after(f.interval, again)
}

// done takes the CSeq of an ACK; true when it is the one waited for.
func (f *confirmation) done(seq uint32) bool {
	if !f.waiting || seq != f.seq {
		return false
	}
	f.stop()
	return true
}

func (f *confirmation) stop() {
	f.waiting = false
	f.t.stop()
	if f.tx != nil {
		f.tx.Done()
		f.tx = nil
	}
}
