package phone

import (
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"housephone/phone/transaction"
)

// transferWait is how long the far end may take to tell how a transfer went.
const transferWait = 90 * time.Second

// transferState is a transfer that is under way, by us or of us.
type transferState struct {
	busy    bool // our REFER has no outcome yet
	replies []func(error)
	timeout *timer
	slot    int
	next    *call  // the call that a REFER of the far end has made
	event   string // id of the subscription we serve, RFC 3515 2.4.6
}

// mayTransferTo is transferTo where target may be dialled: what the far end calls is called because of us.
func (c *call) mayTransferTo(target sip.Uri, reply func(error)) {
	if err := c.p.mayDial(target); err != nil {
		reply(err)
		return
	}
	c.transferTo(target, reply)
}

// transferTo asks the far end of an active call to call target (RFC 3515, 5589 6.1).
func (c *call) transferTo(target sip.Uri, reply func(error)) {
	p := c.p
	switch {
	case c.status == StatusRing:
		c.deflect(target)
		reply(nil)
		return
	case c.status != StatusActive:
		reply(errf(Refused, "no call is active"))
		return
	case c.xfer.busy:
		reply(errf(Refused, "a transfer is under way"))
		return
	}
	c.xfer.busy, c.xfer.slot = true, c.slot
	c.xfer.replies = append(c.xfer.replies, reply)
	c.transferring(TransferTrying, 0)
	c.inDialog(c.dlg, sip.REFER, func(req *sip.Request) {
		req.AppendHeader(sip.NewHeader("Refer-To", "<"+target.String()+">"))
		by := p.aor(c.media.flow)
		req.AppendHeader(sip.NewHeader("Referred-By", "<"+by.String()+">"))
		req.AppendHeader(sip.NewHeader("Supported", supported))
	}, func(res *sip.Response) {
		if !res.IsSuccess() {
			c.transferFailed(res.StatusCode, clean(res.Reason))
			return
		}
		if !c.xfer.busy { // its NOTIFY was faster
			return
		}
		c.xfer.timeout = c.after(transferWait, func() { c.transferFailed(408, "Request Timeout") })
	}, func(error) { c.transferFailed(408, "Request Timeout") })
}

// deflect sends a ringing call on (RFC 3261 21.3.3).
func (c *call) deflect(target sip.Uri) {
	c.in.reject(302, "Moved Temporarily", &sip.ContactHeader{Address: target})
	c.xfer.slot = c.slot
	c.transferring(TransferAccepted, 0)
	c.finish(outcome{cause: CauseDeclined, status: 302, reason: "Moved Temporarily"})
}

func (c *call) transferring(s TransferStatus, code int) {
	c.p.emit(Transfer{Slot: c.xfer.slot, Status: s, Code: code})
}

// transferFailed keeps the call.
func (c *call) transferFailed(code int, reason string) {
	if !c.xfer.busy {
		return
	}
	c.xfer.end(statusError(code, reason, "the transfer target"))
	c.transferring(TransferFailed, code)
}

func (x *transferState) end(err error) {
	x.busy = false
	x.timeout.stop()
	for _, f := range x.replies {
		f(err)
	}
	x.replies = nil
}

// ended is told that the call is over; a BYE of the far end while it transfers means success.
func (x *transferState) ended(c *call, o outcome) {
	if !x.busy {
		return
	}
	if o.byFar && o.cause == CauseCompleted {
		c.transferring(TransferAccepted, 0)
		x.end(nil)
		return
	}
	c.transferring(TransferFailed, o.status)
	x.end(errf(Failed, "the call ended before the transfer"))
}

// notified takes the progress of our transfer: message/sipfrag (RFC 3515 2.4.4, 3420).
func (c *call) notified(s *transaction.Server) {
	req := s.Request
	h := req.GetHeader("Event")
	if h == nil || !strings.HasPrefix(strings.ToLower(strings.TrimSpace(h.Value())), "refer") {
		c.p.answer(s, 489, "Bad Event", sip.NewHeader("Allow-Events", "refer"))
		return
	}
	c.p.answer(s, 200, "OK")
	if !c.xfer.busy {
		return
	}
	code, reason := fragment(string(req.Body()))
	switch {
	case code >= 200 && code < 300:
		c.xfer.end(nil)
		c.transferring(TransferAccepted, 0)
		c.bye(c.dlg)
		c.finish(outcome{cause: CauseCompleted})
	case code >= 300:
		c.transferFailed(code, reason)
	case code == 0 && terminated(req):
		c.transferFailed(500, "no outcome was told")
	}
}

