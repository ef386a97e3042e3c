package phonetest

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
)

// NAT is a router in user space, for UDP on 127.0.0.1. Clients inside send to the addresses
// that Front gives instead of to their targets. Each client has one socket outside, whatever it
// sends to (RFC 4787 4.1), and hears only targets that it has sent to (5, address and port).
type NAT struct {
	t  testing.TB
	wg sync.WaitGroup

	mu     sync.Mutex // guards following
	ended  bool
	fronts map[netip.AddrPort]*net.UDPConn // by target
	ways   map[netip.AddrPort]*way         // by client
	old    []*net.UDPConn
	lost   int
}

// way is the binding of one client.
type way struct {
	outside *net.UDPConn
	may     map[netip.AddrPort]bool // targets that may answer
}

// NewNAT makes a router, gone at the end of the test.
func NewNAT(t testing.TB) *NAT {
	t.Helper()
	n := &NAT{t: t, fronts: map[netip.AddrPort]*net.UDPConn{}, ways: map[netip.AddrPort]*way{}}
	t.Cleanup(func() {
		n.Reboot()
		n.mu.Lock()
		n.ended = true
		for _, c := range n.fronts {
			_ = c.Close()
		}
		for _, c := range n.old {
			_ = c.Close()
		}
		for _, w := range n.ways {
			_ = w.outside.Close()
		}
		n.mu.Unlock()
		n.wg.Wait()
	})
	return n
}

func listenLoopback() (*net.UDPConn, error) {
	return net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
}

// Front is where clients inside send what is for target.
func (n *NAT) Front(target netip.AddrPort) netip.AddrPort {
	n.t.Helper()
	front, err := listenLoopback()
	if err != nil {
		n.t.Fatalf("phonetest: %v", err)
	}
	n.mu.Lock()
	n.fronts[target] = front
	n.mu.Unlock()
	n.wg.Go(func() { pump(front, func(b []byte, client netip.AddrPort) { n.leave(b, client, target) }) })
	return addrPort(front.LocalAddr())
}

func pump(conn *net.UDPConn, f func([]byte, netip.AddrPort)) {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		switch {
		case err == nil:
			f(buf[:n], unmap(from))
		case errors.Is(err, net.ErrClosed):
			return
		}
	}
}

// leave sends what a client has sent to a front on to its target.
func (n *NAT) leave(b []byte, client, target netip.AddrPort) {
	n.mu.Lock()
	defer n.mu.Unlock()
	w := n.ways[client]
	if w == nil {
		if n.ended || len(n.ways) >= maxClients {
			return
		}
		conn, err := listenLoopback()
		if err != nil {
			return
		}
		w = &way{outside: conn, may: map[netip.AddrPort]bool{}}
		n.ways[client] = w
		n.wg.Go(func() { pump(conn, func(b []byte, from netip.AddrPort) { n.enter(b, w, client, from) }) })
	}
	w.may[target] = true
	_, _ = w.outside.WriteToUDPAddrPort(b, target)
}

// enter brings what a target has sent to a client's outside address in.
func (n *NAT) enter(b []byte, w *way, client, from netip.AddrPort) {
	n.mu.Lock()
	defer n.mu.Unlock()
	front := n.fronts[from]
	if front == nil || !w.may[from] || n.ways[client] != w {
		n.lost++
		return
	}
	_, _ = front.WriteToUDPAddrPort(b, client)
}

// Outside is the address by which those outside see a client; zero before it has sent anything.
func (n *NAT) Outside(client netip.AddrPort) netip.AddrPort {
	n.mu.Lock()
	defer n.mu.Unlock()
	if w := n.ways[client]; w != nil {
		return addrPort(w.outside.LocalAddr())
	}
	return netip.AddrPort{}
}

// Inside is the client that is seen as outside; zero for nobody.
func (n *NAT) Inside(outside netip.AddrPort) netip.AddrPort {
	n.mu.Lock()
	defer n.mu.Unlock()
	for client, w := range n.ways {
		if addrPort(w.outside.LocalAddr()) == outside {
			return client
		}
	}
	return netip.AddrPort{}
}

// Reboot forgets all bindings; clients get other addresses outside.
func (n *NAT) Reboot() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for client, w := range n.ways {
		n.old = append(n.old, w.outside) // its port stays taken, so that none comes back
		delete(n.ways, client)
	}
}

// Lost counts what was not let in.
func (n *NAT) Lost() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.lost
}
