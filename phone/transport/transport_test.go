package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"go.uber.org/goleak"

	"housephone/phone/phonetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a running layer and what it has delivered.
type bench struct {
	*Layer
	udp, tcp, tls netip.AddrPort

	mu      sync.Mutex // guards following
	got     []string   // start line and body
	lost    []error
	changed chan struct{}
}

func start(t *testing.T, change func(*Config)) *bench {
	t.Helper()
	b := &bench{changed: make(chan struct{})}
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{UDP: udp, TCP: listen(t), OnMessage: b.message, OnLost: func(_ Flow, err error) {
		b.note(func() { b.lost = append(b.lost, err) })
	}}
	if change != nil {
		change(&cfg)
	}
	b.udp, b.tcp = addrOf(udp.LocalAddr()), addrOf(cfg.TCP.Addr())
	if cfg.TLS != nil {
		b.tls = addrOf(cfg.TLS.Addr())
	}
	if b.Layer, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return b
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func addrOf(a net.Addr) netip.AddrPort { return netip.MustParseAddrPort(a.String()) }

func (b *bench) message(_ Flow, m sip.Message) {
	line := ""
	switch m := m.(type) {
	case *sip.Request:
		line = m.StartLine()
	case *sip.Response:
		line = m.StartLine()
	}
	b.note(func() { b.got = append(b.got, line+"|"+string(m.Body())) })
}

func (b *bench) note(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
	close(b.changed)
	b.changed = make(chan struct{})
}

// await waits until cond, which is called under the lock, holds.
func (b *bench) await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	timeout := time.After(8 * time.Second)
	for {
		b.mu.Lock()
		ok, changed := cond(), b.changed
		b.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("no %s; got %q, lost %v, %+v", what, b.got, b.lost, b.Stats())
		}
	}
}

func (b *bench) messages(t *testing.T, want ...string) {
	t.Helper()
	b.await(t, fmt.Sprintf("%q", want), func() bool { return len(b.got) >= len(want) })
	b.mu.Lock()
	defer b.mu.Unlock()
	if fmt.Sprint(b.got) != fmt.Sprint(want) {
		t.Fatalf("got %q, want %q", b.got, want)
	}
}

func request(method, body string) string {
	return method + " sip:x@y SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\n" +
		"To: <sip:x@y>\r\nCall-ID: c\r\nCSeq: 1 " + method + "\r\nContent-Length: " + fmt.Sprint(len(body)) + "\r\n\r\n" + body
}

func dialTCP(t *testing.T, to netip.AddrPort) net.Conn {
	t.Helper()
	var d net.Dialer
	c, err := d.DialContext(t.Context(), "tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// A stream is cut at every byte, with line ends inside of bodies and between messages.
func TestStreamSplit(t *testing.T) {
	t.Parallel()
	body := "a\r\n\r\n\r\nb\r\n"
	data := "\r\n\r\n" + request("MESSAGE", body) + "\r\n" + request("OPTIONS", "") + "\r\n\r\n" + request("INFO", "\r\n\r\n")
	want := []string{"MESSAGE sip:x@y SIP/2.0|" + body, "OPTIONS sip:x@y SIP/2.0|", "INFO sip:x@y SIP/2.0|\r\n\r\n"}
	feed := func(cuts ...int) {
		t.Helper()
		b := &bench{changed: make(chan struct{})}
		l, err := New(Config{OnMessage: b.message})
		if err != nil {
			t.Fatal(err)
		}
		near, other := net.Pipe()
		defer func() { _ = near.Close(); _ = other.Close() }()
		c := &conn{layer: l, network: TCP, net: near, out: make(chan []byte, 16), done: make(chan struct{})}
		stream := l.parser.NewSIPStream()
		defer stream.Close()
		for i := range len(cuts) - 1 {
			if err := c.parse(stream, []byte(data[cuts[i]:cuts[i+1]])); err != nil {
				t.Fatalf("cut at %v: %v", cuts, err)
			}
		}
		if fmt.Sprint(b.got) != fmt.Sprint(want) {
			t.Fatalf("cut at %v: got %q", cuts, b.got)
		}
		if len(c.out) != 2 {
			t.Fatalf("cut at %v: %d pongs, want 2", cuts, len(c.out))
		}
	}
	feed(0, len(data))
	for i := 1; i < len(data); i++ {
		feed(0, i, len(data))
		feed(0, i/2, i, len(data))
	}
	var every []int
	for i := range len(data) + 1 {
		every = append(every, i)
	}
	feed(every...)
}

func TestTwoMessagesInOneSegment(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	c := dialTCP(t, b.tcp)
	_, _ = io.WriteString(c, request("MESSAGE", "one")+request("MESSAGE", "two"))
	b.messages(t, "MESSAGE sip:x@y SIP/2.0|one", "MESSAGE sip:x@y SIP/2.0|two")
	_, _ = io.WriteString(c, "\r\n\r\n")
	pong := make([]byte, 8)
	if n, err := c.Read(pong); err != nil || string(pong[:n]) != "\r\n" {
		t.Errorf("pong %q %v", pong[:n], err)
	}
	_ = c.Close()
	b.await(t, "loss", func() bool { return len(b.lost) == 1 })
}

func ended(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(8 * time.Second))
	if _, err := io.Copy(io.Discard, c); errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		t.Fatal("the connection stays open")
	}
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

func TestLimits(t *testing.T) {
	t.Parallel()
	b := start(t, func(c *Config) { c.MaxConnsPerAddr, c.FirstMessage = 3, 300*time.Millisecond })
	var conns []net.Conn
	for range 3 {
		conns = append(conns, dialTCP(t, b.tcp))
	}
	_, _ = io.WriteString(conns[0], request("OPTIONS", ""))
	b.messages(t, "OPTIONS sip:x@y SIP/2.0|")
	ended(t, dialTCP(t, b.tcp)) // one too many
	ended(t, conns[1])          // says nothing
	_, _ = io.WriteString(conns[2], "\r\n\r\n")
	ended(t, conns[2]) // nothing but pings
	time.Sleep(400 * time.Millisecond)
	_, _ = io.WriteString(conns[0], request("OPTIONS", "")) // who has spoken may be silent
	b.await(t, "second", func() bool { return len(b.got) == 2 })
	for name, data := range map[string]string{
		"headers":  "OPTIONS sip:x SIP/2.0\r\n" + strings.Repeat("X: y\r\n", 200) + request("OPTIONS", "")[len("OPTIONS sip:x@y SIP/2.0\r\n"):],
		"length":   strings.Replace(request("OPTIONS", ""), "Content-Length: 0", "Content-Length: 99999999", 1),
		"negative": strings.Replace(request("OPTIONS", ""), "Content-Length: 0", "Content-Length: -1", 1),
		"none":     strings.Replace(request("OPTIONS", ""), "Content-Length: 0\r\n", "", 1),
		"endless":  "OPTIONS sip:" + strings.Repeat("x", 100<<10),
		"garbage":  "\x00\x01\x02 what\r\n\r\n",
	} {
		c := dialTCP(t, b.tcp)
		_, _ = io.WriteString(c, data)
		_, _ = io.WriteString(c, "\r\n\r\n")
		ended(t, c)
		if len(b.got) != 2 {
			t.Errorf("%s: %q", name, b.got)
		}
	}
	if s := b.Stats(); s.RefusedConns != 1 || s.Malformed < 5 {
		t.Errorf("%+v", s)
	}
}

// Connections that say nothing make room for others, those that have spoken stay.
func TestSilentConnectionsMakeRoom(t *testing.T) {
	t.Parallel()
	b := start(t, func(c *Config) { c.MaxConns, c.MaxConnsPerAddr = 3, 100 })
	first := dialTCP(t, b.tcp)
	_, _ = io.WriteString(first, request("OPTIONS", ""))
	b.await(t, "first", func() bool { return len(b.got) == 1 })
	silent := dialTCP(t, b.tcp)
	for range 20 {
		dialTCP(t, b.tcp)
	}
	ended(t, silent)
	_, _ = io.WriteString(dialTCP(t, b.tcp), request("OPTIONS", ""))
	b.await(t, "a newcomer", func() bool { return len(b.got) == 2 })
	_, _ = io.WriteString(first, request("OPTIONS", ""))
	b.await(t, "the first again", func() bool { return len(b.got) == 3 })
}

// from is a connection that seems to come from elsewhere.
type from struct {
	net.Conn
	addr net.TCPAddr
}

func (f from) RemoteAddr() net.Addr { return &f.addr }

// Whoever has one IPv6 address has a network of them: the bound for one address holds for all of it.
func TestConnectionsOfOneNetwork(t *testing.T) {
	t.Parallel()
	b := start(t, func(c *Config) { c.MaxConnsPerAddr = 2 })
	port := 1024
	connect := func(addr string) error {
		ours, theirs := net.Pipe()
		t.Cleanup(func() { _ = theirs.Close() })
		port++
		_, err := b.start(TCP, from{ours, net.TCPAddr{IP: net.ParseIP(addr), Port: port}}, true)
		if err != nil {
			_ = ours.Close()
		}
		return err
	}
	for _, addr := range []string{"2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "192.0.2.1", "192.0.2.1", "192.0.2.2"} {
		if err := connect(addr); err != nil {
			t.Errorf("%s: %v", addr, err)
		}
	}
	for _, addr := range []string{"2001:db8::3", "2001:db8::ffff:0:1", "192.0.2.1"} {
		if connect(addr) == nil {
			t.Errorf("%s has more than its share", addr)
		}
	}
}

func TestDatagrams(t *testing.T) {
	t.Parallel()
	b := start(t, func(c *Config) {
		c.Allow = func(_ Network, _ netip.Addr, head []byte) bool { return !bytes.HasPrefix(head, []byte("BYE")) }
	})
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(b.udp))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	many := "OPTIONS sip:x SIP/2.0\r\n" + strings.Repeat("X: y\r\n", 200) + request("OPTIONS", "")[len("OPTIONS sip:x@y SIP/2.0\r\n"):]
	for _, data := range []string{
		"\r\n\r\n", "\x00", "", many, "SIP/2.0 200 OK\r\n\r\n", request("BYE", ""),
		strings.Replace(request("INFO", ""), "Via: ", "X: ", 1), strings.Replace(request("INFO", ""), "CSeq: ", "X: ", 1),
		strings.Replace(request("INFO", ""), "Call-ID: ", "X: ", 1), strings.Replace(request("INFO", ""), "From: ", "X: ", 1),
		strings.Replace(request("INFO", ""), "To: ", "X: ", 1), request("MESSAGE", strings.Repeat("x", 40000)),
	} {
		_, _ = c.Write([]byte(data))
	}
	b.messages(t, "MESSAGE sip:x@y SIP/2.0|"+strings.Repeat("x", 40000))
	if s := b.Stats(); s.Malformed != 7 || s.Refused != 1 || s.Received != 1 {
		t.Errorf("%+v", s)
	}
	for _, bad := range []string{"0.0.0.0:5060", "224.0.0.1:5060", "127.0.0.1:0"} {
		if _, err := b.Connect(t.Context(), UDP, netip.MustParseAddrPort(bad), ""); err == nil {
			t.Errorf("%s can be sent to", bad)
		}
	}
}

