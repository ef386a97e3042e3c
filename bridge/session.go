package bridge

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"housephone/topics"
)

const (
	qos = 1 // MQTT 3.1.1 section 4.3.2: of everything, both ways

	// What may be sent without being acknowledged. The bytes stay below what the kernel takes from a writer at once,
	// so that handing a message to the client library does not wait for the network.
	windowMessages = 64
	windowBytes    = 16 << 10

	// How long the client library may take to accept a message: it does so at once unless the connection has just gone.
	handover = time.Second

	// Parts of a stop, two seconds together.
	drainTime    = time.Second
	farewellTime = 500 * time.Millisecond
	closeTime    = 400 * time.Millisecond
)

// errUnacknowledged is a broker that is connected and does nothing.
var errUnacknowledged = errors.New("the broker acknowledges nothing")

// session is one connection, from CONNECT to its end. run is the one goroutine that uses it, except receive.
type session struct {
	bridge *Bridge
	client paho.Client
	conn   *conn

	lost  chan error    // the connection has gone
	birth chan struct{} // Home Assistant said online
	found survey
	hold  *hold // of records, once states are told

	flight []sent // what is not acknowledged, oldest first
	bytes  int    // of it
}

type sent struct {
	token paho.Token
	size  int
	at    time.Time
}

// open dials and logs in. ctx cuts it short.
func (b *Bridge) open(ctx context.Context) (*session, error) {
	s := &session{bridge: b, lost: make(chan error, 1), birth: make(chan struct{}, 1)}
	o := b.options(b.cfg.ClientID, b.connection(topics.Offline), b.cfg.KeepAlive).
		SetDefaultPublishHandler(s.receive).
		SetConnectionLostHandler(func(_ paho.Client, err error) { s.lost <- err })
	var err error
	if s.client, s.conn, err = b.login(ctx, o); err != nil {
		return nil, err
	}
	return s, nil
}

// login makes a connection. ctx and the configured time cut it short.
func (b *Bridge) login(ctx context.Context, o *paho.ClientOptions) (paho.Client, *conn, error) {
	ctx, cancel := context.WithTimeout(ctx, b.cfg.ConnectTimeout)
	defer cancel()
	release := func() bool { return true }
	var made *conn
	o.SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) {
		c, err := b.dial(ctx)
		if err != nil {
			return nil, err
		}
		made = newConn(c, b.cfg.AckTimeout)
		release = context.AfterFunc(ctx, func() { _ = c.Close() })
		return made, nil
	})
	client := paho.NewClient(o)
	token := client.Connect()
	<-token.Done() // the dialler obeys ctx, and the handshake ends when the connection is closed
	if err := token.Error(); err != nil {
		release()
		if ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
		return nil, nil, err
	}
	if !release() {
		abort(client, made)
		return nil, nil, context.Cause(ctx)
	}
	return client, made, nil
}

// options are those of one connection: the bridge itself connects again, with a new client, so that nothing of the old
// session can come back out of order.
func (b *Bridge) options(id string, will topics.Message, keepAlive time.Duration) *paho.ClientOptions {
	return paho.NewClientOptions().
		AddBroker("tcp://broker"). // not used: the connection is made by dial
		SetProtocolVersion(4).     // 3.1.1
		SetClientID(id).
		SetUsername(b.cfg.Username).
		SetPassword(b.cfg.Password).
		SetCleanSession(true).
		SetBinaryWill(will.Topic, will.Payload, qos, true).
		SetAutoReconnect(false).
		SetConnectRetry(false).
		SetConnectTimeout(b.cfg.ConnectTimeout).
		SetKeepAlive(keepAlive).
		SetPingTimeout(min(b.cfg.AckTimeout, 10*time.Second)).
		SetWriteTimeout(handover).
		SetOrderMatters(true)
}

// run serves the connection until it is lost, which is the error, or ctx ends. Either way the connection has ended.
func (s *session) run(ctx context.Context) error {
	b := s.bridge
	b.count(func(st *Stats) { st.Connects++ })
	err := s.begin(ctx)
	if err == nil {
		err = s.serve(ctx)
	}
	b.count(func(st *Stats) { st.Connected = false })
	if ctx.Err() != nil && s.farewell(context.WithoutCancel(ctx)) == nil {
		s.client.Disconnect(uint(closeTime.Milliseconds()))
	} else {
		s.abort()
	}
	b.mu.Lock()
	b.out.lost()
	b.mu.Unlock()
	return err
}

// begin does what comes before the first state: read, subscribe, announce.
func (s *session) begin(ctx context.Context) error {
	b := s.bridge
	if err := s.survey(ctx); err != nil {
		return err
	}
	filters := b.cfg.Tree.SetFilters()
	if b.cfg.BirthTopic != "" {
		filters = append(filters, b.cfg.BirthTopic)
	}
	refused, err := s.subscribe(ctx, filters...)
	if err != nil {
		return err
	}
	if len(refused) > 0 {
		b.log.Warn("the broker does not let us read these topics", "topics", refused)
	}
	s.announce()
	b.mu.Lock()
	s.hold = newHold(b.cfg, b.out.hold(time.Now()))
	b.mu.Unlock()
	b.count(func(st *Stats) { st.Connected = true })
	b.log.Info("connected to the broker", "broker", b.net.host, "encrypted", b.net.kind.encrypted(), "base", b.cfg.Tree.Base())
	return nil
}

// announce queues discovery, online and all states.
func (s *session) announce() {
	b := s.bridge
	b.mu.Lock()
	f, previous := b.announce, b.previous
	b.mu.Unlock()
	var head []topics.Message
	if f != nil {
		head = f(previous)
	}
	head = append(head, b.connection(topics.Online))
	b.mu.Lock()
	defer b.mu.Unlock()
	b.out.sync(head)
	for _, datapoint := range b.leftovers {
		b.out.clear(b.cfg.Tree.Topic(datapoint))
	}
	b.leftovers = nil
}

