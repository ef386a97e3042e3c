package phone

import (
	"strings"

	"github.com/emiago/sipgo/sip"

	"housephone/phone/transaction"
	"housephone/phone/transport"
)

// arrived is called by the sockets' goroutines.
func (p *Phone) arrived(s *transaction.Server) {
	if !p.box.offer(func() { p.request(s) }) {
		p.answer(s, 503, "Service Unavailable", sip.NewHeader("Retry-After", "5"))
	}
}

// request takes a new request that is not an ACK (RFC 3261 8.2).
func (p *Phone) request(s *transaction.Server) {
	handled := false
	defer func() {
		if !handled { // a panic; where there is an answer this one goes nowhere
			p.answer(s, 500, "Server Internal Error")
		}
	}()
	p.serve(s)
	handled = true
}

func (p *Phone) serve(s *transaction.Server) {
	req := s.Request
	if s.Request.Method == sip.CANCEL {
		p.cancelRequest(s)
		return
	}
	if code, reason, headers := check(req); code != 0 {
		p.answer(s, code, reason, headers...)
		return
	}
	if req.To().Params.Has("tag") {
		p.inDialogRequest(s)
		return
	}
	if req.Method != sip.OPTIONS && !p.allow.mayRing(s.Flow.Remote.Addr()) {
		p.answer(s, 403, "Forbidden")
		return
	}
	switch req.Method {
	case sip.INVITE, sip.MESSAGE, sip.NOTIFY, sip.OPTIONS: // RFC 3261 11.2: OPTIONS is answered as an INVITE would be
		if p.stopping || !p.active {
			p.answer(s, 480, "Temporarily Unavailable")
			return
		}
	}
	switch req.Method {
	case sip.INVITE:
		p.invited(s)
	case sip.OPTIONS:
		p.options(s)
	case sip.MESSAGE:
		p.messageReceived(s)
	case sip.NOTIFY:
		p.notified(s)
	case sip.BYE, sip.INFO, sip.UPDATE, sip.PRACK:
		p.answer(s, 481, "Call/Transaction Does Not Exist")
	case sip.REFER, sip.REGISTER, sip.SUBSCRIBE, sip.PUBLISH:
		p.answer(s, 405, "Method Not Allowed", sip.NewHeader("Allow", allowedMethods))
	default:
		p.answer(s, 501, "Not Implemented", sip.NewHeader("Allow", allowedMethods))
	}
}

func (p *Phone) cancelRequest(s *transaction.Server) {
	c := p.calls[s.Request.CallID().Value()]
	if c == nil || s.Invite == nil || c.in.tx != s.Invite {
		if s.Invite != nil { // of a re-INVITE, which has been answered already
			p.answer(s, 200, "OK")
			return
		}
		p.answer(s, 481, "Call/Transaction Does Not Exist")
		return
	}
	p.inHand = c
	c.cancelled(s)
}

// find looks up the call of a request inside a dialog.
func (p *Phone) find(req *sip.Request) (*call, *dialog) {
	c := p.calls[req.CallID().Value()]
	if c == nil {
		return nil, nil
	}
	to := localTag(req.To().Params.GetOr("tag", ""))
	from := remoteTag(req.From().Params.GetOr("tag", ""))
	if to != c.tag {
		return nil, nil
	}
	if c.dlg != nil && c.dlg.remote == from {
		return c, c.dlg
	}
	if f := c.out.early[from]; f != nil {
		return c, f.dlg
	}
	return nil, nil
}

