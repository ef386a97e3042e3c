package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/ipv4"
)

// flood is one kind of attack: what the i-th datagram is.
type flood struct {
	name    string
	message func(i int, from netip.Addr) []byte
}

func floods() []flood {
	return []flood{
		{"nothing", nil},
		{"garbage", func(i int, _ netip.Addr) []byte { return []byte(fmt.Sprintf("garbage %d\r\n\r\n", i)) }},
		{"broken INVITEs", func(i int, from netip.Addr) []byte {
			return []byte(strings.Replace(request("INVITE", i, from, ""), "CSeq: 1 ", "CSeq: %s%n ", 1))
		}},
		{"OPTIONS", func(i int, from netip.Addr) []byte { return []byte(request("OPTIONS", i, from, "")) }},
		{"MESSAGEs of 7 KiB", func(i int, from netip.Addr) []byte {
			return []byte(request("MESSAGE", i, from, strings.Repeat("x", 7<<10)))
		}},
		{"OPTIONS with a Call-ID of 7 KiB", func(i int, from netip.Addr) []byte {
			return []byte(strings.Replace(request("OPTIONS", i, from, ""), "Call-ID: ", "Call-ID: "+strings.Repeat("x", 7<<10), 1))
		}},
		{"REGISTERs of 60 KiB", func(i int, from netip.Addr) []byte {
			return []byte(request("REGISTER", i, from, strings.Repeat("x", 60<<10)))
		}},
	}
}

func request(method string, i int, from netip.Addr, body string) string {
	return fmt.Sprintf("%s sip:phone@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKf%d;rport\r\nMax-Forwards: 70\r\n"+
		"From: <sip:f@%s>;tag=f%d\r\nTo: <sip:phone@127.0.0.1>\r\nCall-ID: f%d@%s\r\nCSeq: 1 %s\r\nContact: <sip:f@%s>\r\n"+
		"Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", method, from, i, from, i, i, from, method, from, len(body), body)
}

type result struct {
	rate float64
	err  error
}

// send floods for the time that was asked for, in steps of a millisecond, from one address after the other.
func send(ctx context.Context, to netip.AddrPort, f flood, o options) result {
	if f.message == nil {
		return result{}
	}
	pc, err := new(net.ListenConfig).ListenPacket(ctx, "udp4", "127.0.0.1:0")
	if err != nil {
		return result{err: err}
	}
	defer func() { _ = pc.Close() }()
	conn := ipv4.NewPacketConn(pc)
	begin, sent := time.Now(), 0
	dest := net.UDPAddrFromAddrPort(to)
	for time.Since(begin) < o.length && ctx.Err() == nil {
		due := int(time.Since(begin).Seconds() * float64(o.rate))
		for ; sent < due; sent++ {
			n := sent % o.sources
			from := netip.AddrFrom4([4]byte{127, byte(64 + n>>16), byte(n >> 8), byte(n)})
			// Errors are answers of the host to answers of the service that nobody reads.
			_, _ = conn.WriteTo(f.message(sent, from), &ipv4.ControlMessage{Src: from.AsSlice()}, dest)
		}
		time.Sleep(time.Millisecond)
	}
	return result{rate: float64(sent) / time.Since(begin).Seconds()}
}
