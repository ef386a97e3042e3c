package peers

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// Blocks of ports lie below the kernel's ephemeral range (32768 on Linux), so that no outgoing connection takes one,
// and below the default RTP ports (16384), which the tests of other packages may use.
const (
	firstPort  = 10000
	blockSize  = 100
	blockCount = 60
)

// Ports hands out loopback ports that no other test on this machine uses at the same time, even one in another
// process: the first port of its block stays bound for as long as the block is in use.
type Ports struct {
	t    testing.TB
	next int
	end  int
}

// NewPorts reserves a block of ports until the test ends.
func NewPorts(t testing.TB) *Ports {
	t.Helper()
	start := rand.IntN(blockCount)
	for i := range blockCount {
		base := firstPort + (start+i)%blockCount*blockSize
		guard, err := listenTCP(t, base)
		if err != nil {
			continue
		}
		t.Cleanup(func() { _ = guard.Close() })
		return &Ports{t: t, next: base + 1, end: base + blockSize}
	}
	t.Fatal("every block of ports is taken")
	return nil
}

// Next returns a port that is free for TCP and UDP.
func (p *Ports) Next() int {
	p.t.Helper()
	lo, _ := p.Range(1, 1)
	return lo
}

// Pair returns an even port; it and the one after it are free. SIP with TLS beside it and RTP with RTCP want that.
func (p *Ports) Pair() int {
	p.t.Helper()
	lo, _ := p.Range(2, 2)
	return lo
}

// Range returns the first and last of n free ports in a row, the first a multiple of align.
func (p *Ports) Range(n, align int) (first, last int) {
	p.t.Helper()
	for first = p.next; ; first++ {
		if first+n > p.end {
			p.t.Fatalf("no %d ports left in the block", n)
		}
		if first%align == 0 && p.free(first, n) {
			break
		}
	}
	p.next = first + n
	return first, first + n - 1
}

func (p *Ports) free(first, n int) bool {
	for port := first; port < first+n; port++ {
		if !portFree(p.t, port) {
			return false
		}
	}
	return true
}

// portFree binds all addresses, because baresip's RTP sockets do so too, whatever it is told to listen on.
func portFree(t testing.TB, port int) bool {
	var lc net.ListenConfig
	ctx := context.WithoutCancel(t.Context())
	tcp, err := lc.Listen(ctx, "tcp4", fmt.Sprintf(":%d", port))
	if err != nil {
		return false
	}
	_ = tcp.Close()
	udp, err := lc.ListenPacket(ctx, "udp4", fmt.Sprintf(":%d", port))
	if err != nil {
		return false
	}
	_ = udp.Close()
	return true
}

func listenTCP(t testing.TB, port int) (net.Listener, error) {
	var lc net.ListenConfig
	return lc.Listen(context.WithoutCancel(t.Context()), "tcp4", Loopback(port))
}

// Loopback is "127.0.0.1:port".
func Loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// udpTaken tells whether somebody has bound a UDP port. It reads the kernel's table: binding the port to find out
// would take it away from the program that is about to.
func udpTaken(port int) bool {
	table, err := os.ReadFile("/proc/net/udp")
	return err == nil && strings.Contains(string(table), fmt.Sprintf(":%04X ", port))
}

// Silent is a UDP port that takes everything and answers nothing; it returns host:port.
func Silent(t testing.TB) string {
	t.Helper()
	var lc net.ListenConfig
	conn, err := lc.ListenPacket(context.WithoutCancel(t.Context()), "udp4", Loopback(0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn.LocalAddr().String()
}

// accepts tells whether something listens on a loopback TCP port.
func accepts(port int) bool { return listens("127.0.0.1", port) }

// listens tells whether something listens on a TCP port of an address.
func listens(host string, port int) bool {
	conn, err := dial(net.JoinHostPort(host, itoa(port)))
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

func dialTCP(port int) (net.Conn, error) { return dial(Loopback(port)) }

func dial(address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	var d net.Dialer
	return d.DialContext(ctx, "tcp", address)
}

func itoa(n int) string { return fmt.Sprint(n) }
