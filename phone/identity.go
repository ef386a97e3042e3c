package phone

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"

	"housephone/phone/resolve"
	"housephone/phone/transport"
)

const (
	allowedMethods = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO, REFER, NOTIFY, MESSAGE"
	supported      = "timer, 100rel"
)

// user is the user part of our own address.
func (p *Phone) user() string {
	if p.cfg.User != "" {
		return p.cfg.User
	}
	return p.cfg.ID
}

// aor is our address of record; in stand-alone mode its host is where flow leaves from.
func (p *Phone) aor(flow transport.Flow) sip.Uri {
	host := p.cfg.Server
	port := 0
	if host == "" {
		var local netip.AddrPort
		host, local = p.localHost(flow)
		if local.Port() != 5060 {
			port = int(local.Port())
		}
	}
	return sip.Uri{Scheme: "sip", User: p.user(), Host: bracket(host), Port: port}
}

// localHost is the address that peers of flow should use for us.
func (p *Phone) localHost(flow transport.Flow) (string, netip.AddrPort) {
	local, err := flow.LocalAddr()
	if err != nil {
		local = flow.Local
	}
	host, port, _ := splitAdvertise(p.cfg.Advertise)
	if host == "" {
		return local.Addr().String(), local
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return host, local
	}
	if port == 0 {
		port = int(local.Port())
	}
	return host, netip.AddrPortFrom(addr, uint16(port))
}

// contact is where we are reached over flow (RFC 3261 8.1.1.8). Over TCP and TLS
// it names the connection itself, so that the server uses it for calls to us.
func (p *Phone) contact(flow transport.Flow) *sip.ContactHeader {
	host, local := p.localHost(flow)
	if public, ok := p.public(flow); ok {
		host, local = public.Addr().String(), public
	}
	uri := sip.Uri{Scheme: "sip", User: p.user(), Host: bracket(host), Port: int(local.Port())}
	if flow.Network != transport.UDP {
		uri.UriParams.Add("transport", string(flow.Network))
	}
	return &sip.ContactHeader{Address: uri}
}

// public is our address as the far end of flow sees it: what it has told itself (RFC 3581), or
// else what the STUN server says.
func (p *Phone) public(flow transport.Flow) (netip.AddrPort, bool) {
	if a, ok := p.reg.public(flow); ok {
		return a, true
	}
	return p.nat.public(flow)
}

// mediaAddr is the address put into SDP for a call over flow.
func (p *Phone) mediaAddr(flow transport.Flow) netip.Addr {
	host, local := p.localHost(flow)
	if a, err := netip.ParseAddr(host); err == nil {
		return a
	}
	return local.Addr()
}

// stamp completes a request for the flow it leaves by: a fresh Via (RFC 3261
// 18.1.1, rport of RFC 3581) on top, and User-Agent.
func (p *Phone) stamp(req *sip.Request, flow transport.Flow) error {
	local, err := flow.LocalAddr()
	if err != nil {
		return err
	}
	host, adv := p.localHost(flow)
	port := adv.Port()
	if flow.Network != transport.UDP {
		port = local.Port()
	}
	if public, ok := p.nat.public(flow); ok { // for servers that know no rport
		host, port = public.Addr().String(), public.Port()
	}
	via := &sip.ViaHeader{
		ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: flow.Network.Via(),
		Host: bracket(host), Port: int(port), Params: sip.NewParams(),
	}
	via.Params.Add("branch", sip.GenerateBranchN(24))
	via.Params.Add("rport", "")
	req.PrependHeader(via)
	if req.GetHeader("User-Agent") == nil {
		req.AppendHeader(sip.NewHeader("User-Agent", p.cfg.UserAgent))
	}
	req.SetTransport(flow.Network.Via())
	return nil
}

// hop tells where a URI leads: host, port (0 = by DNS) and transport.
func (p *Phone) hop(uri sip.Uri) (string, int, transport.Network) {
	host, port := strings.Trim(uri.Host, "[]"), uri.Port
	network := transport.UDP
	ours := p.isOwn(uri)
	if ours {
		network = p.cfg.Network
		if port == 0 {
			port = p.cfg.Port
		}
	}
	if strings.EqualFold(uri.Scheme, "sips") {
		network = transport.TLS
	}
	switch t, _ := uri.UriParams.Get("transport"); strings.ToLower(t) {
	case "udp":
		network = transport.UDP
	case "tcp":
		network = transport.TCP
	case "tls":
		network = transport.TLS
	}
	return host, port, network
}

// isOwn tells whether a URI leads to the account's server or outbound proxy.
func (p *Phone) isOwn(uri sip.Uri) bool {
	if p.cfg.Server == "" {
		return false
	}
	host := strings.Trim(uri.Host, "[]")
	proxy, _ := splitHostPort(p.cfg.OutboundProxy)
	return strings.EqualFold(host, strings.Trim(p.cfg.Server, "[]")) || (proxy != "" && strings.EqualFold(host, proxy))
}

// learnServer remembers the addresses of the account's own next hop.
func (p *Phone) learnServer(uri sip.Uri, targets []resolve.Target) {
	if !p.isOwn(uri) {
		return
	}
	for _, t := range targets {
		p.allow.addServer(t.Addr.Addr())
	}
}

// firstRoutes is the pre-loaded route of requests outside of a dialog (RFC 3261 8.1.2).
func (p *Phone) firstRoutes(to sip.Uri) []sip.Header {
	if p.cfg.OutboundProxy == "" || p.cfg.Server == "" || !strings.EqualFold(strings.Trim(to.Host, "[]"), strings.Trim(p.cfg.Server, "[]")) {
		return nil
	}
	host, port := splitHostPort(p.cfg.OutboundProxy)
	uri := sip.Uri{Scheme: "sip", Host: bracket(host), Port: port}
	uri.UriParams.Add("lr", "")
	if p.cfg.Network != transport.UDP {
		uri.UriParams.Add("transport", string(p.cfg.Network))
	}
	return []sip.Header{&sip.RouteHeader{Address: uri}}
}

// requestURI fills in the port of our own server, which some servers want to see.
func (p *Phone) requestURI(uri sip.Uri) sip.Uri {
	uri = *uri.Clone()
	if p.isOwn(uri) && uri.Port == 0 && p.cfg.Port != 0 && p.cfg.Port != int(p.cfg.Network.DefaultPort()) {
		uri.Port = p.cfg.Port
	}
	return uri
}

func splitHostPort(s string) (string, int) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().String(), int(ap.Port())
	}
	host, port, ok := strings.Cut(s, ":")
	if n, err := strconv.Atoi(port); ok && err == nil && !strings.Contains(port, ":") {
		return host, n
	}
	return strings.Trim(s, "[]"), 0
}

func bracket(host string) string {
	if strings.Contains(host, ":") && !strings.HasPrefix(host, "[") {
		return "[" + host + "]"
	}
	return host
}

// newRequest builds a request outside of a dialog (RFC 3261 8.1.1).
func (p *Phone) newRequest(method sip.RequestMethod, to sip.Uri, callID string, tag localTag, seq uint32, flow transport.Flow) *sip.Request {
	req := sip.NewRequest(method, p.requestURI(to))
	for _, h := range p.firstRoutes(to) {
		req.AppendHeader(h)
	}
	forwards := sip.MaxForwardsHeader(70)
	req.AppendHeader(&forwards)
	from := &sip.FromHeader{DisplayName: p.cfg.DisplayName, Address: p.aor(flow), Params: sip.NewParams()}
	from.Params.Add("tag", string(tag))
	req.AppendHeader(from)
	plain := sip.Uri{Scheme: to.Scheme, User: to.User, Host: to.Host, Port: to.Port}
	req.AppendHeader(&sip.ToHeader{Address: plain})
	id := sip.CallIDHeader(callID)
	req.AppendHeader(&id)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: seq, MethodName: method})
	return req
}

// partyOf reads a far end from a From or To header.
func partyOf(name string, uri sip.Uri) Party {
	plain := sip.Uri{Scheme: uri.Scheme, User: uri.User, Host: uri.Host, Port: uri.Port}
	if plain.Scheme == "" {
		plain.Scheme = "sip"
	}
	return Party{URI: clean(plain.String()), User: clean(uri.User), Name: clean(strings.Trim(name, `"`))}
}

// clean removes what must not travel on, such as control characters of a hostile display name.
func clean(s string) string {
	if len(s) > 256 {
		s = s[:256]
	}
	return strings.Map(func(r rune) rune {
		if hasControl(string(r)) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}
