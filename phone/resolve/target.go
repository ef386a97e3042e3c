package resolve

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Target is one place to send a request to.
type Target struct {
	Network string // udp, tcp or tls
	Addr    netip.AddrPort
	// ServerName is what a TLS certificate must be for: the name that was asked for, not the
	// one an SRV record led to (RFC 5922 4), or the address as text.
	ServerName string
}

// String writes the target as network and address.
func (t Target) String() string { return t.Network + ":" + t.Addr.String() }

// server is a parsed configuration value.
type server struct {
	host    string     // without brackets and final dot; the name as given where addr is not valid
	addr    netip.Addr // valid for numeric hosts
	port    uint16     // 0 = none given
	network string
}

// parse reads "host", "host:port", "192.0.2.1", "2001:db8::1", "[2001:db8::1]:5060".
func parse(hostport, network string) (server, error) {
	s := server{network: strings.ToLower(network)}
	if _, ok := service(s.network); !ok {
		return s, fmt.Errorf("transport %q: %w, it must be udp, tcp or tls", network, ErrMalformed)
	}
	bad := func(what string) (server, error) {
		return s, fmt.Errorf("server %q: %w, %s", hostport, ErrMalformed, what)
	}
	host, port := strings.TrimSpace(hostport), ""
	if strings.HasPrefix(host, "[") {
		end := strings.IndexByte(host, ']')
		if end < 0 {
			return bad("it has no closing bracket")
		}
		host, port = host[1:end], host[end+1:]
		if a, err := netip.ParseAddr(host); err != nil || !a.Is6() {
			return bad("brackets are for IPv6 addresses")
		}
		if port != "" && port[0] != ':' {
			return bad("there is text after the bracket")
		}
	} else if strings.Count(host, ":") == 1 {
		i := strings.IndexByte(host, ':')
		host, port = host[:i], host[i:]
	}
	if port != "" {
		n, err := strconv.ParseUint(port[1:], 10, 16)
		if err != nil || n == 0 {
			return bad("the port must be 1 to 65535")
		}
		s.port = uint16(n)
	}
	if a, err := netip.ParseAddr(host); err == nil {
		s.addr, s.host = a.Unmap(), a.Unmap().String()
		return s, nil
	}
	s.host = strings.TrimSuffix(host, ".")
	if !isName(s.host) {
		return bad("it must be a name or an address")
	}
	return s, nil
}

// isName accepts host names, underscores included, since home networks have them.
func isName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	const ascii = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		if strings.ContainsFunc(label, func(r rune) bool { return r < 0x80 && !strings.ContainsRune(ascii, r) }) {
			return false
		}
	}
	return true
}

// protocol names the SRV service, its protocol and the default port of a network.
type protocol struct {
	service, proto string
	port           uint16
}

// service is the SRV name part of RFC 3263 4.1 and the default port of RFC 3261 19.1.2.
func service(network string) (protocol, bool) {
	switch network {
	case "udp":
		return protocol{"sip", "udp", 5060}, true
	case "tcp":
		return protocol{"sip", "tcp", 5060}, true
	case "tls":
		return protocol{"sips", "tcp", 5061}, true
	}
	return protocol{}, false
}
