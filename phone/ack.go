package phone

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"

	"github.com/emiago/sipgo/sip"

	"housephone/phone/resolve"
	"housephone/phone/transaction"
	"housephone/phone/transport"
)

// sendACK sends the ACK of a 2xx, which is no transaction (RFC 3261 13.2.2.4), and
// keeps it in a to be sent again for copies of the 2xx.
func (p *Phone) sendACK(to sip.Uri, req *sip.Request, prefer transport.Flow, a *ackState) {
	host, port, network := p.hop(to)
	write := func(flow transport.Flow, err error) {
		if err == nil {
			err = p.stamp(req, flow)
		}
		if err == nil {
			a.raw, a.flow = []byte(req.String()), flow
			err = flow.Send(a.raw)
		}
		if err != nil {
			p.log.Warn("the ACK cannot be sent", "err", err)
		}
	}
	t, ok := literal(host, port, network)
	if ok && network == transport.UDP {
		write(p.sockets.Connect(context.Background(), network, t.Addr, t.ServerName))
		return
	}
	if ok {
		if flow, alive := p.reuse(network, t.Addr, prefer); alive {
			write(flow, nil)
			return
		}
	}
	p.background(func(ctx context.Context) {
		flow, err := p.open(ctx, host, port, network)
		p.post(func() { write(flow, err) })
	})
}

// open resolves and connects, trying each target once.
func (p *Phone) open(ctx context.Context, host string, port int, network transport.Network) (transport.Flow, error) {
	targets := []resolve.Target{}
	if t, ok := literal(host, port, network); ok {
		targets = append(targets, t)
	} else {
		var err error
		if targets, err = p.resolver.Targets(ctx, p.now(), hostPort(host, port), string(network)); err != nil {
			return transport.Flow{}, err
		}
	}
	last := errors.New("no address found")
	for _, t := range targets {
		flow, err := p.sockets.Connect(ctx, transport.Network(t.Network), t.Addr, t.ServerName)
		if err == nil {
			return flow, nil
		}
		last = err
	}
	return transport.Flow{}, last
}

// admit lets the far end of a call send requests while the call lasts.
func (c *call) admit(flow transport.Flow) { c.admitAddr(flow.Remote.Addr()) }

func (c *call) admitAddr(addr netip.Addr) {
	if c.peers != nil && !c.peers[addr] && len(c.peers) < maxCallPeers {
		c.peers[addr] = true
		c.p.allow.addPeer(addr)
	}
}

// admitDialog does so for the target and the routers of the call's dialog: a proxy
// that records no route leaves, and the far end itself sends the BYE.
func (c *call) admitDialog() {
	for _, uri := range append([]sip.Uri{c.dlg.target}, c.dlg.routes...) {
		if addr, err := netip.ParseAddr(strings.Trim(uri.Host, "[]")); err == nil {
			c.admitAddr(addr.Unmap())
		}
	}
}

func isTimeout(err error) bool { return errors.Is(err, transaction.ErrTimeout) }

// sessionID is the number of an o= line, unique among our descriptions (RFC 3264 5).
func sessionID() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return binary.BigEndian.Uint64(b[:]) >> 2
}
