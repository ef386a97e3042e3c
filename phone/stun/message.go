package stun

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/pion/stun/v3"
)

const (
	headerSize  = 20
	magicCookie = 0x2112A442
	maxAnswer   = 1500 // no Binding answer needs more than one packet of a link
)

type transactionID = [stun.TransactionIDSize]byte

// Is tells a STUN message from SIP, RTP and RTCP by its first two bits and the magic cookie
// (RFC 8489 5, RFC 7983 7). It does not tell whether the message is sound.
func Is(raw []byte) bool {
	return len(raw) >= headerSize && raw[0]&0xc0 == 0 && binary.BigEndian.Uint32(raw[4:8]) == magicCookie
}

// idOf is the transaction id of what Is has found to be STUN.
func idOf(raw []byte) transactionID { return transactionID(raw[8:headerSize]) }

// request is a Binding request with a fresh transaction id (RFC 8489 6.1).
func request() (transactionID, []byte, error) {
	m, err := stun.Build(stun.TransactionID, stun.BindingRequest)
	if err != nil {
		return transactionID{}, nil, fmt.Errorf("binding request: %w", err)
	}
	return m.TransactionID, m.Raw, nil
}

// errNoAnswer is told for messages that answer no question; they are left aside.
var errNoAnswer = errors.New("no answer to a binding request")

// answer reads the mapped address of a Binding answer (RFC 8489 6.3.3). Any error but
// errNoAnswer is the server's answer.
func answer(raw []byte) (netip.AddrPort, error) {
	if len(raw) > maxAnswer {
		return netip.AddrPort{}, errNoAnswer
	}
	m := &stun.Message{Raw: raw}
	if err := m.Decode(); err != nil || m.Type.Method != stun.MethodBinding {
		return netip.AddrPort{}, errNoAnswer
	}
	if m.Contains(stun.AttrFingerprint) && stun.Fingerprint.Check(m) != nil { // RFC 8489 14.7
		return netip.AddrPort{}, errNoAnswer
	}
	switch m.Type.Class {
	case stun.ClassSuccessResponse:
		return mapped(m)
	case stun.ClassErrorResponse:
		var code stun.ErrorCodeAttribute
		if code.GetFrom(m) != nil {
			return netip.AddrPort{}, ErrRefused
		}
		return netip.AddrPort{}, fmt.Errorf("%w with %d", ErrRefused, int(code.Code))
	default:
		return netip.AddrPort{}, errNoAnswer
	}
}

// mapped prefers the address that no router on the way rewrites (RFC 8489 14.2); servers older
// than that attribute have only the plain one.
func mapped(m *stun.Message) (netip.AddrPort, error) {
	var hidden stun.XORMappedAddress
	if hidden.GetFrom(m) == nil {
		return usable(hidden.IP, hidden.Port)
	}
	var plain stun.MappedAddress
	if plain.GetFrom(m) == nil {
		return usable(plain.IP, plain.Port)
	}
	return netip.AddrPort{}, ErrNoAddress
}

func usable(ip net.IP, port int) (netip.AddrPort, error) {
	addr, ok := netip.AddrFromSlice(ip)
	addr = addr.Unmap()
	if !ok || addr.IsUnspecified() || addr.IsMulticast() || port < 1 || port > 65535 {
		return netip.AddrPort{}, ErrNoAddress
	}
	return netip.AddrPortFrom(addr, uint16(port)), nil
}
