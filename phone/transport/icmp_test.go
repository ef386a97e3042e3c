package transport

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// deadAddrs are addresses at which nobody listens.
func deadAddrs(n int) []netip.AddrPort {
	out := make([]netip.AddrPort, n)
	for i := range out {
		out[i] = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 9, byte(i >> 8), byte(i)}), 9)
	}
	return out
}

// A datagram to one peer is not lost to the ICMP errors of datagrams to others.
func TestErrorsOfOthers(t *testing.T) {
	b := start(t, nil)
	peer, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = peer.Close() }()
	_ = peer.SetReadBuffer(4 << 20)
	live, err := b.Connect(t.Context(), UDP, addrOf(peer.LocalAddr()), "")
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var floods sync.WaitGroup
	for range 4 {
		floods.Go(func() {
			for {
				for _, d := range deadAddrs(500) {
					select {
					case <-stop:
						return
					default:
						_ = live.To(d).Send([]byte("x"))
					}
				}
			}
		})
	}
	const many = 2000
	failed := 0
	for i := range many {
		if err := live.Send([]byte(fmt.Sprint(i))); err != nil {
			failed++
			t.Logf("%d: %v", i, err)
		}
	}
	close(stop)
	floods.Wait()
	got := 0
	buf := make([]byte, 100)
	_ = peer.SetReadDeadline(time.Now().Add(5 * time.Second))
	for got < many-failed {
		if _, err := peer.Read(buf); err != nil {
			break
		}
		got++
	}
	if failed > 0 || got != many {
		t.Errorf("%d of %d were not sent, %d have come", failed, many, got)
	}
}

// What peers send is not lost to the ICMP errors of datagrams to others.
func TestErrorsTakeNoRoom(t *testing.T) {
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	b := start(t, func(c *Config) { _ = c.UDP.Close(); c.UDP = udp })
	_ = udp.SetReadBuffer(212992)
	b.udp = addrOf(udp.LocalAddr())
	peer, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = peer.Close() }()
	live, err := b.Connect(t.Context(), UDP, addrOf(peer.LocalAddr()), "")
	if err != nil {
		t.Fatal(err)
	}
	dead := deadAddrs(4000)
	const many = 200
	for i := range many {
		for j := range 20 {
			_ = live.To(dead[i*20+j]).Send([]byte("x"))
		}
		if _, err := peer.WriteToUDPAddrPort([]byte(request("OPTIONS", fmt.Sprint(i))), b.udp); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(time.Second)
	for time.Now().Before(deadline) && b.Stats().Received < many {
		time.Sleep(time.Millisecond)
	}
	if n := b.Stats().Received; n != many {
		t.Errorf("%d of %d have come", n, many)
	}
}