// An ICMP error is told for the address that it is about, whoever comes across it, and
// never from inside of a send.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	var inSend sync.Mutex
	lost := make(chan Flow, 1000)
	b := start(t, func(c *Config) {
		c.OnLost = func(f Flow, _ error) {
			inSend.Lock() // a transaction's lock, for example
			defer inSend.Unlock()
			lost <- f
		}
	})
	dead, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	to := addrOf(dead.LocalAddr())
	_ = dead.Close()
	f, err := b.Connect(t.Context(), UDP, to, "")
	if err != nil {
		t.Fatal(err)
	}
	for range 300 {
		inSend.Lock()
		_ = f.Send([]byte(request("OPTIONS", "")))
		inSend.Unlock()
	}
	select {
	case got := <-lost:
		if got.Remote != to {
			t.Errorf("lost %s, want %s", got.Remote, to)
		}
	case <-time.After(8 * time.Second):
		t.Fatal("nothing was told")
	}
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(b.udp)) // and the socket still reads
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_, _ = c.Write([]byte(request("OPTIONS", "")))
	b.messages(t, "OPTIONS sip:x@y SIP/2.0|")
}

// A peer that takes nothing is dropped and holds up nobody.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	ln := listen(t)
	defer func() { _ = ln.Close() }()
	f, err := b.Connect(t.Context(), TCP, addrOf(ln.Addr()), "")
	if err != nil {
		t.Fatal(err)
	}
	again, err := b.Connect(t.Context(), TCP, addrOf(ln.Addr()), "")
	if err != nil || again != f {
		t.Errorf("a second connection: %v", err)
	}
	big := bytes.Repeat([]byte("x"), 256<<10)
	start := time.Now()
	for err == nil && time.Since(start) < 8*time.Second {
		err = f.Send(big)
	}
	if !errors.Is(err, ErrSlow) {
		t.Fatalf("got %v", err)
	}
	b.await(t, "loss", func() bool { return len(b.lost) == 1 })
	if _, ok := b.Existing(TCP, f.Remote); ok || f.Send(big) == nil {
		t.Error("the connection is still used")
	}
}

