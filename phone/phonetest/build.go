package phonetest

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"strings"
)

// Opt changes a message that is being built, last.
type Opt func(*Msg)

// WithHeader sets a header, in place of one that is there.
func WithHeader(name, value string) Opt { return func(m *Msg) { m.Set(name, value) } }

// WithExtraHeader adds a header line beside those that are there.
func WithExtraHeader(name, value string) Opt { return func(m *Msg) { m.Add(name, value) } }

// WithoutHeader removes a header.
func WithoutHeader(name string) Opt { return func(m *Msg) { m.Del(name) } }

// WithTag sets the tag of the To header; "" removes it.
func WithTag(tag string) Opt { return func(m *Msg) { m.Set("To", withTag(m.Header("To"), tag)) } }

// WithBody sets body and Content-Type.
func WithBody(contentType, body string) Opt {
	return func(m *Msg) {
		m.Set("Content-Type", contentType)
		m.Body = []byte(body)
	}
}

// WithSDP sets a session description as the body.
func WithSDP(sdp string) Opt { return WithBody("application/sdp", sdp) }

// WithFrom sets the From URI of a new request; the tag stays.
func WithFrom(uri string) Opt {
	return func(m *Msg) { m.Set("From", withTag("<"+uri+">", m.FromTag())) }
}

// WithTo sets the To URI of a new request.
func WithTo(uri string) Opt { return func(m *Msg) { m.Set("To", "<"+uri+">") } }

func withTag(value, tag string) string {
	i := strings.LastIndexByte(value, '>') + 1
	if j := strings.Index(value[i:], ";"); j >= 0 {
		value = value[:i+j]
	}
	if tag == "" {
		return value
	}
	return value + ";tag=" + tag
}

// Request builds a request outside of a dialog, with a fresh Call-ID, branch and tag.
// To is the Request-URI; From is user "peer" unless an option says otherwise.
func (p *Peer) Request(method, uri string, opts ...Opt) *Msg {
	callID := rand.Text()[:16]
	m := &Msg{Method: method, URI: uri}
	m.Add("Via", p.via())
	m.Add("Max-Forwards", "70")
	m.Add("From", "<"+p.URI("peer")+">;tag="+p.tag(callID))
	m.Add("To", "<"+uri+">")
	m.Add("Call-ID", callID)
	m.Add("CSeq", "1 "+method)
	if method != "REGISTER" && method != "OPTIONS" {
		m.Add("Contact", "<"+p.URI("peer")+">")
	}
	return apply(m, opts)
}

// Invite builds an INVITE to uri and sends it to an address.
func (p *Peer) Invite(uri string, to netip.AddrPort, opts ...Opt) *Msg {
	return p.Send(p.Request("INVITE", uri, opts...), to)
}

func (p *Peer) via() string {
	return fmt.Sprintf("SIP/2.0/%s %s;branch=z9hG4bK%s;rport", p.transport, p.public(), rand.Text()[:12])
}

func apply(m *Msg, opts []Opt) *Msg {
	for _, o := range opts {
		o(m)
	}
	return m
}

// Response builds a correct response to m (RFC 3261 8.2.6): Via with received and
// rport (RFC 3581 4), From, To with the peer's tag, Call-ID, CSeq, Record-Route and Contact.
func (p *Peer) Response(m *Msg, code int, reason string, opts ...Opt) *Msg {
	r := &Msg{Code: code, Reason: reason, conn: m.conn}
	for i, via := range m.Values("Via") {
		if i == 0 {
			via = answerVia(via, m.Source)
		}
		r.Add("Via", via)
	}
	_, method := m.CSeq()
	if method == "INVITE" || method == "SUBSCRIBE" {
		for _, route := range m.Values("Record-Route") {
			r.Add("Record-Route", route)
		}
	}
	r.Add("From", m.Header("From"))
	r.Add("To", m.Header("To"))
	if code > 100 && m.ToTag() == "" {
		r.Set("To", withTag(m.Header("To"), p.tag(m.CallID())))
	}
	r.Add("Call-ID", m.CallID())
	r.Add("CSeq", m.Header("CSeq"))
	switch {
	case method == "REGISTER" && code/100 == 2: // RFC 3261 10.3: the bindings that now hold
		for _, c := range m.Values("Contact") {
			r.Add("Contact", c)
		}
		if e := m.Header("Expires"); e != "" {
			r.Add("Expires", e)
		}
	case method == "INVITE" && code > 100 && code < 300, method == "UPDATE" && code/100 == 2:
		r.Add("Contact", "<"+p.URI("peer")+">")
	}
	return apply(r, opts)
}

// Reply builds the Response and sends it to where m came from.
func (p *Peer) Reply(m *Msg, code int, reason string, opts ...Opt) *Msg {
	return p.Send(p.Response(m, code, reason, opts...), m.Source)
}

// answerVia fills in rport and received (RFC 3581 4).
func answerVia(via string, source netip.AddrPort) string {
	parts := strings.Split(via, ";")
	for i, part := range parts {
		if strings.EqualFold(strings.TrimSpace(part), "rport") {
			parts[i] = fmt.Sprintf("rport=%d", source.Port())
			return strings.Join(parts, ";") + ";received=" + source.Addr().String()
		}
	}
	return via
}

// Ack acknowledges the final response to an INVITE that the peer sent: for a failure in
// the INVITE's transaction (RFC 3261 17.1.1.3), for a 2xx in the dialog (13.2.2.4).
func (p *Peer) Ack(invite, resp *Msg, opts ...Opt) *Msg {
	if resp.Code/100 == 2 {
		return p.Dialog(invite, resp).Ack(resp, opts...)
	}
	return p.Send(apply(hopRequest("ACK", invite, resp.Header("To")), opts), invite.dest)
}

// Cancel cancels a request that the peer sent (RFC 3261 9.1).
func (p *Peer) Cancel(invite *Msg, opts ...Opt) *Msg {
	return p.Send(apply(hopRequest("CANCEL", invite, invite.Header("To")), opts), invite.dest)
}

// hopRequest builds the two requests that share the branch of an INVITE.
func hopRequest(method string, invite *Msg, to string) *Msg {
	n, _ := invite.CSeq()
	m := &Msg{Method: method, URI: invite.URI}
	m.Add("Via", invite.Header("Via"))
	m.Add("Max-Forwards", "70")
	for _, r := range invite.Values("Route") {
		m.Add("Route", r)
	}
	m.Add("From", invite.Header("From"))
	m.Add("To", to)
	m.Add("Call-ID", invite.CallID())
	m.Add("CSeq", fmt.Sprintf("%d %s", n, method))
	return m
}
