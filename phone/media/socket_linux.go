package media

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socket is a UDP socket that the runtime's poller does not watch: it would be woken by every
// packet of every call. Its user sees to it that nothing is called after close.
type socket struct {
	fd int
	v6 bool // IPv4 addresses are written mapped (RFC 4291 2.5.5.2)
}

// listen opens a UDP socket at a port of bind; the zero value is every address of both families.
func listen(bind netip.Addr, port, dscp int) (*socket, error) {
	family := unix.AF_INET6
	if bind.IsValid() && bind.Unmap().Is4() {
		family = unix.AF_INET
	}
	s, err := listenFamily(family, bind.Unmap(), port)
	if err != nil && !bind.IsValid() && (errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EADDRNOTAVAIL)) { // a system without IPv6
		s, err = listenFamily(unix.AF_INET, bind, port)
	}
	if err != nil {
		return nil, fmt.Errorf("media port %d: %w", port, err)
	}
	if dscp >= 0 {
		// A mark that the system refuses costs priority on the way, no call.
		_ = unix.SetsockoptInt(s.fd, unix.IPPROTO_IP, unix.IP_TOS, dscp<<2)
		if s.v6 {
			_ = unix.SetsockoptInt(s.fd, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, dscp<<2)
		}
	}
	// Without stamps the moment of fetching counts.
	_ = unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	return s, nil
}

func listenFamily(family int, bind netip.Addr, port int) (*socket, error) {
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	var name unix.Sockaddr
	if family == unix.AF_INET6 {
		six := &unix.SockaddrInet6{Port: port}
		only := 0 // IPv4 too
		if bind.IsValid() {
			six.Addr, six.ZoneId, only = bind.As16(), scope(bind), 1
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only)
		name = six
	} else {
		four := &unix.SockaddrInet4{Port: port}
		if bind.IsValid() {
			four.Addr = bind.As4()
		}
		name = four
	}
	if err := unix.Bind(fd, name); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return &socket{fd: fd, v6: family == unix.AF_INET6}, nil
}

// send never waits: a packet that finds no room is lost.
func (s *socket) send(raw []byte, to netip.AddrPort) error {
	var name unix.RawSockaddrInet6
	size := uintptr(unix.SizeofSockaddrInet4)
	if s.v6 {
		size = unix.SizeofSockaddrInet6
		name.Family, name.Addr, name.Scope_id = unix.AF_INET6, to.Addr().As16(), scope(to.Addr())
	} else {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(&name))
		v4.Family, v4.Addr = unix.AF_INET, to.Addr().Unmap().As4()
	}
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&name.Port))[:], to.Port()) // at the same place in both kinds
	_, _, err := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(unsafe.SliceData(raw))), uintptr(len(raw)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, uintptr(unsafe.Pointer(&name)), size)
	if err != 0 {
		return err
	}
	return nil
}

// scope is the number of an address's interface.
func scope(a netip.Addr) uint32 {
	zone := a.Zone()
	if zone == "" {
		return 0
	}
	if i, err := net.InterfaceByName(zone); err == nil {
		return uint32(i.Index)
	}
	n, _ := strconv.ParseUint(zone, 10, 32)
	return uint32(n)
}

// drop throws away what waits and counts it.
func (s *socket) drop() (n uint64) {
	const most = 1000
	var b [1]byte
	for n < most {
		if _, _, err := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(s.fd), uintptr(unsafe.Pointer(&b)), 1, unix.MSG_DONTWAIT, 0, 0); err != 0 {
			break
		}
		n++
	}
	return n
}

func (s *socket) close() { _ = unix.Close(s.fd) }

// serve does nothing: the pacer reads.
func (s *Stream) serve() {}
