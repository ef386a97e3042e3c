package stun

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

const (
	// patience is how long one request waits for its answer. It is below the 500 ms of
	// RFC 8489 6.2.1, since people wait for the call.
	patience = 300 * time.Millisecond
	tries    = 2
)

// The reasons why no mapped address is known.
var (
	ErrSilent    = errors.New("the STUN server does not answer")
	ErrRefused   = errors.New("the STUN server refuses")
	ErrNoAddress = errors.New("the STUN server's answer holds no address")
)

// Client holds the questions that one socket has open. The zero value is ready.
type Client struct {
	mu   sync.Mutex // guards following
	open map[transactionID]*question
}

// question is one transaction.
type question struct {
	server netip.AddrPort
	result chan result // takes one
}

type result struct {
	mapped netip.AddrPort
	err    error
}

// Mapped asks server by send how the socket is seen, twice if need be, and waits for the
// answer up to 600 ms.
//
// Errors: [ErrSilent], [ErrRefused], [ErrNoAddress], those of send and of ctx.
func (c *Client) Mapped(ctx context.Context, server netip.AddrPort, send func(raw []byte, to netip.AddrPort) error) (netip.AddrPort, error) {
	id, raw, err := request()
	if err != nil {
		return netip.AddrPort{}, err
	}
	q := &question{server: unmap(server), result: make(chan result, 1)}
	c.put(id, q)
	defer c.drop(id)
	again := time.NewTicker(patience)
	defer again.Stop()
	for range tries { // a retransmission keeps its id (RFC 8489 6.2.1)
		if err := send(raw, server); err != nil {
			return netip.AddrPort{}, fmt.Errorf("ask the STUN server: %w", err)
		}
		select {
		case r := <-q.result:
			return r.mapped, r.err
		case <-ctx.Done():
			return netip.AddrPort{}, ctx.Err()
		case <-again.C:
		}
	}
	return netip.AddrPort{}, ErrSilent
}

// Receive takes a datagram off the socket; true when it belongs to a question under way and
// comes from who was asked, even if it cannot be read. raw is not kept.
func (c *Client) Receive(raw []byte, from netip.AddrPort) bool {
	if !Is(raw) {
		return false
	}
	id := idOf(raw)
	q := c.find(id)
	if q == nil || q.server != unmap(from) {
		return false
	}
	mapped, err := answer(raw)
	if errors.Is(err, errNoAnswer) {
		return true
	}
	select {
	case q.result <- result{mapped, err}:
	default: // the answer to the retransmission
	}
	return true
}

func (c *Client) put(id transactionID, q *question) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = map[transactionID]*question{}
	}
	c.open[id] = q
}

func (c *Client) drop(id transactionID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, id)
}

func (c *Client) find(id transactionID) *question {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open[id]
}

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }
