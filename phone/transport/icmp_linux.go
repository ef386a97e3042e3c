package transport

import (
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// enableErrorQueue asks the kernel to keep ICMP errors with the address they are about (ip(7) IP_RECVERR).
func enableErrorQueue(c *net.UDPConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	err = raw.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVERR, 1)
		if e := unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1); e == nil {
			set = nil
		}
	})
	if err != nil {
		return err
	}
	return set
}

// readErrorQueue takes what errors are queued, at most 1024 at once; the name of each message is the address the lost
// datagram went to.
func readErrorQueue(c *net.UDPConn) []icmpError {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	var out []icmpError
	_ = raw.Control(func(fd uintptr) {
		data, oob := make([]byte, 1), make([]byte, 512)
		for range 1024 {
			_, n, _, from, err := unix.Recvmsg(int(fd), data, oob, unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
			if err != nil {
				return
			}
			if e, ok := icmpFrom(from, oob[:n]); ok {
				out = append(out, e)
			}
		}
	})
	return out
}

func icmpFrom(from unix.Sockaddr, oob []byte) (icmpError, bool) {
	var remote netip.AddrPort
	switch a := from.(type) {
	case *unix.SockaddrInet4:
		remote = netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		remote = netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port))
	default:
		return icmpError{}, false
	}
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return icmpError{}, false
	}
	for _, m := range msgs {
		// struct sock_extended_err starts with the errno (linux/errqueue.h).
		if len(m.Data) >= 4 && (m.Header.Type == unix.IP_RECVERR || m.Header.Type == unix.IPV6_RECVERR) {
			errno := unix.Errno(uint32(m.Data[0]) | uint32(m.Data[1])<<8 | uint32(m.Data[2])<<16 | uint32(m.Data[3])<<24)
			return icmpError{remote: remote, err: errno}, true
		}
	}
	return icmpError{}, false
}
