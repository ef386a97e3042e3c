package media

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"

	pion "github.com/pion/stun/v3"

	"housephone/phone/stun"
)

// mapper answers STUN questions with made-up addresses, from conn.
func mapper(t *testing.T, answer func(request *pion.Message, from netip.AddrPort) []byte) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: loopback.AsSlice()})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 2048)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			m := &pion.Message{Raw: buf[:n]}
			if m.Decode() != nil {
				continue
			}
			if raw := answer(m, from); raw != nil {
				_, _ = conn.WriteToUDPAddrPort(raw, from)
			}
		}
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

// outside is how port is said to be seen.
func outside(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr("198.51.100.7"), 40000+port%1000)
}

func says(m *pion.Message, a netip.AddrPort) []byte {
	return pion.MustBuild(m, pion.BindingSuccess, &pion.XORMappedAddress{IP: a.Addr().AsSlice(), Port: int(a.Port())}).Raw
}

func TestMapped(t *testing.T) {
	server := mapper(t, func(m *pion.Message, from netip.AddrPort) []byte { return says(m, outside(from.Port())) })
	s := open(t, engine(t, Config{}))
	for range 2 { // before and while sound flows
		rtp, rtcp, err := s.Mapped(t.Context(), server)
		port := uint16(s.LocalPort())
		if err != nil || rtp != outside(port) || rtcp != outside(port+1) {
			t.Errorf("%v, %v, %v", rtp, rtcp, err)
		}
		if st := s.Stats(); st.Foreign != 0 || st.Malformed != 0 {
			t.Errorf("%+v", st)
		}
		apply(t, s, params(t, listenRaw(t).port()))
	}
	s.Close()
	if _, _, err := s.Mapped(t.Context(), server); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// RTCP without an answer leaves RTP's; RTP without one is an error.
func TestMappedInPart(t *testing.T) {
	var mute atomic.Uint32
	server := mapper(t, func(m *pion.Message, from netip.AddrPort) []byte {
		if from.Port() == uint16(mute.Load()) {
			return nil
		}
		return says(m, outside(from.Port()))
	})
	s := open(t, engine(t, Config{}))
	port := uint16(s.LocalPort())
	mute.Store(uint32(port) + 1)
	if rtp, rtcp, err := s.Mapped(t.Context(), server); err != nil || rtp != outside(port) || rtcp.IsValid() {
		t.Errorf("%v, %v, %v", rtp, rtcp, err)
	}
	mute.Store(uint32(port))
	if rtp, rtcp, err := s.Mapped(t.Context(), server); !errors.Is(err, stun.ErrSilent) || rtp.IsValid() || rtcp.IsValid() {
		t.Errorf("%v, %v, %v", rtp, rtcp, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.Mapped(ctx, server); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// An answer from elsewhere, or to no question, is a stranger's packet like any other.
func TestMappedFromStranger(t *testing.T) {
	stranger := listenRaw(t)
	s := open(t, engine(t, Config{}))
	server := mapper(t, func(m *pion.Message, from netip.AddrPort) []byte {
		if from.Port() == uint16(s.LocalPort()) {
			_, _ = stranger.rtp.WriteToUDPAddrPort(says(m, outside(0)), from)
		}
		m.TransactionID[3]++
		return says(m, outside(0))
	})
	if rtp, _, err := s.Mapped(t.Context(), server); !errors.Is(err, stun.ErrSilent) {
		t.Errorf("%v, %v", rtp, err)
	}
	until(t, "foreign packets", func() bool { return s.Stats().Foreign == 6 }) // two tries: 2 of the stranger, 4 with other ids
}
