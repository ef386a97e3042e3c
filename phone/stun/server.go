package stun

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
)

// DefaultPort is that of STUN over UDP (RFC 8489 18.6).
const DefaultPort = 3478

// ErrServer is returned for text that names no server.
var ErrServer = errors.New("want host or host:port, such as stun.example.com:3478")

// ParseServer reads host[:port]; the host is a name or an address, an IPv6 one in brackets
// when a port follows.
func ParseServer(s string) (host string, port int, err error) {
	if a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")); err == nil {
		return a.String(), DefaultPort, nil
	}
	host, port = s, DefaultPort
	if strings.Contains(s, ":") {
		var digits string
		if host, digits, err = net.SplitHostPort(s); err != nil {
			return "", 0, ErrServer
		}
		n, err := strconv.ParseUint(digits, 10, 16)
		if err != nil || n == 0 {
			return "", 0, ErrServer
		}
		port = int(n)
	}
	if _, err := netip.ParseAddr(host); err != nil && !isName(host) {
		return "", 0, ErrServer
	}
	return host, port, nil
}

// isName tells a host name (RFC 1123 2.1, and the underscore that some have).
func isName(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789.-_"
	for _, r := range s {
		if r > 'z' || !strings.ContainsRune(letters, unicode.ToLower(r)) {
			return false
		}
	}
	return s != "" && len(s) <= 253
}
