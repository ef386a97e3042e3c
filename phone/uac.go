package phone

import (
	"strconv"

	"github.com/emiago/sipgo/sip"

	"housephone/phone/sdp"
	"housephone/phone/transaction"
	"housephone/phone/transport"
)

const (
	maxRedirects = 5
	maxForks     = 32 // dialogs that one INVITE makes: each of them takes memory, and an ACK and a BYE to where its Contact says
)

// outgoing is the caller's side of a call that is not answered yet.
type outgoing struct {
	target    sip.Uri
	x         *exchange
	base      *sdp.Session // the offer, before any answer
	seq       uint32       // CSeq of the INVITE
	early     map[remoteTag]*fork
	acks      map[remoteTag]*ackState // of each forked 2xx
	replies   []func(error)
	rang      bool
	cancelled bool // nobody wants the answer any more
	sent      bool // the CANCEL has left
	answered  bool // a final response has come
	minSE     int  // session timer asked for by a 422, seconds
	hops      int  // redirections followed
	ring      *timer
	lingering bool
	done      func(error) // told once how dialling went, for REFER
	group     *group      // other legs of the same call, nil = none
	reason    string      // Reason of a CANCEL
	fallback  int         // how often optional encryption was refused
}

// fork is one early dialog (RFC 3261 13.2.2.4).
type fork struct {
	dlg   *dialog
	offer *sdp.Session
	media *sdp.Media
	rseq  uint32 // last reliable provisional, RFC 3262
}

type ackState struct {
	raw  []byte
	flow transport.Flow
}

// again repeats the ACK for a copy of its 2xx.
func (a *ackState) again() {
	if a.raw != nil {
		_ = a.flow.Send(a.raw)
	}
}

func (o *outgoing) reply(err error) {
	for _, f := range o.replies {
		f(err)
	}
	o.replies = nil
	if o.done != nil && err != nil {
		o.done(err)
		o.done = nil
	}
}

// pending tells that an INVITE waits for its final answer.
func (o *outgoing) pending() bool { return o.x != nil && !o.x.stopped && !o.answered }

func (o *outgoing) lingers() bool { return o.x != nil && !o.x.stopped && len(o.acks) > 0 }

// dial places a call.
func (c *call) dial(target sip.Uri, name string) {
	c.out.target = target
	c.out.early = map[remoteTag]*fork{}
	c.out.acks = map[remoteTag]*ackState{}
	c.remote = partyOf(name, target)
	c.setStatus(StatusDial)
	if !c.out.group.silent(c) {
		c.told = true
		c.p.emit(Outgoing{c.snapshot()})
	}
	ring := c.order.Ring
	if ring == 0 {
		ring = c.p.cfg.RingTimeout
	}
	c.out.ring = c.after(ring, func() {
		c.hangup(outcome{cause: CauseNoAnswer, reason: "nobody answered"})
	})
	c.out.seq = randomSeq()
	c.invite()
}

// invite sends the INVITE, again after a redirection or a 422.
func (c *call) invite() {
	p := c.p
	x := &exchange{line: p, uri: c.out.target}
	if r := p.firstRoutes(c.out.target); len(r) > 0 {
		x.uri = r[0].(*sip.RouteHeader).Address //nolint:forcetypeassert // made there
	}
	x.bump = func() uint32 {
		c.out.seq++
		return c.out.seq
	}
	x.build = c.buildInvite
	x.prepare = c.media.prepare
	x.progress = func(res *sip.Response) { p.inHand = c; c.progress(res) }
	x.final = func(res *sip.Response) { p.inHand = c; c.inviteAnswered(res) }
	x.failed = func(err error) { p.inHand = c; c.inviteFailed(err) }
	c.out.x = x
	x.start()
}

