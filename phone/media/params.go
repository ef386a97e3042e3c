package media

import (
	"fmt"
	"net/netip"
	"time"

	"housephone/phone/codec"
	"housephone/phone/sdes"
)

// Params is what offer and answer have agreed for one stream.
type Params struct {
	// Remote is where RTP is sent until the far end is heard from another
	// port. With Send false it may be unspecified (the old hold, c=0.0.0.0):
	// the last address then stays in force.
	Remote netip.AddrPort
	// RemoteRTCP is where RTCP is sent; the zero value is Remote's port + 1.
	RemoteRTCP netip.AddrPort
	// RTCPMux sends and expects RTCP on the RTP port (RFC 5761).
	RTCPMux bool
	// Codec of both directions.
	Codec codec.Codec
	// SendPT and RecvPT are the codec's payload types.
	SendPT, RecvPT uint8
	// SendFmtp holds the far end's format parameters of the codec (a=fmtp).
	SendFmtp string
	// DTMFSendPT and DTMFRecvPT are those of telephone-event, or -1 where it
	// was not agreed.
	DTMFSendPT, DTMFRecvPT int
	// DTMFClock is the telephone-event's clock rate; 0 is the codec's.
	DTMFClock int
	// CNSendPT and CNRecvPT are the payload types of comfort noise (RFC 3389); 0 is none.
	// With it a silence that lasts is described twice a second and not sent.
	CNSendPT, CNRecvPT uint8
	// Ptime is the length of a sent packet, 10 to 60 ms; 0 is 20 ms. A codec that
	// cannot do it has its own (see [codec.Codec.Ptime]).
	Ptime time.Duration
	// Send and Receive are the direction as seen from here.
	Send, Receive bool
	// SRTP encrypts both directions; the zero value does not. A key that was given up
	// must not come back.
	SRTP sdes.SRTP
	// AnySource also learns a far end that sends from another IP address than
	// the negotiated one, for peers behind NAT that do not know their address.
	AnySource bool
}

func (p Params) withDefaults() Params {
	if p.Ptime == 0 {
		p.Ptime = 20 * time.Millisecond
	}
	p.Ptime = p.Codec.Ptime(p.Ptime)
	if p.DTMFClock == 0 {
		p.DTMFClock = p.Codec.ClockRate
	}
	p.Remote = unmap(p.Remote)
	if !p.RemoteRTCP.IsValid() && p.Remote.IsValid() {
		p.RemoteRTCP = netip.AddrPortFrom(p.Remote.Addr(), p.Remote.Port()+1)
	}
	p.RemoteRTCP = unmap(p.RemoteRTCP)
	if p.RTCPMux {
		p.RemoteRTCP = p.Remote
	}
	return p
}

func (p Params) validate() error {
	const maxPT = 127
	switch {
	case p.Ptime < 10*time.Millisecond || p.Ptime > 60*time.Millisecond || p.Ptime%time.Millisecond != 0:
		return fmt.Errorf("packets of %v: %w", p.Ptime, ErrParams)
	case p.SendPT > maxPT || p.RecvPT > maxPT || p.DTMFSendPT > maxPT || p.DTMFRecvPT > maxPT,
		p.CNSendPT > maxPT || p.CNRecvPT > maxPT:
		return fmt.Errorf("payload type above %d: %w", maxPT, ErrParams)
	case p.Codec.SampleRate <= 0 || p.Codec.ClockRate <= 0:
		return fmt.Errorf("codec %v without rate: %w", p.Codec, ErrParams)
	}
	if err := p.SRTP.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrParams, err)
	}
	return nil
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
