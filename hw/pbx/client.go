package pbx

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Client listens to the switches of a Config.
type Client struct {
	log     *slog.Logger
	events  chan Event
	dropped atomic.Uint64
	links   []*link
}

// New makes a client and connects nowhere. Errors are ConfigErrors.
func New(c Config) (*Client, error) {
	p, err := c.plan()
	if err != nil {
		return nil, err
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	client := &Client{log: c.Log, events: make(chan Event, 64)}
	if p.esl != nil {
		client.add(FreeSWITCH, p.esl.address, func(now time.Time) session { return newESL(*p.esl, p.command, p.interval, now) })
	}
	if p.ami != nil {
		client.add(Asterisk, p.ami.address, func(now time.Time) session { return newAMI(*p.ami, p.interval, now) })
	}
	return client, nil
}

func (c *Client) add(s Switch, address string, begin func(now time.Time) session) {
	c.links = append(c.links, &link{
		kind: s, address: address, begin: begin, emit: c.emit, pause: new(backoff).next, log: c.log.With("switch", s, "address", address),
	})
}

// Run listens until ctx ends, and answers nil when everything it started has ended. It runs once.
func (c *Client) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for _, l := range c.links {
		all.Go(func() { l.run(ctx) })
	}
	<-ctx.Done()
	all.Wait()
	return nil
}

// Events is where everything that happens is told.
func (c *Client) Events() <-chan Event { return c.events }

// Dropped is how many events were lost because nobody read them.
func (c *Client) Dropped() uint64 { return c.dropped.Load() }

func (c *Client) emit(e Event) {
	select {
	case c.events <- e:
	default:
		if c.dropped.Add(1) == 1 {
			c.log.Error("events of the switch are lost because nobody reads them")
		}
	}
}
