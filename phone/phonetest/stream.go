package phonetest

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// NewTCPPeer listens on 127.0.0.1 and answers on the connection a request came by;
// Send to an address without a connection dials one.
func NewTCPPeer(t testing.TB) *Peer {
	t.Helper()
	return newStreamPeer(t, "TCP", nil)
}

// NewTLSPeer is a TCP peer that speaks TLS with cert (see SelfSigned).
func NewTLSPeer(t testing.TB, cert tls.Certificate) *Peer {
	t.Helper()
	return newStreamPeer(t, "TLS", &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
}

func newStreamPeer(t testing.TB, transport string, secure *tls.Config) *Peer {
	t.Helper()
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("phonetest: %v", err)
	}
	p := newPeer(t, transport, addrPort(ln.Addr()))
	s := &streams{peer: p, secure: secure, conns: map[netip.AddrPort]net.Conn{}}
	p.out = s
	p.wg.Go(func() { s.accept(ln) })
	p.cleanup(func() {
		_ = ln.Close()
		s.closeAll(true)
	})
	return p
}

// streams are the connections of one peer, by the far end's address.
type streams struct {
	peer   *Peer
	secure *tls.Config

	mu     sync.Mutex // guards following
	conns  map[netip.AddrPort]net.Conn
	closed bool
}

func (s *streams) accept(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		if s.secure != nil {
			conn = tls.Server(conn, s.secure)
		}
		s.add(conn)
	}
}

// add keeps a connection and reads it until it ends.
func (s *streams) add(conn net.Conn) {
	from := addrPort(conn.RemoteAddr())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = conn.Close()
		return
	}
	s.conns[from] = conn
	s.peer.wg.Go(func() {
		s.read(conn, from)
		_ = conn.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.conns[from] == conn {
			delete(s.conns, from)
		}
	})
}

func (s *streams) read(conn net.Conn, from netip.AddrPort) {
	r := bufio.NewReader(conn)
	for {
		m, err := readStreamMsg(r, r)
		if err != nil {
			s.peer.trace.add(true, from, fmt.Sprintf("(connection ends: %v)", err), nil)
			return
		}
		if m == nil {
			s.peer.keepalive(from)
			continue
		}
		s.peer.receive(m, from, s)
	}
}

func (s *streams) write(data []byte, to netip.AddrPort) error {
	s.mu.Lock()
	conn := s.conns[to]
	s.mu.Unlock()
	if conn == nil {
		var err error
		if conn, err = s.dial(to); err != nil {
			return err
		}
	}
	_ = conn.SetWriteDeadline(time.Now().Add(s.peer.Timeout))
	_, err := conn.Write(data)
	return err
}

func (s *streams) dial(to netip.AddrPort) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.peer.Timeout)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp4", to.String())
	if err != nil {
		return nil, err
	}
	if s.secure != nil { // the stack under test is judged by its own checks, not by the peer's
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}) //nolint:gosec // test peer
	}
	s.add(conn)
	return conn, nil
}

func (s *streams) closeAll(forever bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = s.closed || forever
	for _, c := range s.conns {
		_ = c.Close()
	}
}

// Disconnect closes every connection of a TCP or TLS peer; new ones are still accepted.
func (p *Peer) Disconnect() {
	if s, ok := p.out.(*streams); ok {
		s.closeAll(false)
	}
}

// Connections counts the open connections of a TCP or TLS peer.
func (p *Peer) Connections() int {
	s, ok := p.out.(*streams)
	if !ok {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// SelfSigned makes a certificate for the names (127.0.0.1 is always in it) and the
// pool that trusts it.
func SelfSigned(t testing.TB, names ...string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("phonetest: %v", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "phonetest"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: names, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatalf("phonetest: %v", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatalf("phonetest: %v", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
}
