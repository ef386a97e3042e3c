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
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"
)

var (
	errSilent = errors.New("nothing said while others wait")
	errLength = errors.New("more than one Content-Length")
)

const (
	sendQueue    = 64
	writeTimeout = 5 * time.Second
)

// conn is one TCP or TLS connection: a reader, a writer and a bounded queue between.
type conn struct {
	layer    *Layer
	network  Network
	net      net.Conn
	local    netip.AddrPort
	remote   netip.AddrPort
	accepted bool
	out      chan []byte
	done     chan struct{}
	once     sync.Once
	err      error       // set before done is closed
	begun    time.Time   // of the serving
	spoken   atomic.Bool // a message has come

	// Of the reader.
	partial bool // the parser holds the begin of a message
	crlf    int  // CR and LF in a row between messages
}

// dial lets several callers wait for the same connection attempt.
type dial struct {
	done chan struct{}
	conn *conn
	err  error
}

func (c *conn) flow() Flow { return Flow{Network: c.network, Local: c.local, Remote: c.remote, out: c} }

func (c *conn) send(b []byte, _ netip.AddrPort) error {
	select {
	case <-c.done:
		return ErrClosed
	default:
	}
	select {
	case c.out <- b:
		return nil
	default:
		c.close(ErrSlow)
		return ErrSlow
	}
}

func (c *conn) close(err error) {
	c.once.Do(func() {
		c.err = err
		close(c.done)
		_ = c.net.Close()
	})
}

func (l *Layer) accept(ctx context.Context, n Network, ln net.Listener) error {
	for {
		nc, err := ln.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			l.cfg.Logger.Warn("accept a SIP connection", "err", err)
			select { // out of file descriptors passes
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		if !l.cfg.Allow(n, addrPort(nc.RemoteAddr()).Addr(), nil) {
			l.count.refusedConns.Add(1)
			_ = nc.Close()
			continue
		}
		if _, err := l.start(n, nc, true); err != nil {
			l.count.refusedConns.Add(1)
			_ = nc.Close()
		}
	}
}

// start admits a connection and begins to serve it.
func (l *Layer) start(n Network, nc net.Conn, accepted bool) (*conn, error) {
	c := &conn{
		layer: l, network: n, net: nc, accepted: accepted,
		local: addrPort(nc.LocalAddr()), remote: addrPort(nc.RemoteAddr()),
		out: make(chan []byte, sendQueue), done: make(chan struct{}), begun: time.Now(),
	}
	owner := Owner(c.remote.Addr())
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return nil, ErrClosed
	case len(l.conns) >= l.cfg.MaxConns && !l.makeRoom():
		return nil, errors.New("too many connections")
	case accepted && l.perOwner[owner] >= l.cfg.MaxConnsPerAddr:
		return nil, errors.New("too many connections from this address")
	}
	l.conns[connKey{n, c.remote}] = c
	if accepted {
		l.perOwner[owner]++
	}
	l.group.Add(2)
	go c.write()
	go c.read()
	return c, nil
}

// makeRoom ends the oldest accepted connection that has not said anything yet (AST-2016-005).
func (l *Layer) makeRoom() bool {
	var oldest *conn
	for _, c := range l.conns {
		if c.accepted && !c.spoken.Load() && (oldest == nil || c.begun.Before(oldest.begun)) {
			oldest = c
		}
	}
	if oldest == nil {
		return false
	}
	delete(l.conns, connKey{oldest.network, oldest.remote})
	oldest.close(errSilent)
	return true
}

func (l *Layer) forget(c *conn) {
	l.mu.Lock()
	key := connKey{c.network, c.remote}
	if l.conns[key] == c {
		delete(l.conns, key)
	}
	if c.accepted {
		owner := Owner(c.remote.Addr())
		if l.perOwner[owner]--; l.perOwner[owner] <= 0 {
			delete(l.perOwner, owner)
		}
	}
	l.mu.Unlock()
	l.cfg.OnLost(c.flow(), c.err)
}

func (c *conn) write() {
	defer c.layer.group.Done()
	for {
		select {
		case <-c.done:
			return
		case b := <-c.out:
			_ = c.net.SetWriteDeadline(time.Now().Add(writeTimeout))
			if _, err := c.net.Write(b); err != nil {
				c.close(err)
				return
			}
		}
	}
}

func (c *conn) read() {
	defer c.layer.group.Done()
	defer c.layer.forget(c)
	stream := c.layer.parser.NewSIPStream()
	defer stream.Close()
	if c.accepted {
		_ = c.net.SetReadDeadline(time.Now().Add(c.layer.cfg.FirstMessage)) // AST-2016-005
	}
	buf := make([]byte, 8<<10)
	for {
		n, err := c.net.Read(buf)
		if n > 0 {
			if perr := c.parse(stream, buf[:n]); perr != nil {
				c.layer.malformed(c.flow(), perr)
				c.close(perr)
				return
			}
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = ErrClosed
			}
			c.close(err)
			return
		}
	}
}