func (c *call) buildInvite(flow transport.Flow) (*sip.Request, error) {
	p := c.p
	if err := c.media.open(flow); err != nil {
		return nil, err
	}
	c.out.base = sdp.NewSession(sessionID())
	body, err := c.out.base.Offer(c.media.local(c.held))
	if err != nil {
		return nil, err
	}
	c.admit(flow)
	req := p.newRequest(sip.INVITE, c.out.target, c.callID, c.tag, c.out.seq, flow)
	req.AppendHeader(p.contact(flow))
	req.AppendHeader(sip.NewHeader("Allow", allowedMethods))
	req.AppendHeader(sip.NewHeader("Supported", supported))
	expires := max(sessionExpires, c.out.minSE)
	req.AppendHeader(sip.NewHeader("Session-Expires", strconv.Itoa(expires)))
	req.AppendHeader(sip.NewHeader("Min-SE", strconv.Itoa(max(minSessionExpires, c.out.minSE))))
	setSDP(req, body)
	if p.digest != nil && p.isOwn(c.out.target) {
		p.digest.Preauthorize(req)
	}
	return req, nil
}

func setSDP(msg interface {
	AppendHeader(sip.Header)
	SetBody([]byte)
}, body []byte) {
	ct := sip.ContentTypeHeader("application/sdp")
	msg.AppendHeader(&ct)
	msg.SetBody(body)
}

// progress takes a provisional response (RFC 3261 13.2.2.1).
func (c *call) progress(res *sip.Response) {
	if c.out.cancelled {
		c.out.sendCancel(c)
		return
	}
	tag := remoteTag(res.To().Params.GetOr("tag", ""))
	if res.StatusCode == 100 || c.over || c.status != StatusDial {
		return
	}
	if tag != "" {
		f := c.out.early[tag]
		if f == nil {
			if len(c.out.early) >= maxForks {
				return
			}
			f = &fork{dlg: dialogFromResponse(c.out.x.req, res), offer: c.out.base.Fork()}
			c.out.early[tag] = f
		} else {
			f.dlg.refresh(res)
		}
		if !c.reliable(f, res) {
			return
		}
		c.earlyMedia(f, res)
	}
	if res.StatusCode >= 180 {
		c.out.rang = true
		replies := c.out.replies
		c.out.replies = nil
		for _, f := range replies {
			f(nil)
		}
	}
}

// earlyMedia plays what an answer in a provisional response announces (RFC 3960).
func (c *call) earlyMedia(f *fork, res *sip.Response) {
	if !hasSDP(res) || f.media != nil {
		return
	}
	m, err := f.offer.Accept(res.Body())
	if err != nil {
		c.p.log.Info("early media cannot be used", "call", c.id, "err", err)
		return
	}
	f.media = &m
	c.media.apply(m)
	c.media.startPlayback()
	c.p.changed()
}

// inviteAnswered takes a final response.
func (c *call) inviteAnswered(res *sip.Response) {
	if res.IsSuccess() {
		c.inviteAccepted(res)
		return
	}
	c.out.answered = true
	c.out.x.stopped = true
	if c.over {
		c.settle()
		return
	}
	switch {
	case res.StatusCode < 400 && c.redirect(res):
	case res.StatusCode == 422 && c.longerSession(res):
	case res.StatusCode == 488 && c.withoutSRTP():
	default:
		code, reason := res.StatusCode, clean(res.Reason)
		if code == 488 && c.p.cfg.SRTP == sdp.SRTPRequired {
			reason += noSecrecy
		}
		c.finish(outcome{cause: causeOf(code), byFar: true, status: code, reason: reason})
	}
}

// noSecrecy is what 488 may mean for an offer with nothing but SRTP.
const noSecrecy = ": perhaps the far end does not encrypt sound, as SIP_SRTP=required demands"

// again sends the INVITE anew with the next CSeq.
func (c *call) again() {
	c.out.answered = false
	c.out.early = map[remoteTag]*fork{}
	c.out.seq++
	c.invite()
}

