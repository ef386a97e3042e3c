package media

import (
	"context"
	"net/netip"
	"sync"

	"housephone/phone/stun"
)

// Mapped asks a STUN server by the stream's own sockets how they are seen from outside of a NAT
// (RFC 8489), and waits for the answers up to 600 ms. It also keeps their bindings open.
// rtcp is the zero value when only the RTP socket got an answer. The agreement in force, the
// far address learnt and the counts are not touched.
//
// Errors: [ErrClosed], and those of [stun.Client.Mapped] for the RTP socket.
func (s *Stream) Mapped(ctx context.Context, server netip.AddrPort) (rtp, rtcp netip.AddrPort, err error) {
	s.mu.Lock()
	closed := s.closed
	if !closed {
		s.start() // the pacer reads the answers
	}
	s.mu.Unlock()
	if closed {
		return rtp, rtcp, ErrClosed
	}
	var both sync.WaitGroup
	both.Go(func() {
		if a, err := s.ask(ctx, &s.asks.rtcp, s.rtcp, server); err == nil {
			rtcp = a
		}
	})
	rtp, err = s.ask(ctx, &s.asks.rtp, s.rtp, server)
	both.Wait()
	if err != nil {
		return netip.AddrPort{}, netip.AddrPort{}, err
	}
	return rtp, rtcp, nil
}

func (s *Stream) ask(ctx context.Context, c *stun.Client, by *socket, server netip.AddrPort) (netip.AddrPort, error) {
	return c.Mapped(ctx, server, func(raw []byte, to netip.AddrPort) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.closed {
			return ErrClosed
		}
		return by.send(raw, to)
	})
}
