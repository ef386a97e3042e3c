package bridge

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"housephone/topics"
)

// LinkConfig describes a connection to the broker beside that of Run, with the same credentials and a client id of its
// own.
type LinkConfig struct {
	ClientID  string
	Will      topics.Message
	KeepAlive time.Duration // whole seconds
	Filters   []string      // subscribed with QoS 1
	// Receive takes every message, in order. Retain says that the broker had kept it. It must return soon.
	Receive func(m topics.Message)
}

// Link is such a connection, made by [Bridge.Link]. It is not made again when it is lost.
type Link struct {
	client paho.Client
	conn   *conn
	out    chan topics.Message
	lost   chan error // one error, when the connection has gone
	stop   chan struct{}
	pumped sync.WaitGroup
}

// linkQueue bounds what waits to be handed to the client library.
const linkQueue = 64

// errLinkFull is a broker that does not take what is sent.
var errLinkFull = errors.New("too much waits for the broker")

// Link connects and subscribes; ctx cuts it short. Its error is a sentence.
func (b *Bridge) Link(ctx context.Context, c LinkConfig) (*Link, error) {
	l := &Link{out: make(chan topics.Message, linkQueue), lost: make(chan error, 2), stop: make(chan struct{})}
	o := b.options(c.ClientID, c.Will, c.KeepAlive).
		SetPingTimeout(c.KeepAlive).
		SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
			c.Receive(topics.Message{Topic: m.Topic(), Payload: m.Payload(), Retain: m.Retained()})
		}).
		SetConnectionLostHandler(func(_ paho.Client, err error) { l.fail(err) })
	var err error
	if l.client, l.conn, err = b.login(ctx, o); err != nil {
		return nil, fmt.Errorf("%s", explain(err).text)
	}
	// the subscription is asked for by the same rules as that of Run
	s := &session{bridge: b, client: l.client, conn: l.conn, lost: l.lost}
	refused, err := s.subscribe(ctx, c.Filters...)
	if err == nil && len(refused) > 0 {
		err = fmt.Errorf("the broker does not let us read %s", refused[0])
	}
	if err != nil {
		s.abort()
		return nil, err
	}
	l.pumped.Go(l.pump)
	return l, nil
}

// Publish queues a message with QoS 1 and returns at once.
func (l *Link) Publish(m topics.Message) error {
	select {
	case l.out <- m:
		return nil
	default:
		l.fail(errLinkFull)
		return errLinkFull
	}
}

// Lost gives one error when the connection has gone.
func (l *Link) Lost() <-chan error { return l.lost }

// Close sends what waits and ends the connection, so that no will is published. It takes a second at most.
func (l *Link) Close() {
	close(l.stop)
	l.pumped.Wait()
	l.client.Disconnect(uint(closeTime.Milliseconds()))
}

// Abort breaks the connection off, so that the broker publishes the will.
func (l *Link) Abort() {
	_ = l.conn.Close()
	close(l.stop)
	l.pumped.Wait()
	l.client.Disconnect(0)
}

func (l *Link) fail(err error) {
	select {
	case l.lost <- err:
	default:
	}
}

func (l *Link) pump() {
	for {
		select {
		case m := <-l.out:
			l.client.Publish(m.Topic, qos, m.Retain, m.Payload)
			continue
		case <-l.stop:
		}
		break
	}
	var last paho.Token
	for {
		select {
		case m := <-l.out:
			last = l.client.Publish(m.Topic, qos, m.Retain, m.Payload)
			continue
		default:
		}
		break
	}
	if last != nil {
		last.WaitTimeout(farewellTime)
	}
}

// ClosedByBroker tells that a connection was lost because the broker ended it.
func ClosedByBroker(err error) bool { return closedByPeer(err) }