// serve sends what the outbox holds and answers births, until the connection is lost or ctx ends (nil).
func (s *session) serve(ctx context.Context) error {
	var rejoin <-chan time.Time
	stall := time.NewTimer(0)
	defer stall.Stop()
	defer s.hold.timer.Stop()
	for {
		if err := s.pump(stall); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-s.lost:
			return err
		case <-s.acknowledged():
		case <-s.bridge.wake:
		case <-s.hold.timer.C:
			s.release(s.hold.fired())
		case <-s.birth:
			s.release(s.hold.birth())
			if rejoin == nil {
				rejoin = time.After(s.bridge.birthDelay())
			}
		case <-rejoin:
			rejoin = nil
			s.announce()
		case <-stall.C:
			if s.stalled() {
				return errUnacknowledged
			}
		}
	}
}

// release lets the records go that are older than the connection, when it is time.
func (s *session) release(now bool) {
	if !now {
		return
	}
	s.bridge.mu.Lock()
	defer s.bridge.mu.Unlock()
	s.bridge.out.release()
}

// birthDelay is random, so that not every device of the house answers at the same moment.
func (b *Bridge) birthDelay() time.Duration {
	if b.cfg.BirthDelay <= 0 {
		return 0
	}
	return rand.N(b.cfg.BirthDelay)
}

// pump takes note of what was acknowledged and sends what the window admits.
func (s *session) pump(stall *time.Timer) error {
	b := s.bridge
	if err := s.settle(); err != nil {
		return err
	}
	for s.room() {
		b.mu.Lock()
		m, ok := b.out.next(time.Now())
		b.mu.Unlock()
		if !ok {
			break
		}
		size := len(m.Topic) + len(m.Payload)
		s.flight = append(s.flight, sent{s.client.Publish(m.Topic, qos, m.Retain, m.Payload), size, time.Now()})
		s.bytes += size
	}
	if len(s.flight) > 0 {
		stall.Reset(time.Until(s.flight[0].at.Add(b.cfg.AckTimeout)))
	} else {
		stall.Stop()
	}
	return nil
}

// settle takes the acknowledged messages off the flight. Brokers acknowledge in order (section 4.6).
func (s *session) settle() error {
	for len(s.flight) > 0 {
		first := s.flight[0]
		select {
		case <-first.token.Done():
		default:
			return nil
		}
		if err := first.token.Error(); err != nil {
			return s.why(err)
		}
		s.flight = s.flight[1:]
		s.bytes -= first.size
		s.bridge.mu.Lock()
		s.bridge.out.acked()
		s.bridge.mu.Unlock()
	}
	return nil
}

// why prefers the reason for which the connection went to the error of a message that could not be sent because of it.
func (s *session) why(err error) error {
	select {
	case lost := <-s.lost:
		return lost
	case <-time.After(closeTime):
		return err
	}
}

// room says whether one more message may be sent; a large one goes alone.
func (s *session) room() bool {
	return len(s.flight) == 0 || len(s.flight) < windowMessages && s.bytes < windowBytes
}

func (s *session) stalled() bool {
	return len(s.flight) > 0 && time.Since(s.flight[0].at) >= s.bridge.cfg.AckTimeout
}

// acknowledged is ready when the oldest message is; nil when there is none.
func (s *session) acknowledged() <-chan struct{} {
	if len(s.flight) == 0 {
		return nil
	}
	return s.flight[0].token.Done()
}

// farewell sends what waits, then offline, and returns nil when the broker has it.
func (s *session) farewell(ctx context.Context) error {
	s.release(true) // there is no later
	limit := time.After(drainTime)
	stall := time.NewTimer(drainTime)
	defer stall.Stop()
	for s.bridge.Stats().Pending > 0 {
		if err := s.pump(stall); err != nil {
			return err
		}
		if len(s.flight) == 0 { // the rest was too old
			break
		}
		select {
		case <-s.acknowledged():
			continue
		case err := <-s.lost:
			return err
		case <-limit:
		}
		break
	}
	m := s.bridge.connection(topics.Offline)
	ctx, cancel := context.WithTimeout(ctx, farewellTime)
	defer cancel()
	return s.wait(ctx, s.client.Publish(m.Topic, qos, m.Retain, m.Payload))
}

// abort ends the connection without a word, so that the broker publishes the last will.
func (s *session) abort() { abort(s.client, s.conn) }

func abort(client paho.Client, c *conn) {
	_ = c.Close()
	client.Disconnect(uint(closeTime.Milliseconds()))
}

// wait for the broker's answer to one request.
func (s *session) wait(ctx context.Context, t paho.Token) error {
	timeout := time.NewTimer(s.bridge.cfg.AckTimeout)
	defer timeout.Stop()
	select {
	case <-t.Done():
		if err := t.Error(); err != nil {
			return s.why(err)
		}
		return nil
	case err := <-s.lost:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-timeout.C:
		return errUnacknowledged
	}
}

// subscribe returns the filters that the broker refused (section 3.9.3: return code 0x80).
func (s *session) subscribe(ctx context.Context, filters ...string) (refused []string, err error) {
	wanted := map[string]byte{}
	for _, f := range filters {
		wanted[f] = qos
	}
	token := s.client.SubscribeMultiple(wanted, nil)
	if err := s.wait(ctx, token); err != nil {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	if t, ok := token.(*paho.SubscribeToken); ok {
		for filter, granted := range t.Result() {
			if granted > 2 {
				refused = append(refused, filter)
			}
		}
	}
	return refused, nil
}
