package media

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"syscall"
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

// inUse tells a port that somebody else has from a fault that the next port
// would show as well.
func inUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }
