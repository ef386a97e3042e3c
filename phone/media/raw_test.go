package media

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// rawPeer is a far end made of bare sockets, so that tests say what is on the
// wire.
type rawPeer struct {
	rtp, rtcp *net.UDPConn
}

func listenRaw(t testing.TB) *rawPeer {
	t.Helper()
	for range 100 {
		a, err := net.ListenUDP("udp4", &net.UDPAddr{IP: loopback.AsSlice()})
		if err != nil {
			t.Fatal(err)
		}
		port := a.LocalAddr().(*net.UDPAddr).Port
		b, err := net.ListenUDP("udp4", &net.UDPAddr{IP: loopback.AsSlice(), Port: port + 1})
		if err != nil {
			_ = a.Close()
			continue
		}
		t.Cleanup(func() { _, _ = a.Close(), b.Close() })
		return &rawPeer{a, b}
	}
	t.Fatal("no pair of ports")
	return nil
}

func (p *rawPeer) port() int { return p.rtp.LocalAddr().(*net.UDPAddr).Port }

func (p *rawPeer) addr() netip.AddrPort { return p.rtp.LocalAddr().(*net.UDPAddr).AddrPort() }

// next is the next RTP packet.
func (p *rawPeer) next(t testing.TB) *rtp.Packet {
	t.Helper()
	buf := make([]byte, 2048)
	_ = p.rtp.SetReadDeadline(time.Now().Add(10 * time.Second))
	n, err := p.rtp.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	var pkt rtp.Packet
	if err := pkt.Unmarshal(buf[:n]); err != nil {
		t.Fatal(err)
	}
	return &pkt
}

// drain reads what has arrived and counts it.
func (p *rawPeer) drain(t testing.TB) (n int) {
	t.Helper()
	buf := make([]byte, 2048)
	for {
		_ = p.rtp.SetReadDeadline(time.Now().Add(30 * ms))
		if _, err := p.rtp.Read(buf); err != nil {
			return n
		}
		n++
	}
}

// send sends one RTP packet to a stream.
func (p *rawPeer) send(t testing.TB, s *Stream, h rtp.Header, payload []byte) {
	t.Helper()
	h.Version = 2
	raw, err := (&rtp.Packet{Header: h, Payload: payload}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	p.sendRaw(t, s.LocalPort(), raw)
}

func (p *rawPeer) sendRaw(t testing.TB, port int, raw []byte) {
	t.Helper()
	if _, err := p.rtp.WriteToUDPAddrPort(raw, netip.AddrPortFrom(loopback, uint16(port))); err != nil {
		t.Fatal(err)
	}
}

// nextRTCP is the next compound packet of a socket, past any RTP.
func nextRTCP(t testing.TB, conn *net.UDPConn) ([]rtcp.Packet, netip.AddrPort) {
	t.Helper()
	buf := make([]byte, 2048)
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			t.Fatal(err)
		}
		if !isRTCP(buf[:n]) {
			continue
		}
		packets, err := rtcp.Unmarshal(buf[:n])
		if err != nil {
			t.Fatal(err)
		}
		return packets, from
	}
}
