package phone

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"time"

	"housephone/phone/stun"
	"housephone/phone/transport"
)

// lookupTime bounds the look-up of the STUN server's name: calls and REGISTER wait for the
// first one.
const lookupTime = 2 * time.Second

// nat knows how those beyond a router see our SIP socket, by STUN (RFC 8489). It belongs to
// the line. Without Config.STUN, or with Config.Advertise, it does nothing.
type nat struct {
	p       *Phone
	client  stun.Client    // of the SIP socket
	server  netip.AddrPort // as last looked up
	local   netip.AddrPort // our address towards it when last asked
	mapped  netip.AddrPort // of the SIP socket, zero while unknown
	asked   time.Time
	asking  bool
	known   bool                      // the first question is over, for good or ill
	silent  struct{ sip, media bool } // failures that have been told
	waiting []func()
	timer   *timer
}

func (n *nat) on() bool { return n.p.cfg.STUN != "" && n.p.cfg.Advertise == "" }

// divert takes every STUN message off the SIP socket: none is SIP.
func (n *nat) divert(data []byte, from netip.AddrPort) bool {
	if !stun.Is(data) {
		return false
	}
	n.client.Receive(data, from)
	return true
}

func (n *nat) start() {
	if !n.on() {
		return
	}
	n.ask()
	n.timer = n.p.after(addressCheck, n.look)
}

// look asks again when our address has changed, and every 25 s, which keeps the binding open.
func (n *nat) look() {
	p := n.p
	n.timer = p.after(addressCheck, n.look)
	if n.asking || p.stopping {
		return
	}
	if n.server.IsValid() {
		if local, err := p.towards(n.server); err == nil && n.local.IsValid() && local != n.local {
			p.log.Info("the local address has changed", "from", n.local, "to", local)
			n.local, n.mapped, p.reg.learnt = local, netip.AddrPort{}, netip.AddrPort{}
			n.ask()
			return
		}
	}
	if p.now().Sub(n.asked) >= keepAlive {
		n.ask()
	}
}

// towards is the address that packets of the SIP socket to somebody leave from.
func (p *Phone) towards(to netip.AddrPort) (netip.AddrPort, error) {
	flow, err := p.sockets.Connect(context.Background(), transport.UDP, to, "")
	if err != nil {
		return netip.AddrPort{}, err
	}
	return flow.LocalAddr()
}

// natAnswer is what one question has brought; server and local are zero where it did not get so far.
type natAnswer struct {
	server, local, mapped netip.AddrPort
	err                   error
}

func (n *nat) ask() {
	n.asking, n.asked = true, n.p.now()
	n.p.background(func(ctx context.Context) {
		a := n.question(ctx)
		n.p.post(func() { n.answered(a) })
	})
}

func (n *nat) question(ctx context.Context) (a natAnswer) {
	p := n.p
	if a.server, a.err = p.stunServer(ctx); a.err != nil {
		return a
	}
	if a.local, a.err = p.towards(a.server); a.err != nil {
		return a
	}
	a.mapped, a.err = n.client.Mapped(ctx, a.server, func(raw []byte, to netip.AddrPort) error {
		flow, err := p.sockets.Connect(ctx, transport.UDP, to, "")
		if err != nil {
			return err
		}
		return flow.Send(raw)
	})
	return a
}

// stunServer looks up Config.STUN.
func (p *Phone) stunServer(ctx context.Context) (netip.AddrPort, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	host, port, err := stun.ParseServer(p.cfg.STUN)
	if err != nil {
		return netip.AddrPort{}, err
	}
	targets, err := p.resolver.Targets(ctx, p.now(), net.JoinHostPort(host, strconv.Itoa(port)), string(transport.UDP))
	if err != nil {
		return netip.AddrPort{}, err
	}
	if len(targets) == 0 {
		return netip.AddrPort{}, errors.New("no address found")
	}
	return targets[0].Addr, nil
}

// answered puts an answer into force. Silence changes nothing: an answer may get lost, and
// the last one is the best guess.
func (n *nat) answered(a natAnswer) {
	p := n.p
	n.asking, n.known = false, true
	if a.server.IsValid() {
		n.server = a.server
	}
	if a.local.IsValid() {
		n.local = a.local
	}
	n.told(&n.silent.sip, a.err)
	if a.err == nil && a.mapped != n.mapped {
		p.log.Info("seen from outside of the NAT", "as", a.mapped, "before", n.mapped, "local", n.local)
		if n.mapped.IsValid() { // what the registrar saw is over as well
			p.reg.learnt = netip.AddrPort{}
		}
		n.mapped = a.mapped
	}
	p.reg.moved()
	waiting := n.waiting
	n.waiting = nil
	for _, f := range waiting {
		f()
	}
}

// told warns once of a server that fails, until it has answered again.
func (n *nat) told(before *bool, err error) {
	switch {
	case err == nil:
		*before = false
	case *before || n.p.stopping || errors.Is(err, context.Canceled):
	default:
		*before = true
		n.p.log.Warn("no address from the STUN server", "server", n.p.cfg.STUN, "err", err)
		n.p.emit(Warning{"the address outside of the router is not known: " + n.p.cfg.STUN + ": " + err.Error()})
	}
}

// ready calls then when the first question is over.
func (n *nat) ready(then func()) {
	if n.known {
		then()
		return
	}
	n.waiting = append(n.waiting, then)
}

// between tells whether a NAT may be between us and the far end of flow.
func (n *nat) between(flow transport.Flow) bool {
	if !n.on() {
		return false
	}
	if f := n.p.cfg.Near; f != nil {
		return !f(flow.Remote.Addr())
	}
	return !near(flow.Remote.Addr(), n.server.Addr(), subnets())
}

// public is our address as those beyond the router see it.
func (n *nat) public(flow transport.Flow) (netip.AddrPort, bool) {
	ok := flow.Network == transport.UDP && n.mapped.IsValid() && sameFamily(n.mapped, flow.Remote) && n.between(flow)
	return n.mapped, ok
}

func sameFamily(a, b netip.AddrPort) bool { return a.Addr().Unmap().Is4() == b.Addr().Unmap().Is4() }

// near tells that peer reaches us by our local address: it is this machine, on the link or on
// one of our subnets; or it has a private address (RFC 1918, RFC 4193) while the STUN server,
// which is the zero value while unknown, has a public one, so that the router that the server
// sees is not on the way to it.
func near(peer, server netip.Addr, subnets []netip.Prefix) bool {
	peer = peer.Unmap().WithZone("")
	if peer.IsLoopback() || peer.IsLinkLocalUnicast() || peer.IsPrivate() && !server.Unmap().IsPrivate() {
		return true
	}
	for _, s := range subnets {
		if s.Contains(peer) {
			return true
		}
	}
	return false
}

// subnets are those of our interfaces.
func subnets() []netip.Prefix {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var out []netip.Prefix
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			out = append(out, p.Masked())
		}
	}
	return out
}