// inviteAccepted takes a 2xx, of which a forking proxy may send several (RFC 3261 13.2.2.4).
func (c *call) inviteAccepted(res *sip.Response) {
	tag := remoteTag(res.To().Params.GetOr("tag", ""))
	if a, ok := c.out.acks[tag]; ok { // the ACK was lost
		a.again()
		return
	}
	if len(c.out.acks) >= maxForks {
		return
	}
	first := !c.out.answered
	c.out.answered = true
	f := c.out.early[tag]
	if f == nil {
		f = &fork{dlg: dialogFromResponse(c.out.x.req, res), offer: c.out.base.Fork()}
	}
	f.dlg.confirm(res)
	f.dlg.localSeq = max(f.dlg.localSeq, c.out.seq)
	a := &ackState{}
	c.out.acks[tag] = a
	c.acknowledge(f.dlg, c.out.x.req, a)
	switch {
	case !first || c.over || c.out.cancelled: // a fork too many, or nobody waits any more
		c.bye(f.dlg)
	default:
		c.connect(f, res)
	}
}

// connect makes the dialog of the first 2xx the call's own.
func (c *call) connect(f *fork, res *sip.Response) {
	c.dlg, c.offer = f.dlg, f.offer
	c.out.ring.stop()
	switch {
	case hasSDP(res): // also in place of the answer of a provisional response
		m, err := f.offer.Accept(res.Body())
		if err != nil {
			c.p.log.Warn("the answer cannot be used", "call", c.id, "err", err)
			c.bye(f.dlg)
			c.finish(outcome{cause: CauseFailed, reason: "no common codec"})
			return
		}
		c.media.apply(m)
	case f.media != nil:
		c.media.apply(*f.media)
	default:
		c.bye(f.dlg)
		c.finish(outcome{cause: CauseFailed, reason: "the far end answered without media"})
		return
	}
	c.far = c.media.heldByFar()
	c.startSessionTimer(res)
	c.out.group.won(c)
	c.activate()
	replies := c.out.replies
	c.out.replies = nil
	for _, r := range replies {
		r(nil)
	}
	if c.out.done != nil {
		c.out.done(nil)
		c.out.done = nil
	}
}

// acknowledge sends the ACK of a 2xx and keeps it for copies of the 2xx (RFC 3261 13.2.2.4).
func (c *call) acknowledge(d *dialog, invite *sip.Request, a *ackState) {
	req := d.requestSeq(sip.ACK, invite.CSeq().SeqNo)
	for _, name := range []string{"Authorization", "Proxy-Authorization"} { // RFC 3261 22.1
		for _, h := range invite.GetHeaders(name) {
			req.AppendHeader(sip.HeaderClone(h))
		}
	}
	req.SetBody(nil)
	c.p.sendACK(d.hop(), req, c.media.flow, a)
}

// inviteFailed: no answer at all.
func (c *call) inviteFailed(err error) {
	c.out.answered = true
	if c.over {
		c.settle()
		return
	}
	e := c.p.reachError(err, c.remote)
	replies := c.out.replies
	c.out.replies = nil
	for _, f := range replies {
		f(e)
	}
	c.finish(outcome{cause: CauseFailed, reason: e.Text})
}

// cancel takes the INVITE back (RFC 3261 9.1); a 2xx that crosses is ACKed and BYEd.
func (o *outgoing) cancel(c *call) {
	o.cancelled = true
	if o.x == nil {
		return
	}
	o.x.abandoned = true
	if o.x.tx == nil { // nothing has been sent
		o.x.stopped = true
		return
	}
	if o.x.answered {
		o.sendCancel(c)
	}
}

func (o *outgoing) sendCancel(c *call) {
	if o.sent || o.answered {
		return
	}
	o.sent = true
	p := c.p
	cancel := transaction.CancelFor(o.x.req, o.reason)
	if _, err := p.transactions.Request(cancel, o.x.flow, func(transaction.Event) {}); err != nil {
		p.log.Warn("cancel", "err", err)
	}
	x := o.x
	c.after(p.transactions.Timers().GiveUp(), func() { // 9.1: no final answer after 64*T1
		if !o.answered && o.x == x {
			o.answered = true
			x.stop()
			c.settle()
		}
	})
}