func TestTLSName(t *testing.T) {
	t.Parallel()
	cert, pool := phonetest.SelfSigned(t, "pbx.example")
	server := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	b := start(t, func(c *Config) {
		c.TLS, c.ServerTLS = listen(t), server
		c.ClientTLS = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	})
	if _, err := b.Connect(t.Context(), TLS, b.tls, "evil.example"); err == nil || !strings.Contains(err.Error(), "evil.example") {
		t.Errorf("a certificate of another name is taken: %v", err)
	}
	f, err := b.Connect(t.Context(), TLS, b.tls, "pbx.example")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Send([]byte(request("OPTIONS", ""))); err != nil {
		t.Error(err)
	}
	b.messages(t, "OPTIONS sip:x@y SIP/2.0|")
	if _, err := New(Config{OnMessage: b.message, TLS: listen(t)}); err == nil {
		t.Error("a TLS listener without a certificate")
	}
	stranger := start(t, nil) // trusts nobody
	if _, err := stranger.Connect(t.Context(), TLS, b.tls, "pbx.example"); err == nil {
		t.Error("an unknown certificate is taken")
	}
}

func TestIPv6(t *testing.T) {
	t.Parallel()
	udp, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback})
	if err != nil {
		t.Fatal(err)
	}
	b := start(t, func(c *Config) { _ = c.UDP.Close(); c.UDP = udp })
	to := addrOf(udp.LocalAddr())
	f, err := b.Connect(t.Context(), UDP, to, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Send([]byte(request("OPTIONS", ""))); err != nil {
		t.Fatal(err)
	}
	b.messages(t, "OPTIONS sip:x@y SIP/2.0|")
	if local, err := f.LocalAddr(); err != nil || local != to {
		t.Errorf("%s %v", local, err)
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	ln := listen(t)
	to := addrOf(ln.Addr())
	_ = ln.Close()
	if _, err := b.Connect(t.Context(), TCP, to, ""); err == nil {
		t.Error("connected to nobody")
	}
	if err := (Flow{}).Send(nil); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if UDP.DefaultPort() != 5060 || TLS.DefaultPort() != 5061 || UDP.Reliable() || !TLS.Reliable() {
		t.Error("the transports of RFC 3261 are other")
	}
}

// The stream parser takes anything in any pieces without a fault, and the pieces do not matter.
// What Divert takes is neither parsed nor judged; all else is SIP as before.
func TestDivert(t *testing.T) {
	taken := make(chan string, 8)
	b := start(t, func(c *Config) {
		c.Divert = func(data []byte, from netip.AddrPort) bool {
			if !bytes.HasPrefix(data, []byte{0, 1}) {
				return false
			}
			taken <- fmt.Sprintf("%s %x", from, data)
			return true
		}
		c.Allow = func(_ Network, _ netip.Addr, head []byte) bool { return !bytes.HasPrefix(head, []byte{0}) }
	})
	p := phonetest.NewPeer(t)
	p.SendRaw([]byte{0, 1, 2}, b.udp)
	p.SendRaw([]byte("\x00\x02 SIP/2.0"), b.udp)
	p.SendRaw([]byte(request("OPTIONS", "")), b.udp)
	b.await(t, "a message", func() bool { return len(b.got) == 1 })
	if got, want := <-taken, p.Addr().String()+" 000102"; got != want || len(taken) != 0 {
		t.Errorf("taken %q, want %q; %d more", got, want, len(taken))
	}
	if s := b.Stats(); s.Malformed != 0 || s.Refused != 1 || s.Received != 1 {
		t.Errorf("%+v", s)
	}
}

func FuzzStream(f *testing.F) {
	f.Add([]byte("\r\n\r\n"+request("MESSAGE", "a\r\n\r\n")+request("OPTIONS", "")), uint8(3))
	f.Add([]byte("SIP/2.0 200 OK\r\nl: 4\r\n\r\nabcd"), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		feed := func(step int) ([]string, bool) {
			b := &bench{changed: make(chan struct{})}
			l, err := New(Config{OnMessage: b.message})
			if err != nil {
				t.Fatal(err)
			}
			c := &conn{layer: l, network: TCP, out: make(chan []byte, 256), done: make(chan struct{}), net: nowhere{}}
			stream := l.parser.NewSIPStream()
			defer stream.Close()
			for rest := data; len(rest) > 0; {
				n := min(step, len(rest))
				if c.parse(stream, rest[:n]) != nil {
					return b.got, false
				}
				rest = rest[n:]
			}
			return b.got, true
		}
		whole, ok := feed(len(data) + 1)
		parts, same := feed(int(size) + 1)
		if ok && same && fmt.Sprint(whole) != fmt.Sprint(parts) {
			t.Errorf("whole %q, in parts %q", whole, parts)
		}
	})
}

// nowhere is a connection that only has deadlines.
type nowhere struct{ net.Conn }

func (nowhere) SetReadDeadline(time.Time) error { return nil }
func (nowhere) Close() error                    { return nil }
