package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"housephone/topics"
)

const (
	resultDatapoint     = "result"
	connectionDatapoint = "connection"

	redeliveryWindow = 10 * time.Second // how long a command is remembered
	redeliveryLimit  = 1024             // how many
)

// Bridge is the MQTT session of one phone. All methods may be called from any goroutine at any time.
type Bridge struct {
	cfg      Config
	net      network
	log      *slog.Logger
	commands chan topics.Command
	wake     chan struct{} // something was put into the outbox
	running  atomic.Bool

	mu        sync.Mutex // guards following
	out       *outbox
	messages  *recent // topic and payload of commands, for redeliveries
	ids       *recent // ids of commands that were accepted
	announce  func(previous []byte) []topics.Message
	stats     Stats // without the outbox
	surveyed  bool
	previous  []byte   // the discovery document of an earlier run
	leftovers []string // datapoints of an earlier run, until they are cleared
}

// Stats are totals since New, except the first three.
type Stats struct {
	Connected bool
	Pending   int // messages that wait or are not acknowledged
	Topics    int // retained topics

	Connects    uint64 // connections that were made
	Failures    uint64 // attempts that brought none
	Sent        uint64 // messages that the broker acknowledged
	Suppressed  uint64 // retained values equal to the one before
	Replaced    uint64 // retained values overtaken by a newer one before they were sent
	Dropped     uint64 // events and records beyond the limits
	Expired     uint64 // events and records too old to be sent
	Births      uint64 // times Home Assistant said online
	Commands    uint64 // handed to Commands
	Invalid     uint64 // commands that could not be decoded
	Retained    uint64 // retained commands, refused
	Redelivered uint64 // commands left out because they were seen before
	Busy        uint64 // commands refused because the queue was full
}

// New checks the configuration and reads the certificate files. It starts nothing. Errors say what is wrong with which
// setting and never hold a password.
func New(cfg Config) (*Bridge, error) {
	cfg.setDefaults()
	n, err := cfg.resolve()
	if err != nil {
		return nil, err
	}
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return &Bridge{
		cfg:      cfg,
		net:      n,
		log:      cfg.Logger,
		commands: make(chan topics.Command, cfg.CommandQueue),
		wake:     make(chan struct{}, 1),
		out: newOutbox(
			limits{number: cfg.MaxEvents, bytes: maxEventBytes, age: cfg.EventAge},
			limits{number: cfg.MaxEvents, bytes: maxEventBytes, age: cfg.RecordAge}),
		messages: newRecent(redeliveryWindow, redeliveryLimit),
		ids:      newRecent(redeliveryWindow, redeliveryLimit),
	}, nil
}

// Run keeps a connection to the broker until ctx ends. Then it sends what waits (for a second at most), publishes
// connection = offline, disconnects and returns nil when everything it started has ended, within two seconds (four while
// a WebSocket is being opened). When the broker does not acknowledge the offline, the connection is broken off so that
// the last will says it.
func (b *Bridge) Run(ctx context.Context) error {
	if b.running.Swap(true) {
		return errors.New("the bridge is running already")
	}
	defer b.running.Store(false)

	retry := backoff{min: b.cfg.BackoffMin, away: b.cfg.BackoffAway, refused: b.cfg.BackoffRefused, contest: b.cfg.BackoffContest}
	var told string // the reason that was logged last, so that each is said once
	for ctx.Err() == nil {
		wait := b.once(ctx, &retry, &told)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return nil
}

// once makes one connection, if it can, and keeps it as long as it lasts. It returns how long to wait before the next.
func (b *Bridge) once(ctx context.Context, retry *backoff, told *string) time.Duration {
	s, err := b.open(ctx)
	if ctx.Err() != nil && err != nil {
		return 0
	}
	if err != nil {
		b.count(func(st *Stats) { st.Failures++ })
		why := explain(err)
		level := slog.LevelDebug
		if why.text != *told {
			*told, level = why.text, slog.LevelWarn
		}
		b.log.Log(ctx, level, "no connection to the broker: "+why.text, "broker", b.net.host, "error", err)
		return retry.failed(why.refused, rand.Float64())
	}
	*told = ""
	started := time.Now()
	err = s.run(ctx)
	if ctx.Err() != nil {
		return 0
	}
	wait, rival := retry.dropped(time.Since(started), closedByPeer(err), rand.Float64())
	if rival {
		b.log.Warn("the broker keeps closing the connection; is another client using the same client id?",
			"client_id", b.cfg.ClientID, "broker", b.net.host, "again_in", wait.Round(time.Millisecond))
	} else {
		b.log.Warn("connection to the broker lost", "broker", b.net.host, "error", err)
	}
	return wait
}

// Publish queues a message and returns at once, connected or not. Of a retained topic the latest value is kept, for good;
// an equal one is left out. Events wait in order, bounded in number, size and age; the oldest are dropped. Records have
// bounds of their own, so that no flood of events drives them out.
func (b *Bridge) Publish(m topics.Message) {
	b.mu.Lock()
	b.out.put(m, time.Now())
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Commands is the queue of decoded commands, in the order of their arrival. Each of them wants one Result. The channel
// is never closed.
func (b *Bridge) Commands() <-chan topics.Command { return b.commands }

// Result publishes the answer to a command.
func (b *Bridge) Result(r topics.Result) {
	m, err := b.cfg.Tree.JSON(resultDatapoint, r)
	if err != nil { // an id that is not JSON: it never came from Decode
		b.log.Warn("the result of a command cannot be encoded", "datapoint", r.Datapoint, "error", fmt.Errorf("result: %w", err))
		return
	}
	m.Retain = false
	b.Publish(m)
}

// Announce sets the function that makes the discovery documents. It is called on each connection and each birth of Home
// Assistant, from a goroutine of Run, and must not block. previous is the retained document that an earlier run left on
// Config.DiscoveryTopic (nil when there was none): whatever the network holds there, not checked, not to be changed.
func (b *Bridge) Announce(f func(previous []byte) []topics.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.announce = f
}

// Connected reports whether commands arrive and states are being published.
func (b *Bridge) Connected() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stats.Connected
}

// Stats is a snapshot of the counters.
func (b *Bridge) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.stats
	c := b.out.counts
	s.Pending, s.Topics = b.out.pending(), len(b.out.order)
	s.Sent, s.Suppressed, s.Replaced, s.Dropped, s.Expired = c.sent, c.suppressed, c.replaced, c.dropped, c.expired
	return s
}

func (b *Bridge) count(f func(*Stats)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(&b.stats)
}

// connection is the availability message; offline is the last will too.
func (b *Bridge) connection(value string) topics.Message {
	return topics.Message{Topic: b.cfg.Tree.Topic(connectionDatapoint), Payload: []byte(value), Retain: true}
}
