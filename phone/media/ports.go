package media

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// ports hands out even ports. One that was given back rests at the end of the
// queue, so that what is still under way to the last call does not meet the
// next one while others are free.
type ports struct {
	free   []int // never used, in random order
	rested []int // used before, longest ago first
}

func newPorts(first, last int) *ports {
	p := &ports{}
	for port := first; port+1 <= last; port += 2 {
		p.free = append(p.free, port)
	}
	rand.Shuffle(len(p.free), func(i, j int) { p.free[i], p.free[j] = p.free[j], p.free[i] })
	return p
}

// take is the next port to try; ok is false when none is left.
func (p *ports) take() (port int, ok bool) {
	for _, q := range []*[]int{&p.free, &p.rested} {
		if len(*q) > 0 {
			port, *q = (*q)[0], (*q)[1:]
			return port, true
		}
	}
	return 0, false
}

func (p *ports) give(port int) { p.rested = append(p.rested, port) }

func (p *ports) left() int { return len(p.free) + len(p.rested) }

// listenPair opens RTP on port and RTCP on the port above (RFC 3550 11).
func listenPair(bind netip.Addr, port, dscp int) (rtp, rtcp *socket, err error) {
	if rtp, err = listen(bind, port, dscp); err != nil {
		return nil, nil, err
	}
	if rtcp, err = listen(bind, port+1, dscp); err != nil {
		rtp.close()
		return nil, nil, err
	}
	return rtp, rtcp, nil
}

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
	s, err := newSocket(conn)
	if err != nil {
		return nil, fmt.Errorf("media port: %w", err)
	}
	return s, nil
}

// inUse tells a port that somebody else has from a fault that the next port
// would show as well.
func inUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }
