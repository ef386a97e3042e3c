package phone

import (
	"strings"

	"github.com/emiago/sipgo/sip"

	"housephone/phone/transaction"
	"housephone/phone/transport"
)

const maxMessageBody = 4096 // octets of a SIP MESSAGE

// messageReceived takes a SIP MESSAGE (RFC 3428 7).
func (p *Phone) messageReceived(s *transaction.Server) {
	req := s.Request
	kind := "text/plain"
	if ct := req.ContentType(); ct != nil {
		kind, _, _ = strings.Cut(strings.ToLower(ct.Value()), ";")
	}
	switch {
	case !p.allow.mayRing(s.Flow.Remote.Addr()):
		p.answer(s, 403, "Forbidden")
		return
	case strings.TrimSpace(kind) != "text/plain":
		p.answer(s, 415, "Unsupported Media Type", sip.NewHeader("Accept", "text/plain"))
		return
	case len(req.Body()) > maxMessageBody:
		p.answer(s, 413, "Request Entity Too Large")
		return
	}
	p.answer(s, 200, "OK")
	body := strings.ToValidUTF8(string(req.Body()), "\uFFFD")
	p.emit(MessageReceived{From: p.callerOf(s), Body: body})
}

// sendMessage sends one (RFC 3428 4).
func (p *Phone) sendMessage(to sip.Uri, body string, reply func(error)) {
	p.oneRequest(sip.MESSAGE, to, func(req *sip.Request) {
		ct := sip.ContentTypeHeader("text/plain;charset=utf-8")
		req.AppendHeader(&ct)
		req.SetBody([]byte(body))
	}, func(res *sip.Response, err error) {
		switch {
		case err != nil:
			reply(p.reachError(err, partyOf("", to)))
		case !res.IsSuccess():
			reply(statusError(res.StatusCode, clean(res.Reason), partyOf("", to).User))
		default:
			reply(nil)
		}
	})
}

// oneRequest sends a request that makes no dialog.
func (p *Phone) oneRequest(method sip.RequestMethod, to sip.Uri, prepare func(*sip.Request), done func(*sip.Response, error)) {
	seq := randomSeq()
	id, tag := newCallID(), localTag(sip.GenerateTagN(16))
	x := &exchange{line: p, uri: to}
	if r := p.firstRoutes(to); len(r) > 0 {
		x.uri = r[0].(*sip.RouteHeader).Address //nolint:forcetypeassert // made there
	}
	x.bump = func() uint32 { seq++; return seq }
	x.build = func(flow transport.Flow) (*sip.Request, error) {
		req := p.newRequest(method, to, id, tag, seq, flow)
		req.SetBody(nil)
		prepare(req)
		if p.digest != nil && p.isOwn(to) {
			p.digest.Preauthorize(req)
		}
		return req, nil
	}
	x.final = func(res *sip.Response) { x.stopped = true; done(res, nil) }
	x.failed = func(err error) { done(nil, err) }
	x.start()
}

// callerOf tells who sent a request.
func (p *Phone) callerOf(s *transaction.Server) Party { return partyOf(p.asserted(s)) }

// asserted is the name and address of who sent a request. The server's own word (RFC 3325) is preferred to the caller's.
func (p *Phone) asserted(s *transaction.Server) (name string, address sip.Uri) {
	if h := s.Request.GetHeader("P-Asserted-Identity"); h != nil && p.isServer(s.Flow.Remote.Addr()) {
		var uri sip.Uri
		var params sip.HeaderParams
		first, _, _ := strings.Cut(h.Value(), ",")
		if name, err := sip.ParseAddressValue(first, &uri, &params); err == nil && strings.HasPrefix(strings.ToLower(uri.Scheme), "sip") && uri.User != "" {
			return name, uri
		}
	}
	from := s.Request.From()
	return from.DisplayName, from.Address
}
