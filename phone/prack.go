package phone

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"housephone/phone/transaction"
)

// prackState is the callee's side of reliable provisional responses (RFC 3262 3).
type prackState struct {
	tag      string
	rseq     uint32
	first    uint32 // rseq before the first one
	waiting  bool   // for the PRACK of rseq
	withSDP  bool   // that response carried our offer or answer
	agreed   bool   // offer and answer are complete before the 2xx
	t        *timer
	interval time.Duration
	until    time.Time
	then     func() // what waits for the PRACK
}

// blocks tells that a 2xx must wait (RFC 3262 3: not before the PRACK of a response with SDP).
func (s *prackState) blocks() bool { return s.waiting && s.withSDP }

// provisional sends a 1xx, reliably when the caller asks for that.
func (c *call) provisional(code int, reason string, body []byte) {
	res := c.response(code, reason)
	c.in.reply.tag = string(c.tag)
	if body != nil {
		setSDP(res, body)
	}
	tx := c.in.tx
	if !hasOption(tx.Request, "Require", "100rel") || c.in.reply.waiting {
		_ = tx.Respond(res)
		return
	}
	s := &c.in.reply
	if s.rseq == 0 {
		s.first = rand.Uint32N(1 << 30)
		s.rseq = s.first
	}
	s.rseq++
	if !c.in.offered && s.rseq == s.first+1 { // RFC 3262 5: the first reliable response has the offer
		offer, err := c.offer.Offer(c.media.local(false))
		if err != nil {
			c.hangup(outcome{cause: CauseFailed, status: 500, reason: "no offer"})
			return
		}
		body = offer
		setSDP(res, body)
	}
	s.waiting, s.withSDP = true, body != nil
	res.AppendHeader(sip.NewHeader("Require", "100rel"))
	res.AppendHeader(sip.NewHeader("RSeq", strconv.FormatUint(uint64(s.rseq), 10)))
	timers := c.p.transactions.Timers()
	s.interval, s.until = timers.T1, c.p.now().Add(timers.GiveUp())
	c.repeatReliable(res)
}

// repeatReliable retransmits with doubling intervals; without a PRACK the call is refused (RFC 3262 3).
func (c *call) repeatReliable(res *sip.Response) {
	s := &c.in.reply
	_ = c.in.tx.Respond(res)
	s.t = c.after(s.interval, func() {
		if !s.waiting || c.over || c.status != StatusRing {
			return
		}
		if c.p.now().After(s.until) {
			c.hangup(outcome{cause: CauseFailed, status: 504, reason: "the ringing was never acknowledged"})
			return
		}
		s.interval *= 2
		c.repeatReliable(res)
	})
}

// pracked takes a PRACK (RFC 3262 3).
func (c *call) pracked(tx *transaction.Server) {
	s := &c.in.reply
	if !s.waiting || !c.in.acknowledges(tx.Request) {
		c.p.answerAs(tx, c.tag, 481, "Call/Transaction Does Not Exist")
		return
	}
	s.waiting = false
	s.t.stop()
	res := tx.Reply(200, "OK", string(c.tag))
	if err := c.prackedSDP(tx.Request, res); err != nil {
		c.p.answerAs(tx, c.tag, err.Status, reasonOf(err.Status))
		c.hangup(outcome{cause: CauseFailed, status: err.Status, reason: reasonOf(err.Status)})
		return
	}
	_ = tx.Respond(res)
	if then := s.then; then != nil {
		s.then = nil
		then()
	}
}

// prackedSDP takes the answer to our offer, or a further offer, from a PRACK (RFC 3262 5).
func (c *call) prackedSDP(req *sip.Request, res *sip.Response) *Error {
	s := &c.in.reply
	switch {
	case c.offer.Pending():
		m, err := c.offer.Accept(req.Body())
		if err != nil {
			return offerError(err)
		}
		c.agreedAnew(nil, m)
	case s.withSDP && hasSDP(req):
		body, m, err := c.offer.Answer(req.Body(), c.media.local(false))
		if err != nil {
			return offerError(err)
		}
		setSDP(res, body)
		c.agreedAnew(nil, m)
	}
	s.agreed = s.agreed || s.withSDP
	return nil
}

// acknowledges tells whether the RAck of a PRACK names the response that waits for it.
func (in *incoming) acknowledges(prack *sip.Request) bool {
	h := prack.GetHeader("RAck")
	if h == nil {
		return false
	}
	want := fmt.Sprintf("%d %d INVITE", in.reply.rseq, in.tx.Request.CSeq().SeqNo)
	return strings.Join(strings.Fields(h.Value()), " ") == want
}

// reliable acknowledges a reliable provisional response by PRACK (RFC 3262 4);
// false means that it is a copy or out of order and must not be handled.
func (c *call) reliable(f *fork, res *sip.Response) bool {
	h := res.GetHeader("RSeq")
	if h == nil || !hasOption(res, "Require", "100rel") {
		return true
	}
	n, err := strconv.ParseUint(strings.TrimSpace(h.Value()), 10, 32)
	rseq := uint32(n)
	if err != nil || (f.rseq != 0 && rseq != f.rseq+1) {
		return false
	}
	f.rseq = rseq
	rack := h.Value() + " " + strconv.FormatUint(uint64(res.CSeq().SeqNo), 10) + " INVITE"
	c.inDialog(f.dlg, sip.PRACK, func(req *sip.Request) {
		req.AppendHeader(sip.NewHeader("RAck", rack))
	}, func(*sip.Response) {}, func(err error) {
		c.p.log.Info("prack without an answer", "call", c.id, "err", err)
	})
	return true
}

// hasOption tells whether a header lists an option tag.
func hasOption(msg interface {
	GetHeaders(string) []sip.Header
}, header, tag string) bool {
	for _, h := range msg.GetHeaders(header) {
		for v := range strings.SplitSeq(h.Value(), ",") {
			if strings.EqualFold(strings.TrimSpace(v), tag) {
				return true
			}
		}
	}
	return false
}
