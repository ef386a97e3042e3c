package media

import (
	"math"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// idle is a stream in force whose engine does not run: tests drive its frames.
func idle(t testing.TB, to int) *Stream {
	t.Helper()
	e, err := NewEngine(Config{Bind: loopback, PortMin: 31100, PortMax: 31199})
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, e)
	apply(t, s, params(t, to))
	s.SetSource(sine(t, 440))
	s.SetSink(&counter{})
	return s
}

type counter struct{ frames int }

func (c *counter) Write([]int16) { c.frames++ }

// incoming is a G.711 packet whose number can be moved on.
func incoming(t testing.TB) (raw []byte, next func()) {
	t.Helper()
	raw, err := (&rtp.Packet{Header: rtp.Header{Version: 2, SSRC: 7}, Payload: make([]byte, 160)}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	seq, ts := uint16(0), uint32(0)
	return raw, func() {
		seq++
		ts += 160
		raw[2], raw[3] = byte(seq>>8), byte(seq)
		raw[4], raw[5], raw[6], raw[7] = byte(ts>>24), byte(ts>>16), byte(ts>>8), byte(ts)
	}
}

func TestNoAllocationPerPacket(t *testing.T) {
	peer := listenRaw(t)
	s := idle(t, peer.port())
	if n := testing.AllocsPerRun(200, func() { s.send(0) }); n != 0 {
		t.Errorf("%v allocations for a packet sent", n)
	}
	raw, next := incoming(t)
	now := time.Duration(0)
	if n := testing.AllocsPerRun(200, func() {
		next()
		now += 20 * ms
		s.receiveRTP(raw, peer.addr(), now)
		s.play(min(now, 500*ms)) // before the first report
	}); n != 0 {
		t.Errorf("%v allocations for a packet received and played", n)
	}
	if st := s.Stats(); st.Received < 200 || st.Sent < 200 {
		t.Errorf("sent %d, received %d", st.Sent, st.Received)
	}
	if err := s.SendDTMF("123456789", nil); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { s.send(0) }); n != 0 {
		t.Errorf("%v allocations for a telephone-event packet", n)
	}
	// The socket's own share, which the readers above do not show.
	buf := make([]byte, 2048)
	to := peer.addr()
	if n := testing.AllocsPerRun(200, func() {
		if err := s.rtp.send(raw, to); err != nil {
			t.Fatal(err)
		}
		if _, _, err := peer.rtp.ReadFromUDPAddrPort(buf); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations in the socket", n)
	}
}

func BenchmarkSendFrame(b *testing.B) {
	peer := listenRaw(b)
	s := idle(b, peer.port())
	b.ReportAllocs()
	for b.Loop() {
		s.send(0)
	}
}

func BenchmarkReceive(b *testing.B) {
	peer := listenRaw(b)
	s := idle(b, peer.port())
	raw, next := incoming(b)
	from, now := peer.addr(), time.Duration(0)
	b.ReportAllocs()
	for b.Loop() {
		next()
		now += 20 * ms
		s.receiveRTP(raw, from, now)
		s.reportAt = math.MaxInt64
		s.play(now)
	}
}
