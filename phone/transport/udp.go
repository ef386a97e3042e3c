package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// udpSocket is the one datagram socket of the user agent.
type udpSocket struct {
	layer *Layer
	conn  *net.UDPConn
	addr  netip.AddrPort // bound address
	check chan struct{}  // a send has met an error: the error queue holds its reason
}

func newUDPSocket(l *Layer, pc net.PacketConn) (*udpSocket, error) {
	c, ok := pc.(*net.UDPConn)
	if !ok {
		return nil, fmt.Errorf("transport: %T is not a UDP socket", pc)
	}
	a, ok := c.LocalAddr().(*net.UDPAddr)
	if !ok {
		return nil, fmt.Errorf("transport: %T is not a UDP address", c.LocalAddr())
	}
	_ = c.SetReadBuffer(4 << 20) // a burst must not be lost before it is read
	if err := enableErrorQueue(c); err != nil {
		l.cfg.Logger.Debug("no ICMP errors on the SIP socket", "err", err)
	}
	addr := a.AddrPort()
	return &udpSocket{
		layer: l, conn: c, addr: netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port()), check: make(chan struct{}, 1),
	}, nil
}

// serve reads until the socket is closed. No error of a datagram ends it: a
// registrar that is away for days causes one ICMP error after the other.
func (u *udpSocket) serve(ctx context.Context) error {
	buf := make([]byte, maxMessage)
	pause := time.Duration(0)
	for {
		n, from, err := u.conn.ReadFromUDPAddrPort(buf)
		if err == nil {
			pause = 0
			u.receive(buf[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
			continue
		}
		if errors.Is(err, net.ErrClosed) || ctx.Err() != nil {
			return nil
		}
		if u.reportUnreachable() > 0 {
			continue
		}
		time.Sleep(pause)
		pause = min(pause+time.Millisecond, 100*time.Millisecond)
	}
}

// watch tells of the ICMP errors that a send came across. The sender holds locks
// and must not tell itself.
func (u *udpSocket) watch(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-u.check:
			u.reportUnreachable()
		}
	}
}

func (u *udpSocket) receive(data []byte, from netip.AddrPort) {
	if len(bytes.Trim(data, "\r\n\x00")) == 0 {
		return // keep-alive, RFC 5626 3.5.1
	}
	if u.layer.cfg.Divert(data, from) {
		return
	}
	if !u.layer.cfg.Allow(UDP, from.Addr(), data) {
		u.layer.count.refused.Add(1)
		return
	}
	flow := Flow{Network: UDP, Local: u.addr, Remote: from, out: u}
	msg, err := u.layer.parse(bytes.Clone(data))
	if err != nil {
		u.layer.malformed(flow, err)
		return
	}
	u.layer.deliver(flow, msg)
}

func (u *udpSocket) send(b []byte, to netip.AddrPort) error {
	_, err := u.conn.WriteToUDPAddrPort(b, to)
	if err == nil || errors.Is(err, net.ErrClosed) {
		return err
	}
	select {
	case u.check <- struct{}{}:
	default:
	}
	// The error may belong to an earlier datagram to somebody else, and so may the next ones.
	for try := 0; err != nil && try < 8; try++ {
		_, err = u.conn.WriteToUDPAddrPort(b, to)
	}
	return err
}

// reportUnreachable empties the queue of ICMP errors and returns how many there were.
func (u *udpSocket) reportUnreachable() int {
	count := 0
	for _, e := range readErrorQueue(u.conn) {
		count++
		u.layer.cfg.OnLost(Flow{Network: UDP, Local: u.addr, Remote: e.remote, out: u}, e.err)
	}
	return count
}

type icmpError struct {
	remote netip.AddrPort
	err    error
}
