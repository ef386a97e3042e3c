package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Network names a SIP transport in lower case: udp, tcp or tls.
type Network string

// The transports of RFC 3261 18 that are built in.
const (
	UDP Network = "udp"
	TCP Network = "tcp"
	TLS Network = "tls"
)

// Via is the transport as it stands in a Via header.
func (n Network) Via() string { return strings.ToUpper(string(n)) }

// Reliable tells whether the transport retransmits by itself (RFC 3261 17).
func (n Network) Reliable() bool { return n != UDP }

// DefaultPort is the port of a URI that names none (RFC 3261 19.1.2).
func (n Network) DefaultPort() uint16 {
	if n == TLS {
		return 5061
	}
	return 5060
}

// Owner stands for all that somebody has who has an address: an IPv6 network of /64, an IPv4 address alone.
func Owner(a netip.Addr) netip.Addr {
	if a = a.Unmap(); a.Is6() {
		if network, err := a.WithZone("").Prefix(64); err == nil {
			return network.Addr()
		}
	}
	return a
}

// ErrClosed is returned for a flow whose socket has ended.
var ErrClosed = errors.New("connection closed")

// ErrSilent is why a connection is abandoned over which no answer comes any more.
var ErrSilent = errors.New("no answer over the connection")

// ErrSlow is returned when a peer does not take what is sent to it.
var ErrSlow = errors.New("the peer does not read")

type sender interface {
	send(b []byte, to netip.AddrPort) error
}

// Flow is one path to a peer: a UDP address pair or one connection (RFC 5626 2).
// It is comparable; the zero Flow leads nowhere.
type Flow struct {
	Network Network
	Local   netip.AddrPort // bound address; unspecified for a UDP socket bound to all
	Remote  netip.AddrPort
	out     sender
}

// Valid tells whether the flow was made by a Layer.
func (f Flow) Valid() bool { return f.out != nil }

// Send queues or writes one message; it does not wait for the peer.
func (f Flow) Send(b []byte) error {
	if f.out == nil {
		return ErrClosed
	}
	return f.out.send(b, f.Remote)
}

// Abandon closes the connection of a flow whose far end is known to hear nothing, as after a router has
// forgotten it; the loss is reported like any other. A UDP flow stays.
func (f Flow) Abandon(err error) {
	if c, ok := f.out.(*conn); ok {
		c.close(err)
	}
}

// To is the same socket towards another address; only UDP flows can turn.
func (f Flow) To(remote netip.AddrPort) Flow {
	if f.Network == UDP {
		f.Remote = remote
	}
	return f
}

// LocalAddr is the address that packets of the flow leave from: the bound one, or
// what the routing table picks when the socket is bound to all addresses.
func (f Flow) LocalAddr() (netip.AddrPort, error) {
	if !f.Local.Addr().IsUnspecified() {
		return f.Local, nil
	}
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(f.Remote)) // sends nothing
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("no route to %s: %w", f.Remote.Addr(), err)
	}
	defer func() { _ = c.Close() }()
	local, ok := c.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("no route to %s", f.Remote.Addr())
	}
	return netip.AddrPortFrom(local.AddrPort().Addr().Unmap(), f.Local.Port()), nil
}
