package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/mochi-mqtt/server/v2/listeners"
)

const (
	publicID = "tcp"
	localID  = "inside" // connections of Dial: trusted

	// A connection that has not said CONNECT by then is closed; the server itself would wait for ever.
	connectTimeout = 10 * time.Second
)

// door lets connections in and knows all of them, so that closing it ends them all. The server's own listeners forget
// a connection that has not logged in, and their Close then waits for it without end.
type door struct {
	net          net.Listener
	max          int
	writeTimeout time.Duration
	log          *slog.Logger

	open chan struct{} // closed when connections can be served
	gone chan struct{} // closed when no more will be

	serving sync.WaitGroup // the accept loop and one count for each connection

	mu        sync.Mutex // guards following
	establish listeners.EstablishFn
	conns     map[net.Conn]string // value: listener id
	shutting  bool
}

var _ listeners.Listener = (*door)(nil)

func newDoor(l net.Listener, cfg Config) *door {
	return &door{
		net: l, max: cfg.MaxConnections, writeTimeout: cfg.WriteTimeout, log: cfg.Logger,
		open: make(chan struct{}), gone: make(chan struct{}), conns: map[net.Conn]string{},
	}
}

func (d *door) Init(*slog.Logger) error { return nil }
func (d *door) ID() string              { return publicID }
func (d *door) Address() string         { return d.net.Addr().String() }
func (d *door) Protocol() string        { return "tcp" }

// Serve accepts until the listener is closed.
func (d *door) Serve(establish listeners.EstablishFn) {
	d.mu.Lock()
	if d.shutting {
		d.mu.Unlock()
		return
	}
	d.establish = establish
	d.serving.Add(1)
	close(d.open)
	d.mu.Unlock()
	defer d.serving.Done()

	for {
		c, err := d.net.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of file descriptors: others may close theirs
			d.log.Warn("embedded broker cannot accept", "error", err)
			select {
			case <-time.After(100 * time.Millisecond):
				continue
			case <-d.gone:
				return
			}
		}
		if err := d.admit(publicID, c); err != nil {
			d.log.Debug("embedded broker turns a connection away", "remote", c.RemoteAddr().String(), "error", err)
		}
	}
}

// Close implements listeners.Listener: it ends when the last connection has ended.
func (d *door) Close(closeClients listeners.CloseFn) {
	closeClients(publicID)
	d.shut()
}

// shut closes everything and waits. It can be called again.
func (d *door) shut() {
	_ = d.net.Close()
	d.mu.Lock()
	if !d.shutting {
		d.shutting = true
		close(d.gone)
	}
	for c := range d.conns {
		_ = c.Close()
	}
	d.mu.Unlock()
	d.serving.Wait()
}

// admit starts to serve a connection, or closes it and says why not.
func (d *door) admit(id string, c net.Conn) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shutting {
		_ = c.Close()
		return net.ErrClosed
	}
	if id == publicID && d.count(publicID) >= d.max {
		_ = c.Close()
		return fmt.Errorf("%d connections are open already", d.max)
	}
	establish := d.establish
	d.conns[c] = id
	d.serving.Add(1)
	go func() {
		defer d.serving.Done()
		d.serve(id, c, establish)
		_ = c.Close()
		d.mu.Lock()
		delete(d.conns, c)
		d.mu.Unlock()
	}()
	return nil
}

// serve blocks for the life of the connection.
func (d *door) serve(id string, c net.Conn, establish listeners.EstablishFn) {
	defer func() {
		// As net/http does: what one client sends must not end the telephone.
		if r := recover(); r != nil {
			d.log.Error("embedded broker: connection ends", "remote", c.RemoteAddr().String(), "panic", r)
		}
	}()
	_ = c.SetReadDeadline(time.Now().Add(connectTimeout))
	if err := establish(id, &conn{Conn: c, timeout: d.writeTimeout}); err != nil {
		d.log.Debug("embedded broker: connection ends", "remote", c.RemoteAddr().String(), "error", err)
	}
}

func (d *door) count(id string) int {
	n := 0
	for _, v := range d.conns {
		if v == id {
			n++
		}
	}
	return n
}

// dial makes a pair of connected sockets and admits one end. A net.Pipe would do without the port but has no buffer,
// and two sides that both write before they read would wait for each other.
func (d *door) dial(ctx context.Context) (net.Conn, error) {
	select {
	case <-d.open:
	case <-d.gone:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	near, far, err := socketPair(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to the embedded broker: %w", err)
	}
	if err := d.admit(localID, far); err != nil {
		_ = near.Close()
		return nil, err
	}
	return near, nil
}

func socketPair(ctx context.Context) (near, far net.Conn, err error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = l.Close() }()
	var d net.Dialer
	if near, err = d.DialContext(ctx, "tcp", l.Addr().String()); err != nil {
		return nil, nil, err
	}
	for {
		if far, err = l.Accept(); err != nil {
			_ = near.Close()
			return nil, nil, err
		}
		if far.RemoteAddr().String() == near.LocalAddr().String() {
			return near, far, nil
		}
		_ = far.Close() // a stranger found the port first
	}
}

// conn closes itself when the client does not read. The server holds locks while it writes, so one client that
// hangs would hold up all others.
type conn struct {
	net.Conn
	timeout time.Duration
}

func (c *conn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	if err != nil {
		_ = c.Close()
	}
	return n, err
}

// SetDeadline moves only the read deadline: the server calls it for each packet it reads, and a client that sends but
// does not read must not gain time by it.
func (c *conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }
