package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	maxTries = 100  // of one datagram while errors of others come up
	maxLost  = 1024 // addresses that have vanished and were not told of yet
)

// udpSocket is the one datagram socket of the user agent.
type udpSocket struct {
	layer *Layer
	conn  *net.UDPConn
	addr  netip.AddrPort // bound address
	check chan struct{}  // lost has something to tell

	sending sync.Mutex // one datagram at a time: whose error it is can be told

	mu   sync.Mutex // guards following
	lost map[netip.AddrPort]error
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
		lost: map[netip.AddrPort]error{},
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
		if u.drain() > 0 {
			continue
		}
		time.Sleep(pause)
		pause = min(pause+time.Millisecond, 100*time.Millisecond)
	}
}

// watch tells of the ICMP errors. The sender holds locks and must not tell itself.
func (u *udpSocket) watch(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-u.check:
			u.mu.Lock()
			lost := u.lost
			u.lost = map[netip.AddrPort]error{}
			u.mu.Unlock()
			for remote, err := range lost {
				u.layer.cfg.OnLost(Flow{Network: UDP, Local: u.addr, Remote: remote, out: u}, err)
			}
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
	if !likely(data) {
		u.layer.count.malformed.Add(1)
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

// likely tells whether the first line could be that of a message: nothing else is worth a look.
func likely(data []byte) bool {
	first, _, _ := bytes.Cut(bytes.TrimLeft(data, "\r\n"), []byte("\n"))
	return bytes.Contains(bytes.ToUpper(first), []byte("SIP/"))
}

// send writes one datagram. The kernel hands the ICMP error of an earlier datagram, to whomever
// that went, to the next call on the socket and does not send then; only an error without a
// reason in the error queue is about this datagram.
func (u *udpSocket) send(b []byte, to netip.AddrPort) error {
	u.sending.Lock()
	defer u.sending.Unlock()
	for try, own := 0, 0; ; try++ {
		_, err := u.conn.WriteToUDPAddrPort(b, to)
		if err == nil || errors.Is(err, net.ErrClosed) {
			return err
		}
		if u.drain() == 0 {
			own++ // or the reader has taken the reason at the same moment
		}
		if own == 3 || try == maxTries {
			return err
		}
	}
}

// drain empties the error queue, which takes its room from that of the datagrams to be read,
// and returns how many errors there were. Others are told by watch.
func (u *udpSocket) drain() int {
	errs := readErrorQueue(u.conn)
	if len(errs) == 0 {
		return 0
	}
	u.mu.Lock()
	for _, e := range errs {
		if _, ok := u.lost[e.remote]; ok || len(u.lost) < maxLost {
			u.lost[e.remote] = e.err
		}
	}
	u.mu.Unlock()
	select {
	case u.check <- struct{}{}:
	default:
	}
	return len(errs)
}

type icmpError struct {
	remote netip.AddrPort
	err    error
}