// fragment reads the status line of a sipfrag.
func fragment(body string) (int, string) {
	line, _, _ := strings.Cut(strings.TrimSpace(body), "\n")
	fields := strings.SplitN(strings.TrimSpace(line), " ", 3)
	if len(fields) < 2 || !strings.HasPrefix(strings.ToUpper(fields[0]), "SIP/2.0") {
		return 0, ""
	}
	code, err := strconv.Atoi(fields[1])
	if err != nil || code < 100 || code > 699 {
		return 0, ""
	}
	if len(fields) < 3 {
		return code, ""
	}
	return code, clean(fields[2])
}

func terminated(req *sip.Request) bool {
	h := req.GetHeader("Subscription-State")
	return h != nil && strings.HasPrefix(strings.ToLower(strings.TrimSpace(h.Value())), "terminated")
}

// referred lets the far end transfer us, where that is allowed (RFC 3515 2.4.2).
func (c *call) referred(s *transaction.Server) {
	p := c.p
	h := s.Request.ReferTo()
	switch {
	case !p.cfg.AllowRefer:
		p.answer(s, 403, "Transfers Are Not Allowed")
		return
	case h == nil || c.status != StatusActive:
		p.answer(s, 400, "Bad Refer-To")
		return
	case c.xfer.event != "":
		p.answer(s, 500, "Transfer Pending", sip.NewHeader("Retry-After", retryAfter()))
		return
	case p.mayDial(h.Address) != nil:
		p.answer(s, 403, "Target Not Allowed")
		return
	}
	res := c.responseTo(s, 202, "Accepted")
	_ = s.Respond(res)
	c.xfer.event = "refer;id=" + strconv.FormatUint(uint64(s.Request.CSeq().SeqNo), 10)
	c.tellReferrer(100, "Trying", false)
	next := p.newCall(Out, newCallID())
	c.xfer.next = next
	next.out.done = func(err error) { c.referDone(next, err) }
	p.inHand = next
	target := sip.Uri{Scheme: "sip", User: h.Address.User, Host: h.Address.Host, Port: h.Address.Port, UriParams: h.Address.UriParams.Clone()}
	next.dial(target, "")
}

// referDone tells how the new call went; when it stands the old one gives its slot to it.
func (c *call) referDone(next *call, err error) {
	c.xfer.next = nil
	if c.over { // who referred us has gone, and its slot has been inherited
		return
	}
	if err != nil {
		code := 503
		if e := asError(err, Failed); e.Status >= 300 {
			code = e.Status
		}
		c.tellReferrer(code, "Failed", true)
		c.xfer.event = ""
		return
	}
	c.tellReferrer(200, "OK", true)
	c.bye(c.dlg)
	c.xfer.next = next
	c.finish(outcome{cause: CauseCompleted})
}

// inherit gives the slot of a call that has ended to the one that its REFER has made.
func (x *transferState) inherit(c *call) {
	next := x.next
	x.next = nil
	if next == nil || next.over {
		return
	}
	if !next.take() {
		next.hangup(next.dropped("no line is free"))
		return
	}
	c.p.current = next
}

// tellReferrer sends the NOTIFY of the implicit subscription (RFC 3515 2.4.4).
func (c *call) tellReferrer(code int, reason string, last bool) {
	state := "active;expires=60"
	if last {
		state = "terminated;reason=noresource"
	}
	event := c.xfer.event // of now: the request is made once the far end's name is looked up
	c.inDialog(c.dlg, sip.NOTIFY, func(req *sip.Request) {
		req.AppendHeader(sip.NewHeader("Event", event))
		req.AppendHeader(sip.NewHeader("Subscription-State", state))
		ct := sip.ContentTypeHeader("message/sipfrag;version=2.0")
		req.AppendHeader(&ct)
		req.SetBody([]byte("SIP/2.0 " + strconv.Itoa(code) + " " + reason + "\r\n"))
	}, func(*sip.Response) {}, func(error) {})
}

// probe asks whether the far end still knows the call, when nothing is heard of it.
func (c *call) probe() {
	c.probing = true
	c.inDialog(c.dlg, sip.OPTIONS, func(req *sip.Request) {
		req.AppendHeader(sip.NewHeader("Accept", "application/sdp"))
	}, func(res *sip.Response) {
		if res.StatusCode == 481 || res.StatusCode == 408 {
			c.gone(res.StatusCode, clean(res.Reason))
			return
		}
		c.after(probeAfter, func() { c.probing = false })
	}, func(error) {
		c.bye(c.dlg)
		c.finish(outcome{cause: CauseFailed, byFar: true, status: 408, reason: "the far end does not answer any more"})
	})
}
