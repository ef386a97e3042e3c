package media

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"
	"unsafe"

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

// A stamp of the future or of long ago tells that the wall clock was set, not that the packet waited.
func TestAge(t *testing.T) {
	in := newInlet(clock{})
	stamped := time.Now()
	h := (*unix.Cmsghdr)(unsafe.Pointer(&in.control[0][0]))
	h.Level, h.Type = unix.SOL_SOCKET, unix.SCM_TIMESTAMPNS
	h.SetLen(unix.CmsgLen(16))
	data := in.control[0][unix.CmsgLen(0):]
	binary.NativeEndian.PutUint64(data, uint64(stamped.Unix()))
	binary.NativeEndian.PutUint64(data[8:], uint64(stamped.Nanosecond()))
	for waited, want := range map[time.Duration]time.Duration{
		0: 0, 30 * ms: 30 * ms, time.Second: time.Second, time.Second + ms: 0, time.Hour: 0, -ms: 0, -time.Hour: 0,
	} {
		in.headers[0].header.SetControllen(unix.CmsgSpace(16))
		if got := in.age(0, stamped.Add(waited).UnixNano()); got != want {
			t.Errorf("%v after the stamp: %v, want %v", waited, got, want)
		}
	}
	in.headers[0].header.SetControllen(0)
	if got := in.age(0, stamped.Add(30*ms).UnixNano()); got != 0 {
		t.Errorf("without a stamp: %v", got)
	}
}

// A system that stamps nothing, as some sandboxes: the moment of fetching counts.
func TestWithoutStamps(t *testing.T) {
	c, err := newClock()
	if err != nil {
		t.Fatal(err)
	}
	s, err := listen(netip.MustParseAddr("127.0.0.1"), 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 0); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(s.fd)
	if err != nil {
		t.Fatal(err)
	}
	four, ok := name.(*unix.SockaddrInet4)
	if !ok {
		t.Fatalf("%T", name)
	}
	peer, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: four.Addr[:], Port: four.Port})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = peer.Close() }()
	before := c.now()
	if _, err := peer.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	var all []got
	for len(all) == 0 && c.now()-before < 5*time.Second {
		all = fetchAll(newInlet(c), s)
	}
	if len(all) != 1 || string(all[0].data) != "hello" || all[0].at < before {
		t.Errorf("%+v", all)
	}
}
