package phone

import (
	"bytes"
	"net/netip"
	"slices"
	"sync"
	"time"

	"housephone/phone/transport"
)

// maxPeers bounds the addresses of far ends that may send requests because of a call.
const maxPeers = 256

// maxCallPeers bounds those of one call, whose far end may move at will.
const maxCallPeers = 16

// maxStranger bounds a datagram of somebody who is not known, in octets: an address is forged
// easily. Longer messages of theirs have to come by TCP.
const maxStranger = 8 << 10

// maxWaiting is how much work may wait for the line when something of a stranger is still read:
// more than a moment of it is a flood, and what is read takes memory.
const maxWaiting = 512

// allowList says whose requests are read at all. It is asked from the goroutines
// that read the sockets, before anything is parsed.
type allowList struct {
	open     bool // anyone
	prefixes []netip.Prefix
	limit    *limiter   // of strangers
	waiting  func() int // how much work waits for the line

	mu      sync.RWMutex // guards following
	servers []netip.Addr
	peers   map[netip.Addr]int // far ends of calls, counted
}

func newAllowList(cfg Config) *allowList {
	return &allowList{
		open:     cfg.Server == "" && len(cfg.AllowFrom) == 0,
		prefixes: cfg.AllowFrom,
		peers:    map[netip.Addr]int{},
		limit:    newLimiter(),
		waiting:  func() int { return 0 },
	}
}

// admit is asked by the sockets. Responses pass: without a transaction they go nowhere. Whoever is
// not known, by the configuration or by a call, is held to a rate.
func (a *allowList) admit(n transport.Network, from netip.Addr, head []byte) bool {
	if a.known(from) {
		return true
	}
	if !bytes.HasPrefix(head, []byte("SIP/2.0 ")) && (!a.open || scanner(head)) {
		return false
	}
	if n == transport.UDP && len(head) > maxStranger || a.waiting() > maxWaiting {
		return false
	}
	return a.limit.take(from, time.Now())
}

// known addresses are not held to a rate; programs on the same machine are among them where anyone may call.
func (a *allowList) known(from netip.Addr) bool {
	if a.open && (from == netip.IPv6Loopback() || from == netip.AddrFrom4([4]byte{127, 0, 0, 1})) {
		return true
	}
	return a.listed(from) || a.isServer(from) || a.isPeer(from)
}

func (a *allowList) listed(from netip.Addr) bool {
	return slices.ContainsFunc(a.prefixes, func(p netip.Prefix) bool { return p.Contains(from) })
}

// scanner tells whether a message calls itself one of the tools that search for telephones to
// abuse. Not even an error tells them that one is here.
func scanner(msg []byte) bool {
	head, _, _ := bytes.Cut(msg, []byte("\r\n\r\n"))
	for line := range bytes.SplitSeq(head, []byte("\n")) {
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || !bytes.EqualFold(bytes.TrimSpace(name), []byte("User-Agent")) {
			continue
		}
		value = bytes.ToLower(value)
		for _, tool := range []string{"friendly-scanner", "sipvicious", "sipcli", "vaxsipuseragent", "pplsip", "sundayddr", "sipsak"} {
			if bytes.Contains(value, []byte(tool)) {
				return true
			}
		}
	}
	return false
}

// mayRing tells whether an address may call this phone.
func (a *allowList) mayRing(from netip.Addr) bool {
	return a.open || a.listed(from) || a.isServer(from)
}

func (a *allowList) isServer(addr netip.Addr) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return slices.Contains(a.servers, addr)
}

func (a *allowList) isPeer(addr netip.Addr) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.peers[addr] > 0
}

func (a *allowList) addServer(addr netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if slices.Contains(a.servers, addr) {
		return
	}
	a.servers = append(a.servers, addr)
	if len(a.servers) > 32 { // a server whose address changes for years
		a.servers = a.servers[1:]
	}
}

// addPeer lets the far end of a call send requests while it lasts.
func (a *allowList) addPeer(addr netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.peers) < maxPeers || a.peers[addr] > 0 {
		a.peers[addr]++
	}
}

func (a *allowList) removePeer(addr netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.peers[addr]--; a.peers[addr] <= 0 {
		delete(a.peers, addr)
	}
}