// parse feeds the stream; an error means that the stream cannot be read on.
func (c *conn) parse(stream *sip.ParserStream, data []byte) (err error) {
	defer recoverParse(&err)
	if data, err = c.keepAlives(data); err != nil || len(data) == 0 {
		return err
	}
	if _, err := stream.Write(data); err != nil {
		return err
	}
	for stream.Buffer().Len() > 0 {
		if !c.partial {
			rest, err := c.keepAlives(stream.Buffer().Bytes())
			if err != nil {
				return err
			}
			stream.Buffer().Next(stream.Buffer().Len() - len(rest))
			if len(rest) == 0 {
				return nil
			}
		}
		c.partial = true
		msg, _, err := stream.ParseNext()
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
		c.partial = false
		if counted, ok := msg.(interface{ Headers() []sip.Header }); ok && len(counted.Headers()) > maxHeaders {
			return errTooManyHeaders
		}
		if counted, ok := msg.(interface {
			GetHeaders(name string) []sip.Header
		}); ok && len(counted.GetHeaders("Content-Length")) > 1 {
			return errLength // where the next message begins is anybody's guess
		}
		_ = c.net.SetReadDeadline(time.Time{})
		c.spoken.Store(true)
		if !c.layer.cfg.Allow(c.network, c.remote.Addr(), head(msg)) {
			c.layer.count.refused.Add(1)
			continue
		}
		c.layer.deliver(c.flow(), msg)
	}
	return nil
}

// keepAlives takes the CRLFs between messages off the front of data and answers each
// ping, a double CRLF, by one CRLF (RFC 5626 3.5.1). Inside of a message nothing is taken.
func (c *conn) keepAlives(data []byte) ([]byte, error) {
	if c.partial {
		return data, nil
	}
	rest := bytes.TrimLeft(data, "\r\n")
	c.crlf += len(data) - len(rest)
	if c.crlf >= 4 { // a flood of them gets one answer a read
		c.crlf %= 4
		if err := c.send([]byte("\r\n"), c.remote); err != nil {
			return nil, err
		}
	}
	if len(rest) > 0 {
		c.crlf = 0
	}
	return rest, nil
}

// head is what Config.Allow sees of a message: the start line and the User-Agent.
func head(msg sip.Message) []byte {
	if req, ok := msg.(*sip.Request); ok {
		start := req.StartLine() + "\r\n"
		if h := req.GetHeader("User-Agent"); h != nil {
			start += "User-Agent: " + h.Value() + "\r\n"
		}
		return []byte(start)
	}
	return []byte("SIP/2.0 ")
}

func (l *Layer) connectStream(ctx context.Context, n Network, to netip.AddrPort, serverName string) (Flow, error) {
	key := connKey{n, to}
	l.mu.Lock()
	if c, ok := l.conns[key]; ok {
		l.mu.Unlock()
		return c.flow(), nil
	}
	d, waiting := l.dials[key]
	if !waiting {
		d = &dial{done: make(chan struct{})}
		l.dials[key] = d
	}
	l.mu.Unlock()
	if !waiting {
		d.conn, d.err = l.dial(ctx, key, serverName)
		l.mu.Lock()
		delete(l.dials, key)
		l.mu.Unlock()
		close(d.done)
	}
	select {
	case <-d.done:
	case <-ctx.Done():
		return Flow{}, ctx.Err()
	}
	if d.err != nil {
		return Flow{}, d.err
	}
	return d.conn.flow(), nil
}

func (l *Layer) dial(ctx context.Context, key connKey, serverName string) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.DialTimeout)
	defer cancel()
	var d net.Dialer // a fresh port each time: the old one may be in TIME_WAIT
	nc, err := d.DialContext(ctx, "tcp", key.remote.String())
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", key.remote, err)
	}
	if key.network == TLS {
		nc, err = l.handshake(ctx, nc, serverName)
		if err != nil {
			return nil, err
		}
	}
	c, err := l.start(key.network, nc, false)
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	return c, nil
}

func (l *Layer) handshake(ctx context.Context, nc net.Conn, serverName string) (net.Conn, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if l.cfg.ClientTLS != nil {
		conf = l.cfg.ClientTLS.Clone()
	}
	conf.ServerName = serverName
	t := tls.Client(nc, conf)
	if err := t.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("TLS with %s: %w", serverName, err)
	}
	return t, nil
}

func addrPort(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		ap := t.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}
