package media

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// got is a datagram as an inlet gives it.
type got struct {
	data []byte
	from netip.AddrPort
	at   time.Duration
}

func fetchAll(in *inlet, s *socket) (all []got) {
	in.read(s, func(raw []byte, from netip.AddrPort, at time.Duration) {
		all = append(all, got{bytes.Clone(raw), from, at})
	})
	return all
}

// stamping waits until the kernel stamps what comes: it begins some time after the first socket has asked for it.
func stamping(t *testing.T, in *inlet, c clock, s *socket, peer *net.UDPConn, to netip.AddrPort) {
	t.Helper()
	for range 200 {
		sent := c.now()
		if _, err := peer.WriteToUDPAddrPort([]byte("first"), to); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * ms)
		if all := fetchAll(in, s); len(all) == 1 && all[0].at < sent+10*ms {
			return
		}
	}
	t.Fatal("the kernel stamps nothing")
}

// TestInlet reads from both families, by a socket of one address and by one of all, with the kernel's time.
func TestInlet(t *testing.T) {
	c, err := newClock()
	if err != nil {
		t.Fatal(err)
	}
	in := newInlet(c)
	six := netip.IPv6Loopback()
	for _, tc := range []struct {
		name     string
		bind     netip.Addr
		far      netip.Addr
		wantFrom netip.Addr
	}{
		{"IPv4", loopback, loopback, loopback},
		{"IPv6", six, six, six},
		{"IPv4 at a socket of all addresses", netip.Addr{}, loopback, loopback},
		{"IPv6 at a socket of all addresses", netip.Addr{}, six, six},
	} {
		t.Run(tc.name, func(t *testing.T) {
			peer, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(tc.far, 0)))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = peer.Close() }()
			var s *socket
			port := 31300
			for ; port < 31400; port++ {
				if s, err = listen(tc.bind, port, 46); err == nil {
					break
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			defer s.close()
			stamping(t, in, c, s, peer, netip.AddrPortFrom(tc.far, uint16(port)))
			const n = inletBatch + 8
			before := c.now()
			for i := range n {
				if _, err := peer.WriteToUDPAddrPort([]byte{byte(i), 1, 2}, netip.AddrPortFrom(tc.far, uint16(port))); err != nil {
					t.Fatal(err)
				}
			}
			after := c.now()
			time.Sleep(30 * ms) // they wait; their time must not
			all := fetchAll(in, s)
			if len(all) != n {
				t.Fatalf("%d datagrams, want %d", len(all), n)
			}
			want := netip.AddrPortFrom(tc.wantFrom, uint16(peer.LocalAddr().(*net.UDPAddr).Port))
			for i, g := range all {
				if !bytes.Equal(g.data, []byte{byte(i), 1, 2}) || g.from != want {
					t.Fatalf("datagram %d: %v from %v, want one of %v", i, g.data, g.from, want)
				}
				if g.at < before-ms || g.at > after+10*ms {
					t.Fatalf("datagram %d came at %v, sent between %v and %v", i, g.at, before, after)
				}
			}
			if err := s.send([]byte("back"), want); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 16)
			_ = peer.SetReadDeadline(time.Now().Add(5 * time.Second))
			k, from, err := peer.ReadFromUDPAddrPort(buf)
			if err != nil || string(buf[:k]) != "back" || int(from.Port()) != port {
				t.Errorf("%q from %v: %v", buf[:k], from, err)
			}
			_, _ = peer.WriteToUDPAddrPort([]byte("late"), netip.AddrPortFrom(tc.far, uint16(port)))
			if dropped := s.drop(); dropped != 1 || len(fetchAll(in, s)) != 0 {
				t.Errorf("%d dropped, want 1 and nothing left", dropped)
			}
		})
	}
}

// A datagram that bears no stamp of the kernel has come when it is fetched.
func TestInletWithoutStamps(t *testing.T) {
	c, err := newClock()
	if err != nil {
		t.Fatal(err)
	}
	peer, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, 0)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = peer.Close() }()
	var s *socket
	port := 31300
	for ; port < 31400; port++ {
		if s, err = listen(loopback, port, 46); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := peer.WriteToUDPAddrPort([]byte("bare"), netip.AddrPortFrom(loopback, uint16(port))); err != nil {
		t.Fatal(err)
	}
	before := c.now()
	all := fetchAll(newInlet(c), s)
	if len(all) != 1 || string(all[0].data) != "bare" || all[0].at < before || all[0].at > c.now() {
		t.Errorf("%+v, want one that came after %v", all, before)
	}
}

// TestNothingBeforeAnAgreement: what comes before the first Apply is counted and not heard.
func TestNothingBeforeAnAgreement(t *testing.T) {
	s, peer := open(t, engine(t, Config{})), listenRaw(t)
	for range 5 {
		peer.sendRaw(t, s.LocalPort(), make([]byte, 172))
	}
	apply(t, s, params(t, peer.port()))
	peer.next(t)
	peer.next(t)
	if st := s.Stats(); st.Foreign != 5 || st.Received+st.Malformed != 0 {
		t.Errorf("%d foreign, %d received, %d malformed", st.Foreign, st.Received, st.Malformed)
	}
}
