package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"
	"golang.org/x/sync/errgroup"
)

const (
	maxMessage = 64 << 10 // octets of one message
	maxHeaders = 128      // header lines of one message
)

// Config says which sockets to serve. The zero value of a limit means its default.
type Config struct {
	UDP net.PacketConn // nil = none
	TCP net.Listener   // nil = none
	TLS net.Listener   // plain listener of TLS, nil = none; needs ServerTLS
	// ServerTLS is used for accepted, ClientTLS for dialled connections; the
	// server name of ClientTLS is set for each dial.
	ServerTLS, ClientTLS *tls.Config

	OnMessage func(Flow, sip.Message)
	// OnLost tells that nothing listens behind a UDP flow (ICMP) or that a connection ended.
	OnLost func(Flow, error)
	// Divert takes a datagram that is not SIP off the UDP socket before anything else looks at
	// it; false leaves it. It must not block or keep the data; nil leaves everything.
	Divert func(data []byte, from netip.AddrPort) bool
	// Allow is asked before parsing; what it refuses is dropped without a word.
	Allow func(n Network, from netip.Addr, head []byte) bool

	MaxConns        int           // connections in all, 256
	MaxConnsPerAddr int           // accepted connections of one Owner, 8
	FirstMessage    time.Duration // an accepted connection must have sent a message by then, 10 s
	DialTimeout     time.Duration // 5 s

	Logger *slog.Logger
}

// Stats counts what was thrown away since the start.
type Stats struct {
	Received, Malformed, Refused, RefusedConns uint64
}

type counters struct {
	received, malformed, refused, refusedConns atomic.Uint64
}

// Layer serves the sockets of one user agent.
type Layer struct {
	cfg    Config
	parser *sip.Parser
	udp    *udpSocket
	count  counters

	mu       sync.Mutex // guards following
	conns    map[connKey]*conn
	perOwner map[netip.Addr]int // accepted connections
	closed   bool
	dials    map[connKey]*dial

	group sync.WaitGroup // connection goroutines
}

type connKey struct {
	network Network
	remote  netip.AddrPort
}

// New checks the configuration; nothing is started.
func New(cfg Config) (*Layer, error) {
	if cfg.OnMessage == nil {
		return nil, errors.New("transport: OnMessage is missing")
	}
	if cfg.TLS != nil && cfg.ServerTLS == nil {
		return nil, errors.New("transport: a TLS listener needs a certificate")
	}
	if cfg.OnLost == nil {
		cfg.OnLost = func(Flow, error) {}
	}
	if cfg.Divert == nil {
		cfg.Divert = func([]byte, netip.AddrPort) bool { return false }
	}
	if cfg.Allow == nil {
		cfg.Allow = func(Network, netip.Addr, []byte) bool { return true }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.MaxConns = defaultInt(cfg.MaxConns, 256)
	cfg.MaxConnsPerAddr = defaultInt(cfg.MaxConnsPerAddr, 8)
	cfg.FirstMessage = defaultInt(cfg.FirstMessage, 10*time.Second)
	cfg.DialTimeout = defaultInt(cfg.DialTimeout, 5*time.Second)
	l := &Layer{
		cfg:      cfg,
		parser:   sip.NewParser(),
		conns:    map[connKey]*conn{},
		perOwner: map[netip.Addr]int{},
		dials:    map[connKey]*dial{},
	}
	l.parser.MaxMessageLength = maxMessage
	if cfg.UDP != nil {
		u, err := newUDPSocket(l, cfg.UDP)
		if err != nil {
			return nil, err
		}
		l.udp = u
	}
	return l, nil
}

func defaultInt[T ~int | ~int64](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}

// Run serves until ctx ends or a socket fails, then closes every socket and waits.
func (l *Layer) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	if l.udp != nil {
		g.Go(func() error { return l.udp.serve(ctx) })
		g.Go(func() error { return l.udp.watch(ctx) })
	}
	if l.cfg.TCP != nil {
		g.Go(func() error { return l.accept(ctx, TCP, l.cfg.TCP) })
	}
	if l.cfg.TLS != nil {
		g.Go(func() error { return l.accept(ctx, TLS, tls.NewListener(l.cfg.TLS, l.cfg.ServerTLS)) })
	}
	g.Go(func() error {
		<-ctx.Done()
		l.closeSockets()
		return nil
	})
	err := g.Wait()
	l.group.Wait()
	return err
}

func (l *Layer) closeSockets() {
	for _, ln := range []net.Listener{l.cfg.TCP, l.cfg.TLS} {
		if ln != nil {
			_ = ln.Close()
		}
	}
	if l.cfg.UDP != nil {
		_ = l.cfg.UDP.Close()
	}
	l.mu.Lock()
	l.closed = true
	conns := make([]*conn, 0, len(l.conns))
	for _, c := range l.conns {
		conns = append(conns, c)
	}
	l.mu.Unlock()
	for _, c := range conns {
		c.close(ErrClosed)
	}
}

// Connect gives a flow to an address: at once for UDP; for TCP and TLS the open
// connection to that address, or a new one. serverName is what the certificate must carry.
func (l *Layer) Connect(ctx context.Context, n Network, to netip.AddrPort, serverName string) (Flow, error) {
	if n != UDP {
		return l.connectStream(ctx, n, to, serverName)
	}
	if l.udp == nil {
		return Flow{}, errors.New("no UDP socket is open")
	}
	if !to.IsValid() || to.Addr().IsUnspecified() || to.Addr().IsMulticast() || to.Port() == 0 {
		return Flow{}, fmt.Errorf("%s is no address to send to", to)
	}
	return Flow{Network: UDP, Local: l.udp.addr, Remote: to, out: l.udp}, nil
}

// Existing is the flow to an address if one is open, without dialling.
func (l *Layer) Existing(n Network, to netip.AddrPort) (Flow, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.conns[connKey{n, to}]
	if !ok {
		return Flow{}, false
	}
	return c.flow(), true
}

// Stats reads the counters.
func (l *Layer) Stats() Stats {
	return Stats{
		Received:     l.count.received.Load(),
		Malformed:    l.count.malformed.Load(),
		Refused:      l.count.refused.Load(),
		RefusedConns: l.count.refusedConns.Load(),
	}
}
