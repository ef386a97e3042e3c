package phone

import (
	"slices"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// localTag and remoteTag are apart so that the compiler catches a swap.
type (
	localTag  string
	remoteTag string
)

// dialog is the state of RFC 3261 12. It is plain data.
type dialog struct {
	callID    string
	local     localTag
	remote    remoteTag
	self      sip.FromHeader // From of our requests
	peer      sip.ToHeader   // To of our requests
	localSeq  uint32
	remoteSeq uint32
	hasRemote bool    // remoteSeq is set
	target    sip.Uri // remote target, changed by target refresh
	routes    []sip.Uri
	early     bool
	allow     map[sip.RequestMethod]bool // methods of the peer's Allow; nil = not told
}

// dialogFromResponse makes the caller's dialog of a 1xx with a To-tag or a 2xx (RFC 3261 12.1.2).
func dialogFromResponse(invite *sip.Request, res *sip.Response) *dialog {
	d := &dialog{
		callID:   invite.CallID().Value(),
		self:     *cloneFrom(invite.From()),
		localSeq: invite.CSeq().SeqNo,
		early:    res.StatusCode < 200,
		target:   *invite.Recipient.Clone(),
	}
	d.local = localTag(d.self.Params.GetOr("tag", ""))
	d.peer = *cloneTo(res.To())
	d.remote = remoteTag(d.peer.Params.GetOr("tag", ""))
	d.routes = recordRoutes(res)
	slices.Reverse(d.routes)
	d.refresh(res)
	d.learnAllow(res)
	return d
}

// dialogFromInvite makes the callee's dialog (RFC 3261 12.1.1).
func dialogFromInvite(invite *sip.Request, tag localTag) *dialog {
	self := invite.To().AsFrom()
	self.Params.Add("tag", string(tag))
	d := &dialog{
		callID:    invite.CallID().Value(),
		local:     tag,
		self:      self,
		peer:      invite.From().AsTo(),
		remoteSeq: invite.CSeq().SeqNo,
		hasRemote: true,
		target:    *invite.From().Address.Clone(), // until the Contact says better
		routes:    recordRoutes(invite),
	}
	d.remote = remoteTag(d.peer.Params.GetOr("tag", ""))
	d.refresh(invite)
	d.learnAllow(invite)
	return d
}

// refresh takes the Contact of a target refresh (RFC 3261 12.2.1.2, 12.2.2).
func (d *dialog) refresh(msg interface{ Contact() *sip.ContactHeader }) {
	if c := msg.Contact(); c != nil && !c.Address.Wildcard && c.Address.Host != "" {
		d.target = *c.Address.Clone()
	}
}

// confirm turns the early dialog into one with the route set of the 2xx (RFC 3261 13.2.2.4).
func (d *dialog) confirm(res *sip.Response) {
	d.early = false
	d.routes = recordRoutes(res)
	slices.Reverse(d.routes)
	d.refresh(res)
	d.learnAllow(res)
}

func (d *dialog) learnAllow(msg interface {
	GetHeaders(string) []sip.Header
}) {
	headers := msg.GetHeaders("Allow")
	if len(headers) == 0 {
		return
	}
	d.allow = map[sip.RequestMethod]bool{}
	for _, h := range headers {
		for m := range strings.SplitSeq(h.Value(), ",") {
			d.allow[sip.RequestMethod(strings.ToUpper(strings.TrimSpace(m)))] = true
		}
	}
}

func (d *dialog) allows(m sip.RequestMethod) bool { return d.allow[m] }

// request builds a request inside the dialog (RFC 3261 12.2.1.1). ACK takes seq, others the next number.
func (d *dialog) request(method sip.RequestMethod) *sip.Request {
	if method != sip.ACK {
		d.localSeq++
	}
	return d.requestSeq(method, d.localSeq)
}

func (d *dialog) requestSeq(method sip.RequestMethod, seq uint32) *sip.Request {
	uri, routes := d.target, d.routes
	if len(routes) > 0 && !routes[0].UriParams.Has("lr") { // strict router
		uri, routes = routes[0], append(slices.Clone(routes[1:]), d.target)
	}
	uri = *uri.Clone()
	uri.Headers = nil
	uri.UriParams.Remove("method")
	req := sip.NewRequest(method, uri)
	for _, r := range routes {
		req.AppendHeader(&sip.RouteHeader{Address: *r.Clone()})
	}
	forwards := sip.MaxForwardsHeader(70)
	req.AppendHeader(&forwards)
	req.AppendHeader(cloneFrom(&d.self))
	to := cloneTo(&d.peer)
	if d.remote != "" {
		to.Params.Add("tag", string(d.remote))
	}
	req.AppendHeader(to)
	id := sip.CallIDHeader(d.callID)
	req.AppendHeader(&id)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: seq, MethodName: method})
	return req
}

// hop is the URI that requests are sent to: the first router, be it loose or strict,
// else the target (RFC 3261 12.2.1.1).
func (d *dialog) hop() sip.Uri {
	if len(d.routes) > 0 {
		return d.routes[0]
	}
	return d.target
}

// order checks the CSeq of a request of the peer (RFC 3261 12.2.2).
func (d *dialog) order(seq uint32) bool {
	if d.hasRemote && seq < d.remoteSeq {
		return false
	}
	d.remoteSeq, d.hasRemote = seq, true
	return true
}

func recordRoutes(msg interface {
	GetHeaders(string) []sip.Header
}) []sip.Uri {
	var out []sip.Uri
	for _, h := range msg.GetHeaders("Record-Route") {
		if rr, ok := h.(*sip.RecordRouteHeader); ok {
			out = append(out, *rr.Address.Clone())
		}
	}
	return out
}

func cloneFrom(h *sip.FromHeader) *sip.FromHeader {
	return &sip.FromHeader{DisplayName: h.DisplayName, Address: *h.Address.Clone(), Params: h.Params.Clone()}
}

func cloneTo(h *sip.ToHeader) *sip.ToHeader {
	return &sip.ToHeader{DisplayName: h.DisplayName, Address: *h.Address.Clone(), Params: h.Params.Clone()}
}
