package bridge

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// websocketTimeout bounds the one handshake that a context cannot cut short, so that a stop stays quick.
const websocketTimeout = 4 * time.Second

// dial opens the byte stream to the broker.
func (b *Bridge) dial(ctx context.Context) (net.Conn, error) {
	switch b.net.kind {
	case custom:
		return b.cfg.Dialer(ctx)
	case secure:
		d := tls.Dialer{Config: b.net.tls}
		return d.DialContext(ctx, "tcp", b.net.host)
	case websocket, websocketTLS:
		return paho.NewWebsocket(b.net.url.String(), b.net.tls, min(b.cfg.ConnectTimeout, websocketTimeout), nil, nil)
	default:
		var d net.Dialer
		return d.DialContext(ctx, "tcp", b.net.host)
	}
}

// conn is a connection to the broker that can neither flood us nor hold a writer for ever.
type conn struct {
	net.Conn
	in      *trimmer
	timeout time.Duration // of one write

	writing sync.Mutex // deadline and write belong together; the client library writes from two goroutines
}

func newConn(c net.Conn, timeout time.Duration) *conn {
	return &conn{Conn: c, in: newTrimmer(c, maxPacket), timeout: timeout}
}

// errClosedHere replaces net.ErrClosed, which the client library takes for its own doing and does not report.
var errClosedHere = errors.New("the connection was closed on this side")

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	if errors.Is(err, net.ErrClosed) {
		err = errClosedHere
	}
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.Conn.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// SetDeadline moves only the read deadline, for the handshake; Write sets its own.
func (c *conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetWriteDeadline does nothing: see Write.
func (c *conn) SetWriteDeadline(time.Time) error { return nil }
