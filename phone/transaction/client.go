package transaction

import (
	"errors"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"housephone/phone/transport"
)

var (
	// ErrTimeout says that there was no final answer within 64*T1 (RFC 3261 8.1.3.1, like a 408).
	ErrTimeout = errors.New("no answer")
	// ErrFinal says that a final response has been sent already.
	ErrFinal = errors.New("the request has been answered already")
	// ErrClosed says that the layer has ended.
	ErrClosed = errors.New("transaction layer closed")
)

// Event is one thing that happened to a client transaction: a response, or the end without one.
type Event struct {
	Response *sip.Response // nil when Err is set
	Err      error         // ErrTimeout, or why the request could not be sent (RFC 3261 8.1.3.1, like a 503)
	Flow     transport.Flow
}

// Client is one client transaction.
type Client struct {
	layer   *Layer
	key     string
	req     *sip.Request
	handler func(Event)

	mu      sync.Mutex // guards following
	machine clientMachine
	flow    transport.Flow
	raw     []byte
	ack     []byte
	timer   *time.Timer
	done    bool
}

// Request is the request as it was sent.
func (c *Client) Request() *sip.Request { return c.req }

// Flow is the path the request took.
func (c *Client) Flow() transport.Flow {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.flow
}

// Terminate drops the transaction without a word to the handler.
func (c *Client) Terminate() {
	c.mu.Lock()
	c.machine.stop()
	c.done = true
	c.mu.Unlock()
	c.layer.dropClient(c)
}

func (c *Client) send(f transport.Flow) {
	c.mu.Lock()
	if c.done {
		c.mu.Unlock()
		return
	}
	c.flow = f
	c.machine.reliable = f.Network.Reliable()
	c.mu.Unlock()
	c.step(func(now time.Time) effect { return c.machine.start(now) }, nil)
}

func (c *Client) receive(res *sip.Response) {
	c.step(func(now time.Time) effect {
		e := c.machine.response(now, res.StatusCode)
		if e&sendACK != 0 && c.ack == nil {
			c.ack = []byte(ackFor(c.req, res).String())
		}
		return e
	}, res)
}

// step runs the machine and then does what it asks for. The handler is called
// under the lock, so that events cannot overtake each other.
func (c *Client) step(f func(time.Time) effect, res *sip.Response) {
	c.mu.Lock()
	e := f(c.layer.now())
	var err error
	if e&sendRequest != 0 {
		err = c.flow.Send(c.raw)
	}
	if e&sendACK != 0 {
		err = c.flow.Send(c.ack)
	}
	c.arm()
	if !c.done {
		switch {
		case e&passUp != 0:
			c.handler(Event{Response: res, Flow: c.flow})
		case e&timedOut != 0:
			c.handler(Event{Err: ErrTimeout, Flow: c.flow})
		case err != nil && e&sendRequest != 0:
			c.failLocked(err)
		}
	}
	ended := c.machine.state == stateTerminated
	c.mu.Unlock()
	if ended {
		c.layer.dropClient(c)
	}
}

// fail reports that the flow is dead, unless a final response has come.
func (c *Client) fail(err error) {
	c.mu.Lock()
	c.failLocked(err)
	ended := c.machine.state == stateTerminated
	c.mu.Unlock()
	if ended {
		c.layer.dropClient(c)
	}
}

func (c *Client) failLocked(err error) {
	if c.done || (c.machine.state != stateCalling && c.machine.state != stateProceeding) {
		return
	}
	c.machine.stop()
	c.done = true
	c.handler(Event{Err: err, Flow: c.flow})
}

func (c *Client) arm() {
	c.timer = rearm(c.timer, c.machine.deadline(), c.layer.now(), func() {
		c.step(func(now time.Time) effect { return c.machine.tick(now) }, nil)
	})
}

// rearm sets one timer to the next deadline of a machine; zero stops it.
func rearm(t *time.Timer, deadline, now time.Time, f func()) *time.Timer {
	if deadline.IsZero() {
		if t != nil {
			t.Stop()
		}
		return t
	}
	d := max(deadline.Sub(now), 0)
	if t == nil {
		return time.AfterFunc(d, f)
	}
	t.Reset(d)
	return t
}
