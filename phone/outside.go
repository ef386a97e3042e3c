package phone

import (
	"context"
	"net/netip"

	"housephone/phone/transport"
)

// outside is how the ports of a call are seen from outside of a NAT.
type outside struct {
	rtp, rtcp netip.AddrPort // zero while unknown
	asked     bool           // once, for good or ill
	again     *timer         // keeps the bindings open
}

// prepare opens the ports and, where a NAT may be between us and the far end of flow, asks by
// them for their addresses outside before it calls then. Without an answer it is as if there
// was no NAT.
func (m *callMedia) prepare(flow transport.Flow, then func()) {
	n := &m.call.p.nat
	if m.outside.asked || !n.between(flow) || m.open(flow) != nil { // who needs the ports tells why there are none
		then()
		return
	}
	m.outside.asked = true
	n.ready(func() { m.ask(then) })
}

// ask asks for the addresses and keeps their bindings open: RTP may be silent while the far
// end rings or holds.
func (m *callMedia) ask(then func()) {
	p := m.call.p
	server := p.nat.server
	if m.closed || !server.IsValid() {
		then()
		return
	}
	stream := m.stream
	p.background(func(ctx context.Context) {
		rtp, rtcp, err := stream.Mapped(ctx, server)
		p.post(func() {
			p.inHand = m.call
			if m.closed {
				then()
				return
			}
			if err == nil {
				m.outside.rtp, m.outside.rtcp = rtp, rtcp
			}
			p.nat.told(&p.nat.silent.media, err)
			m.outside.again = m.call.after(keepAlive, func() { m.ask(func() {}) })
			then()
		})
	})
}
