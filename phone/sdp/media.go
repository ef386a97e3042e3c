package sdp

import (
	"net/netip"

	"housephone/phone/codec"
	"housephone/phone/sdes"
)

// Media is what offer and answer have agreed. It is comparable: an equal Media after a
// re-offer means that nothing changed.
type Media struct {
	// Remote is where RTP goes. Its address is invalid when the far end gave a DNS name
	// (see Resolved; the port holds), and unspecified for the hold of RFC 2543.
	Remote netip.AddrPort
	// RTCP is where RTCP goes: a=rtcp (RFC 3605), or the port above Remote's, or Remote
	// itself when RTCPMux is agreed.
	RTCP    netip.AddrPort
	RTCPMux bool
	// RemoteName is the host to resolve when c= holds a name, else empty.
	RemoteName string

	Codec codec.Codec
	// SendPT is the far end's payload type for Codec, RecvPT ours.
	SendPT, RecvPT uint8
	// SendFmtp is what the far end states of Codec in a=fmtp, for codecs that have
	// parameters; else empty.
	SendFmtp string
	// DTMFSendPT and DTMFRecvPT are those of telephone-event, or -1.
	DTMFSendPT, DTMFRecvPT int
	// DTMFClock is the clock rate of telephone-event: the codec's, or 8000 from an end
	// that has no other; 0 without telephone-event.
	DTMFClock int
	// CNSendPT and CNRecvPT are the payload types of comfort noise (RFC 3389), 0 where
	// it is not agreed: 0 can be nothing but PCMU.
	CNSendPT, CNRecvPT uint8
	// Ptime is how many ms of audio the far end wants in a packet, 10 to 60, as near as
	// Codec can do it.
	Ptime int

	// Direction is what we may do now.
	Direction Direction
	// RemoteHold tells that the far end does not want to receive.
	RemoteHold bool
	// SRTP holds suite and keys of both directions when the sound is encrypted.
	SRTP sdes.SRTP
	// Secure tells that it is, in both directions.
	Secure bool
	// Video tells that the far end's description has a live video line.
	Video bool
}

// Resolved gives m with the address that RemoteName stands for.
func (m Media) Resolved(addr netip.Addr) Media {
	if m.RemoteName == "" {
		return m
	}
	m.RemoteName = ""
	m.Remote = netip.AddrPortFrom(addr.Unmap(), m.Remote.Port())
	switch {
	case m.RTCPMux:
		m.RTCP = m.Remote
	case !m.RTCP.Addr().IsValid() && m.RTCP.Port() != 0:
		m.RTCP = netip.AddrPortFrom(addr.Unmap(), m.RTCP.Port())
	}
	return m
}