func (p *Phone) inDialogRequest(s *transaction.Server) {
	req := s.Request
	c, d := p.find(req)
	// Once a phone has answered, others that an INVITE was forked to have a dialog to end and nothing else.
	if c == nil || (c.over || c.dlg != nil && d != c.dlg) && req.Method != sip.BYE {
		p.answer(s, 481, "Call/Transaction Does Not Exist")
		return
	}
	p.inHand = c
	if !d.order(req.CSeq().SeqNo) {
		p.answer(s, 500, "CSeq Out Of Order", sip.NewHeader("Retry-After", "1")) // RFC 3261 12.2.2
		return
	}
	switch req.Method {
	case sip.BYE:
		c.byeReceived(s, d)
	case sip.INVITE:
		c.reinvited(s)
	case sip.UPDATE:
		c.updated(s, d)
	case sip.PRACK:
		c.pracked(s)
	case sip.INFO:
		c.infoReceived(s)
	case sip.REFER:
		c.referred(s)
	case sip.NOTIFY:
		c.notified(s)
	case sip.OPTIONS:
		p.options(s)
	case sip.MESSAGE:
		p.messageReceived(s)
	default:
		p.answer(s, 405, "Method Not Allowed", sip.NewHeader("Allow", allowedMethods))
	}
}

// byeReceived ends the dialog (RFC 3261 15.1.2).
func (c *call) byeReceived(s *transaction.Server, d *dialog) {
	c.p.answer(s, 200, "OK")
	if c.over || d != c.dlg {
		return
	}
	o := outcome{cause: CauseCompleted, byFar: true}
	if c.status == StatusRing { // a BYE before the answer
		c.in.reject(487, "Request Terminated")
		o = outcome{cause: CauseCancelled, byFar: true, status: 487, reason: "Request Terminated"}
	}
	c.finish(o)
}

// ack takes the ACK of a 2xx.
func (p *Phone) ack(req *sip.Request, _ transport.Flow) {
	if c, _ := p.find(req); c != nil {
		p.inHand = c
		c.acked(req)
	}
}

// stray takes a 2xx whose INVITE transaction has gone.
func (p *Phone) stray(res *sip.Response, _ transport.Flow) {
	c := p.calls[res.CallID().Value()]
	if c == nil || c.out.x == nil || c.out.x.req == nil || res.CSeq().SeqNo != c.out.seq {
		return
	}
	p.inHand = c
	c.inviteAccepted(res)
}

// options answers with what this phone can do (RFC 3261 11.2).
func (p *Phone) options(s *transaction.Server) {
	p.answer(s, 200, "OK", // also when busy: a keep-alive must not look like an outage
		sip.NewHeader("Allow", allowedMethods), sip.NewHeader("Accept", "application/sdp"),
		sip.NewHeader("Accept-Encoding", "identity"), sip.NewHeader("Supported", supported))
}

// notified takes a NOTIFY outside of a dialog, such as message-waiting (RFC 3842) of the registrar.
func (p *Phone) notified(s *transaction.Server) {
	h := s.Request.GetHeader("Event")
	if h == nil || !strings.HasPrefix(strings.ToLower(h.Value()), "message-summary") {
		p.answer(s, 489, "Bad Event", sip.NewHeader("Allow-Events", "refer, message-summary"))
		return
	}
	p.answer(s, 200, "OK")
}

func (p *Phone) answer(s *transaction.Server, code int, reason string, headers ...sip.Header) {
	p.answerAs(s, localTag(sip.GenerateTagN(16)), code, reason, headers...)
}

func (p *Phone) answerAs(s *transaction.Server, tag localTag, code int, reason string, headers ...sip.Header) {
	res := s.Reply(code, reason, string(tag))
	for _, h := range headers {
		res.AppendHeader(h)
	}
	res.AppendHeader(sip.NewHeader("User-Agent", p.cfg.UserAgent))
	if err := s.Respond(res); err != nil {
		p.log.Debug("respond", "code", code, "to", s.Flow.Remote, "err", err)
	}
}

func reasonOf(code int) string {
	switch code {
	case 400:
		return "Bad Request"
	case 486:
		return "Busy Here"
	case 488:
		return "Not Acceptable Here"
	case 503:
		return "Service Unavailable"
	}
	return "Server Error"
}

// hasSDP tells whether a message carries a session description.
func hasSDP(msg interface {
	Body() []byte
	ContentType() *sip.ContentTypeHeader
}) bool {
	if len(msg.Body()) == 0 {
		return false
	}
	ct := msg.ContentType()
	if ct == nil {
		return false
	}
	kind, _, _ := strings.Cut(ct.Value(), ";")
	return strings.EqualFold(strings.TrimSpace(kind), "application/sdp")
}
