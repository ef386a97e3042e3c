package sdp

import (
	"fmt"
	"net/netip"
	"strings"

	"housephone/phone/codec"
	"housephone/phone/sdes"
)

// Local is what we can and want to do now.
type Local struct {
	// Addr and Port are where we receive RTP; RTCP is on Port+1, or on RTCP where that is valid.
	Addr netip.Addr
	Port int
	RTCP netip.AddrPort
	// Codecs in the order of preference; at least one.
	Codecs []codec.Codec
	// PreferLocal answers with the first codec of Codecs that was offered. Without it
	// the offerer's order decides, as RFC 3264 6.1 recommends.
	PreferLocal bool
	// DTMF offers and answers telephone-event (RFC 4733).
	DTMF bool
	// Direction as wished: SendOnly is hold (RFC 3264 8.4).
	Direction Direction
	// Ptime is the packet length that we like to receive, in ms; 0 is 20.
	Ptime int
	// SessionName is the s= line; empty is "-" (RFC 8866 5.3).
	SessionName string
	// RTCPMux offers RTCP on the RTP port and agrees to it (RFC 5761).
	RTCPMux bool
	// SRTP tells whether the sound is to be encrypted.
	SRTP SRTPMode
	// Suites are those of our offers, in the order of preference; empty is
	// [sdes.Offered]. In answers every suite is taken.
	Suites []sdes.Suite
	// ComfortNoise offers and answers comfort noise (RFC 3389) beside codecs of 8 kHz.
	ComfortNoise bool
}

const defaultPtime = 20

func (l Local) withDefaults() Local {
	l.Addr = l.Addr.Unmap().WithZone("")
	l.RTCP = netip.AddrPortFrom(l.RTCP.Addr().Unmap().WithZone(""), l.RTCP.Port())
	if l.Ptime == 0 {
		l.Ptime = defaultPtime
	}
	if len(l.Suites) == 0 {
		l.Suites = sdes.Offered()
	}
	if l.SessionName == "" {
		l.SessionName = "-"
	}
	return l
}

func (l Local) validate() error {
	switch {
	case !l.Addr.IsValid():
		return fmt.Errorf("%w: no address", ErrLocal)
	case l.Port < 1 || l.Port > 65535:
		return fmt.Errorf("%w: port %d", ErrLocal, l.Port)
	case len(l.Codecs) == 0 || len(l.Codecs) > maxCodecs:
		return fmt.Errorf("%w: %d codecs, allowed are 1 to %d", ErrLocal, len(l.Codecs), maxCodecs)
	case l.Ptime < minPtime || l.Ptime > maxPtime:
		return fmt.Errorf("%w: packets of %d ms, allowed are %d to %d", ErrLocal, l.Ptime, minPtime, maxPtime)
	case l.Direction < SendRecv || l.Direction > Inactive:
		return fmt.Errorf("%w: direction %d", ErrLocal, int(l.Direction))
	case l.SRTP < SRTPOff || l.SRTP > SRTPRequired || len(l.Suites) > maxCrypto:
		return fmt.Errorf("%w: SRTP mode %d with %d suites", ErrLocal, int(l.SRTP), len(l.Suites))
	case strings.ContainsAny(l.SessionName, "\r\n\x00"):
		return fmt.Errorf("%w: session name %q", ErrLocal, l.SessionName)
	}
	for _, suite := range l.Suites {
		if _, _, ok := suite.Lengths(); !ok {
			return fmt.Errorf("%w: suite %q", ErrLocal, suite)
		}
	}
	for _, c := range l.Codecs {
		if !isToken(c.Name) || c.ClockRate <= 0 || c.PayloadType > maxPayloadType {
			return fmt.Errorf("%w: codec %v with payload type %d", ErrLocal, c, c.PayloadType)
		}
	}
	return nil
}

const (
	maxCodecs = 16 // leaves room among the 32 dynamic payload types
	minPtime  = 10
	maxPtime  = 60
)
