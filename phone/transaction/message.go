package transaction

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"

	"housephone/phone/transport"
)

const magic = "z9hG4bK" // RFC 3261 8.1.1.7

// clientKey matches responses (RFC 3261 17.1.3).
func clientKey(msg sip.Message) (string, error) {
	branch, _ := msg.Via().Params.Get("branch")
	if branch == "" {
		return "", errors.New("no branch in the top Via")
	}
	return branch + " " + string(msg.CSeq().MethodName), nil
}

// serverKey matches retransmissions (RFC 3261 17.2.3); method replaces that of an ACK or CANCEL.
func serverKey(req *sip.Request, method sip.RequestMethod) string {
	via := req.Via()
	branch, _ := via.Params.Get("branch")
	sentBy := strings.ToLower(via.Host) + ":" + strconv.Itoa(via.Port)
	if strings.HasPrefix(branch, magic) && len(branch) > len(magic) {
		return branch + " " + sentBy + " " + string(method)
	}
	return mergeKey(req, method) + " " + sentBy + " " + req.Recipient.String() // RFC 2543
}

// mergeKey is equal for copies of one request that came by different ways (RFC 3261 8.2.2.2).
func mergeKey(req *sip.Request, method sip.RequestMethod) string {
	from, _ := req.From().Params.Get("tag")
	return strings.Join([]string{from, req.CallID().Value(), strconv.FormatUint(uint64(req.CSeq().SeqNo), 10), string(method)}, " ")
}

// ackFor builds the ACK of a non-2xx final response (RFC 3261 17.1.1.3).
func ackFor(invite *sip.Request, res *sip.Response) *sip.Request {
	ack := sip.NewRequest(sip.ACK, *invite.Recipient.Clone())
	ack.AppendHeader(invite.Via().Clone())
	for _, h := range invite.GetHeaders("Route") {
		ack.AppendHeader(sip.HeaderClone(h))
	}
	forwards := sip.MaxForwardsHeader(70)
	ack.AppendHeader(&forwards)
	ack.AppendHeader(sip.HeaderClone(invite.From()))
	ack.AppendHeader(sip.HeaderClone(res.To()))
	ack.AppendHeader(sip.HeaderClone(invite.CallID()))
	ack.AppendHeader(&sip.CSeqHeader{SeqNo: invite.CSeq().SeqNo, MethodName: sip.ACK})
	ack.SetBody(nil)
	return ack
}

// CancelFor builds the CANCEL of a pending INVITE (RFC 3261 9.1). reason is the
// value of a Reason header (RFC 3326), empty for none.
func CancelFor(invite *sip.Request, reason string) *sip.Request {
	cancel := sip.NewRequest(sip.CANCEL, *invite.Recipient.Clone())
	cancel.AppendHeader(invite.Via().Clone())
	for _, h := range invite.GetHeaders("Route") {
		cancel.AppendHeader(sip.HeaderClone(h))
	}
	forwards := sip.MaxForwardsHeader(70)
	cancel.AppendHeader(&forwards)
	cancel.AppendHeader(sip.HeaderClone(invite.From()))
	cancel.AppendHeader(sip.HeaderClone(invite.To()))
	cancel.AppendHeader(sip.HeaderClone(invite.CallID()))
	cancel.AppendHeader(&sip.CSeqHeader{SeqNo: invite.CSeq().SeqNo, MethodName: sip.CANCEL})
	if reason != "" {
		cancel.AppendHeader(sip.NewHeader("Reason", reason))
	}
	cancel.SetBody(nil)
	return cancel
}

func replyTo(req *sip.Request, flow transport.Flow, code int, reason, tag string) *sip.Response {
	res := sip.NewResponse(code, reason)
	res.SipVersion = "SIP/2.0"
	for i, h := range req.GetHeaders("Via") {
		via, ok := h.(*sip.ViaHeader)
		if i > 0 || !ok {
			res.AppendHeader(sip.HeaderClone(h))
			continue
		}
		res.AppendHeader(markReceived(via.Clone(), flow.Remote))
	}
	if code > 100 && code < 300 {
		for _, h := range req.GetHeaders("Record-Route") {
			res.AppendHeader(sip.HeaderClone(h))
		}
	}
	res.AppendHeader(sip.HeaderClone(req.From()))
	to, ok := sip.HeaderClone(req.To()).(*sip.ToHeader)
	if ok {
		if code > 100 && !to.Params.Has("tag") {
			to.Params.Add("tag", tag)
		}
		res.AppendHeader(to)
	}
	res.AppendHeader(sip.HeaderClone(req.CallID()))
	res.AppendHeader(sip.HeaderClone(req.CSeq()))
	if code == 100 {
		for _, h := range req.GetHeaders("Timestamp") { // 8.2.6.1
			res.AppendHeader(sip.HeaderClone(h))
		}
	}
	res.SetBody(nil)
	return res
}

// markReceived adds received (RFC 3261 18.2.1) and rport (RFC 3581 4).
func markReceived(via *sip.ViaHeader, from netip.AddrPort) *sip.ViaHeader {
	rport, wanted := via.Params.Get("rport")
	host, err := netip.ParseAddr(strings.Trim(via.Host, "[]"))
	if wanted || err != nil || host != from.Addr() {
		via.Params.Remove("received")
		via.Params.Add("received", from.Addr().String())
	}
	if wanted && rport == "" {
		via.Params.Remove("rport")
		via.Params.Add("rport", strconv.Itoa(int(from.Port())))
	}
	return via
}

// responseAddr is where a response goes (RFC 3261 18.2.2, RFC 3581 4): back to the
// source; to the port of the Via when the peer did not ask for rport.
func responseAddr(req *sip.Request, flow transport.Flow) netip.AddrPort {
	if flow.Network.Reliable() {
		return flow.Remote
	}
	via := req.Via()
	if via.Params.Has("rport") {
		return flow.Remote
	}
	port := uint16(5060)
	if via.Port > 0 && via.Port < 65536 {
		port = uint16(via.Port)
	}
	return netip.AddrPortFrom(flow.Remote.Addr(), port)
}
