package phone

import (
	"bytes"
	"net/netip"
	"slices"
	"sync"

	"housephone/phone/transport"
)

// maxPeers bounds the addresses of far ends that may send requests because of a call.
const maxPeers = 256

// maxCallPeers bounds those of one call, whose far end may move at will.
const maxCallPeers = 16

// allowList says whose requests are read at all. It is asked from the goroutines
// that read the sockets, before anything is parsed.
type allowList struct {
	open     bool // anyone
	prefixes []netip.Prefix

	mu      sync.RWMutex // guards following
	servers []netip.Addr
	peers   map[netip.Addr]int // far ends of calls, counted
}

func newAllowList(cfg Config) *allowList {
	return &allowList{
		open:     cfg.Server == "" && len(cfg.AllowFrom) == 0,
		prefixes: cfg.AllowFrom,
		peers:    map[netip.Addr]int{},
	}
}

// admit is asked by the sockets. Responses always pass: without a transaction they go nowhere.
func (a *allowList) admit(_ transport.Network, from netip.Addr, head []byte) bool {
	return a.open || bytes.HasPrefix(head, []byte("SIP/2.0 ")) || a.mayRing(from) || a.isPeer(from)
}

// mayRing tells whether an address may call this phone.
func (a *allowList) mayRing(from netip.Addr) bool {
	if a.open || slices.ContainsFunc(a.prefixes, func(p netip.Prefix) bool { return p.Contains(from) }) {
		return true
	}
	return a.isServer(from)
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
