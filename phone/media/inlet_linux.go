package media

import (
	"encoding/binary"
	"net"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	inletBatch = 32 // datagrams fetched at once
	// inletRounds bounds what one stream may cost in a turn: more than 10,000 datagrams a
	// second are left to the kernel to drop.
	inletRounds = 8
	inletSize   = 2048 // longer datagrams are cut and thereby malformed
	controlSize = 64   // a time stamp and its header
)

// inlet fetches datagrams without waiting: the pacer looks at each socket once a packet time. A
// goroutine that waits for each packet would be woken as often, and the call may be held in the
// kernel meanwhile just as well. One goroutine uses an inlet, for one socket after the other.
type inlet struct {
	clock   clock
	headers [inletBatch]mmsghdr
	names   [inletBatch]unix.RawSockaddrInet6 // the longer kind holds the other one too
	vectors [inletBatch]unix.Iovec
	data    [inletBatch][inletSize]byte
	control [inletBatch][controlSize]byte
	zones   map[uint32]string
}

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	header unix.Msghdr
	length uint32
}

func newInlet(c clock) *inlet {
	in := &inlet{clock: c, zones: map[uint32]string{}}
	for i := range in.headers {
		in.vectors[i].Base = &in.data[i][0]
		in.vectors[i].SetLen(inletSize)
		h := &in.headers[i].header
		h.Name = (*byte)(unsafe.Pointer(&in.names[i]))
		h.Iov = &in.vectors[i]
		h.SetIovlen(1)
		h.Control = &in.control[i][0]
	}
	return in
}

// read hands what waits in a socket to handle, with the moment when the kernel had it.
func (in *inlet) read(from *socket, handle func([]byte, netip.AddrPort, time.Duration)) {
	for range inletRounds {
		n := in.fetch(from.fd)
		if n == 0 {
			return
		}
		wall, now := in.moment()
		for i := range n {
			size := min(in.headers[i].length, inletSize)
			handle(in.data[i][:size], in.from(&in.names[i]), now-in.age(i, wall))
		}
		if n < inletBatch {
			return
		}
	}
}

// moment is one instant on both clocks: the wall clock, by which the kernel stamps, and ours. Where something came in
// between the two looks, they are taken again.
func (in *inlet) moment() (wall int64, now time.Duration) {
	const looks, apart = 5, 100 * time.Microsecond
	now = in.clock.now()
	for range looks {
		before := now
		wall = time.Now().UnixNano()
		if now = in.clock.now(); now-before <= apart {
			break
		}
	}
	return wall, now
}

// fetch is one recvmmsg(2).
func (in *inlet) fetch(fd int) int {
	for i := range in.headers { // the kernel has written over them
		h := &in.headers[i].header
		h.Namelen = unix.SizeofSockaddrInet6
		h.SetControllen(controlSize)
	}
	n, _, err := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&in.headers[0])), inletBatch, unix.MSG_DONTWAIT, 0, 0)
	if err != 0 { // nothing there
		return 0
	}
	return int(n)
}

// age is how long datagram i has waited; 0 when it bears no stamp that can be true.
func (in *inlet) age(i int, wall int64) time.Duration {
	const longest = time.Second
	size := min(int(in.headers[i].header.Controllen), controlSize)
	if size < unix.CmsgLen(0) { // without any, as in a sandbox that knows no stamps
		return 0
	}
	h, data, _, err := unix.ParseOneSocketControlMessage(in.control[i][:size])
	if err != nil || h.Level != unix.SOL_SOCKET || h.Type != unix.SCM_TIMESTAMPNS || len(data) < 16 {
		return 0
	}
	// struct timespec of a 64-bit system
	sec, ns := binary.NativeEndian.Uint64(data), binary.NativeEndian.Uint64(data[8:])
	age := time.Duration(wall - int64(sec)*int64(time.Second) - int64(ns))
	if age < 0 || age > longest {
		return 0
	}
	return age
}

// from is the sender; an IPv4 one is not mapped.
func (in *inlet) from(name *unix.RawSockaddrInet6) netip.AddrPort {
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&name.Port))[:]) // at the same place in both kinds
	if name.Family == unix.AF_INET {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), port)
	}
	addr := netip.AddrFrom16(name.Addr).Unmap()
	if name.Scope_id != 0 && addr.Is6() {
		addr = addr.WithZone(in.zone(name.Scope_id))
	}
	return netip.AddrPortFrom(addr, port)
}

// zone is the name of an interface, as package net writes it.
func (in *inlet) zone(id uint32) string {
	const most = 64
	name, known := in.zones[id]
	if known {
		return name
	}
	if i, err := net.InterfaceByIndex(int(id)); err == nil {
		name = i.Name
	}
	if len(in.zones) < most {
		in.zones[id] = name
	}
	return name
}
