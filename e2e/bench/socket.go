package main

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// packet is one datagram; at is when the kernel had it.
type packet struct {
	data []byte
	from netip.AddrPort
	at   time.Time
}

// socket is a UDP socket on loopback whose packets carry the kernel's time stamp, so that the driver's own waking up
// is not measured.
type socket struct {
	conn    *net.UDPConn
	addr    netip.AddrPort
	packets chan packet
}

const bufferSize = 1 << 20 // bytes in the kernel

// listen opens a socket; port 0 = a free one.
func listen(t testing.TB, port int) *socket {
	t.Helper()
	s, err := open(port)
	if err != nil {
		t.Fatal(err)
	}
	s.serve(t)
	return s
}

func open(port int) (*socket, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(bufferSize) // the limit of the system does as well
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	var set error
	err = raw.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	})
	if err = errors.Join(err, set); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &socket{conn: conn, addr: conn.LocalAddr().(*net.UDPAddr).AddrPort(), packets: make(chan packet, inboxSize)}, nil
}

func (s *socket) serve(t testing.TB) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.read()
	}()
	t.Cleanup(func() {
		_ = s.conn.Close()
		<-ended
	})
}

func (s *socket) read() {
	buf, oob := make([]byte, 64<<10), make([]byte, 128)
	for {
		n, m, _, from, err := s.conn.ReadMsgUDPAddrPort(buf, oob)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // the ICMP answer to something that was sent
			continue
		}
		p := packet{
			data: append([]byte(nil), buf[:n]...), at: stamp(oob[:m], time.Now()),
			from: netip.AddrPortFrom(from.Addr().Unmap(), from.Port()),
		}
		select {
		case s.packets <- p:
		default: // nobody waits for so much
		}
	}
}

// stamp is the moment in a packet's control message, as a time with a monotonic part like now's; now without one.
func stamp(oob []byte, now time.Time) time.Time {
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return now
	}
	for _, m := range messages {
		if m.Header.Level != unix.SOL_SOCKET || m.Header.Type != unix.SCM_TIMESTAMPNS || len(m.Data) < 16 {
			continue
		}
		// struct timespec of a 64-bit system, in the machine's order
		sec, ns := binary.NativeEndian.Uint64(m.Data), binary.NativeEndian.Uint64(m.Data[8:])
		if age := now.Sub(time.Unix(int64(sec), int64(ns))); age >= 0 && age < time.Second {
			return now.Add(-age)
		}
	}
	return now
}

// forget drops what has come so far.
func (s *socket) forget() {
	for {
		select {
		case <-s.packets:
		default:
			return
		}
	}
}

// send writes one datagram and returns when the write began.
func (s *socket) send(data []byte, to netip.AddrPort) (time.Time, error) {
	at := time.Now()
	_, err := s.conn.WriteToUDPAddrPort(data, to)
	return at, err
}
