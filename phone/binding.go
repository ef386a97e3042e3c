package phone

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"housephone/phone/transport"
)

// learn keeps the address and port under which the server sees us (RFC 3581 4); true when it is news.
func (r *registration) learn(flow transport.Flow, res *sip.Response) bool {
	if r.p.cfg.Advertise != "" {
		return false
	}
	via := res.Via()
	addr, err := netip.ParseAddr(strings.Trim(via.Params.GetOr("received", ""), "[]"))
	port, perr := strconv.ParseUint(via.Params.GetOr("rport", ""), 10, 16)
	if err != nil || perr != nil || port == 0 {
		return false
	}
	local, err := flow.LocalAddr()
	if err != nil {
		return false
	}
	before := r.p.contact(flow).Address
	r.learnt, r.learner = netip.AddrPortFrom(addr.Unmap(), uint16(port)), local
	if r.learnt == local && !r.p.nat.on() { // else it outweighs what STUN says
		r.learnt = netip.AddrPort{}
	}
	after := r.p.contact(flow).Address
	return before.Host != after.Host || before.Port != after.Port
}

// public is our address as the server of flow sees it.
func (r *registration) public(flow transport.Flow) (netip.AddrPort, bool) {
	if !r.learnt.IsValid() || flow.Network != r.flow.Network || flow.Remote != r.flow.Remote {
		return netip.AddrPort{}, false
	}
	local, err := flow.LocalAddr()
	return r.learnt, err == nil && local == r.learner
}

// grantedTo is the lifetime of our own Contact among those of a 200 (RFC 3261 10.2.4).
func grantedTo(res *sip.Response, ours *sip.ContactHeader) time.Duration {
	for _, h := range res.GetHeaders("Contact") {
		c, ok := h.(*sip.ContactHeader)
		if !ok || c.Address.User != ours.Address.User || c.Address.Host != ours.Address.Host || c.Address.Port != ours.Address.Port {
			continue
		}
		if v, ok := c.Params.Get("expires"); ok {
			if n, err := strconv.Atoi(strings.Trim(v, `"`)); err == nil && n >= 0 {
				return time.Duration(n) * time.Second
			}
		}
	}
	return seconds(res, "Expires")
}

// seconds reads a header that holds a number of seconds, with parameters or a comment behind it.
func seconds(msg interface{ GetHeader(string) sip.Header }, name string) time.Duration {
	h := msg.GetHeader(name)
	if h == nil {
		return 0
	}
	v := strings.TrimSpace(h.Value())
	if i := strings.IndexFunc(v, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		v = v[:i]
	}
	n, err := strconv.ParseUint(v, 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}
