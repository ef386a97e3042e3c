package phonetest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// writer sends one message on the way it belongs to: a UDP socket or a connection.
type writer interface {
	write(data []byte, to netip.AddrPort) error
}

// Peer is one scripted SIP element on loopback.
type Peer struct {
	// Timeout is how long Expect waits; 5 s unless set before the first Expect.
	Timeout time.Duration
	// Advertise, when set, is the address in Via and Contact instead of the socket's
	// (for a peer that is spoken to through a Relay).
	Advertise netip.AddrPort

	t         testing.TB
	transport string // UDP, TCP or TLS, as in Via
	addr      netip.AddrPort
	out       writer
	trace     *trace
	wg        sync.WaitGroup

	mu         sync.Mutex // guards following
	log        []*Msg     // everything received, copies too
	next       int        // first message of log that Expect has not looked at
	changed    chan struct{}
	copies     map[string]int
	tags       map[string]string // own tag by Call-ID
	handlers   []handler
	keepalives int
	garbage    int
	keepCopies bool
}

type handler struct {
	what string
	f    func(*Msg)
}

// NewPeer opens a UDP socket on 127.0.0.1, closed at the end of the test.
func NewPeer(t testing.TB) *Peer {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatalf("phonetest: %v", err)
	}
	p := newPeer(t, "UDP", addrPort(conn.LocalAddr()))
	p.out = udpWriter{conn}
	p.wg.Go(func() { p.readUDP(conn) })
	p.cleanup(func() { _ = conn.Close() })
	return p
}

func newPeer(t testing.TB, transport string, addr netip.AddrPort) *Peer {
	return &Peer{
		Timeout: 5 * time.Second, t: t, transport: transport, addr: addr,
		trace:   &trace{start: time.Now()},
		changed: make(chan struct{}), copies: map[string]int{}, tags: map[string]string{},
	}
}

func (p *Peer) cleanup(stop func()) {
	p.t.Cleanup(func() {
		stop()
		p.wg.Wait()
		if p.t.Failed() {
			p.t.Logf("peer %s saw:\n%s", p.addr, p.Trace())
		}
	})
}

type udpWriter struct{ conn *net.UDPConn }

func (w udpWriter) write(data []byte, to netip.AddrPort) error {
	_, err := w.conn.WriteToUDPAddrPort(data, to)
	return err
}

func (p *Peer) readUDP(conn *net.UDPConn) {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // an ICMP answer to something we sent
			continue
		}
		data := append([]byte(nil), buf[:n]...)
		if strings.Trim(string(data), "\r\n\x00") == "" {
			p.keepalive(from)
			continue
		}
		m, err := ParseMsg(data)
		if err != nil {
			p.refuse(data, from, err)
			continue
		}
		p.receive(m, unmap(from), p.out)
	}
}

func (p *Peer) keepalive(from netip.AddrPort) {
	p.trace.add(true, from, "(keep-alive)", nil)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keepalives++
}

func (p *Peer) refuse(data []byte, from netip.AddrPort, err error) {
	p.trace.add(true, from, fmt.Sprintf(" (%v)", err), data)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.garbage++
}

// receive files a message, or gives it to its handler.
func (p *Peer) receive(m *Msg, from netip.AddrPort, conn writer) {
	m.Source, m.At, m.conn = from, time.Now(), conn
	key := copyKey(m)
	p.mu.Lock()
	m.Copy = p.copies[key] > 0
	p.copies[key]++
	var handle func(*Msg)
	for _, h := range p.handlers {
		if matches(m, h.what) {
			handle = h.f
		}
	}
	if handle == nil {
		p.log = append(p.log, m)
		close(p.changed)
		p.changed = make(chan struct{})
	}
	p.mu.Unlock()

	note := ""
	if m.Copy {
		note = " (copy)"
	}
	p.trace.add(true, from, note, m.Raw)
	if handle != nil {
		handle(m)
	}
}

// copyKey is the same for a message and its retransmissions.
func copyKey(m *Msg) string {
	return strings.Join([]string{
		m.Method, m.URI, fmt.Sprint(m.Code), m.Branch(), m.Header("CSeq"), m.CallID(),
		m.FromTag(), m.ToTag(), m.Header("RSeq"), string(m.Body),
	}, "\x00")
}

// Addr gives the address of the socket.
func (p *Peer) Addr() netip.AddrPort { return p.addr }

// URI gives sip:user@addr, with the transport when it is not UDP.
func (p *Peer) URI(user string) string {
	host := p.public().String()
	if user != "" {
		host = user + "@" + host
	}
	switch p.transport {
	case "TCP", "TLS":
		return "sip:" + host + ";transport=" + strings.ToLower(p.transport)
	}
	return "sip:" + host
}

func (p *Peer) public() netip.AddrPort {
	if p.Advertise.IsValid() {
		return p.Advertise
	}
	return p.addr
}

// Handle gives every message that is what (in the words of Expect) to f instead of
// Expect, from the peer's reading goroutine; copies too. With a nil f it is forgotten again.
func (p *Peer) Handle(what string, f func(*Msg)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handlers = append(p.handlers, handler{what, f})
}

// KeepCopies makes Expect give retransmissions too.
func (p *Peer) KeepCopies() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keepCopies = true
}

// Keepalives counts CRLF (and empty) packets received; Garbage what was no SIP message.
func (p *Peer) Keepalives() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.keepalives
}

// Garbage counts what was received and was neither a SIP message nor a keep-alive.
func (p *Peer) Garbage() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.garbage
}

// Trace gives everything seen and sent, with times. A failed test prints it by itself.
func (p *Peer) Trace() string { return p.trace.String() }

// Send sends a message as it is. A failure to send stands in the trace.
func (p *Peer) Send(m *Msg, to netip.AddrPort) *Msg {
	m.dest = to
	conn := m.conn
	if conn == nil {
		conn = p.out
	}
	p.put(conn, m.Bytes(), to)
	return m
}

// SendRaw sends octets as they are.
func (p *Peer) SendRaw(data []byte, to netip.AddrPort) { p.put(p.out, data, to) }

func (p *Peer) put(conn writer, data []byte, to netip.AddrPort) {
	note := ""
	if err := conn.write(data, to); err != nil {
		note = fmt.Sprintf(" (not sent: %v)", err)
	}
	p.trace.add(false, to, note, data)
}

// tag gives the peer's own tag in a call.
func (p *Peer) tag(callID string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tags[callID] == "" {
		p.tags[callID] = rand.Text()[:8]
	}
	return p.tags[callID]
}

func addrPort(a net.Addr) netip.AddrPort {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return unmap(ap)
}

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }
