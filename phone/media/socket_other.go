//go:build !linux

package media

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// socket is a UDP socket.
type socket struct{ conn *net.UDPConn }

// listen opens a UDP socket at a port of bind; the zero value is every address of both families.
func listen(bind netip.Addr, port, dscp int) (*socket, error) {
	network, addr := "udp", &net.UDPAddr{Port: port}
	if bind.IsValid() {
		addr.IP, addr.Zone = bind.AsSlice(), bind.Zone()
		if network = "udp6"; bind.Unmap().Is4() {
			network = "udp4"
		}
	}
	conn, err := net.ListenUDP(network, addr)
	if err != nil {
		return nil, fmt.Errorf("media port: %w", err)
	}
	if dscp >= 0 {
		// A mark that the system refuses costs priority on the way, no call.
		_ = ipv4.NewConn(conn).SetTOS(dscp << 2)
		_ = ipv6.NewConn(conn).SetTrafficClass(dscp << 2)
	}
	return &socket{conn}, nil
}

func (s *socket) send(raw []byte, to netip.AddrPort) error {
	_, err := s.conn.WriteToUDPAddrPort(raw, to)
	return err
}

func (s *socket) drop() uint64 { return 0 }

func (s *socket) close() { _ = s.conn.Close() }

// serve reads both sockets, each in a goroutine, until they are closed.
func (s *Stream) serve() {
	s.readers.Go(func() { s.read(s.rtp.conn, s.receiveRTP) })
	s.readers.Go(func() { s.read(s.rtcp.conn, s.receiveRTCP) })
}

// read hands every datagram of a socket to handle until the socket is closed.
func (s *Stream) read(conn *net.UDPConn, handle func([]byte, netip.AddrPort, time.Duration)) {
	buf := make([]byte, 2048) // longer datagrams are cut and thereby malformed
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		switch {
		case err == nil:
			handle(buf[:n], unmap(from), s.engine.clock.now())
		case errors.Is(err, net.ErrClosed):
			return
		default:
			time.Sleep(tickLength) // an error of the network passes; it must not spin
		}
	}
}

// inlet is not needed.
type inlet struct{}

func newInlet(clock) *inlet { return &inlet{} }

func (*inlet) read(*socket, func([]byte, netip.AddrPort, time.Duration)) {}
