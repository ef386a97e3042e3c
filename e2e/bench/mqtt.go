package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// message is one MQTT message; at is when the driver had it.
type message struct {
	topic, payload string
	retained       bool
	at             time.Time
}

// mqttClient is the driver's connection to the broker: no queues, no goroutine between the caller and the socket, so
// that what is measured is the program at the other end.
type mqttClient struct {
	conn     net.Conn
	messages chan message
}

const inboxSize = 1 << 16 // more than any figure makes the programs say at once

var errTimeout = errors.New("nothing came")

// newMQTT connects and subscribes at QoS 0 to everything.
func newMQTT(t testing.TB, addr string) *mqttClient {
	t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	c := &mqttClient{conn: conn, messages: make(chan message, inboxSize)}
	ended := make(chan struct{})
	ready := make(chan error, 1)
	go func() {
		defer close(ended)
		c.read(ready)
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-ended
	})
	hello := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	hello.ProtocolName, hello.ProtocolVersion, hello.CleanSession, hello.ClientIdentifier = "MQTT", 4, true, "bench"
	want := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
	want.MessageID, want.Topics, want.Qoss = 1, []string{"#"}, []byte{0}
	if err := errors.Join(hello.Write(conn), want.Write(conn)); err != nil {
		t.Fatal(err)
	}
	if err := <-ready; err != nil {
		t.Fatalf("broker: %v", err)
	}
	return c
}

func (c *mqttClient) read(ready chan<- error) {
	r := bufio.NewReader(c.conn)
	for {
		p, err := packets.ReadPacket(r)
		if err != nil {
			select {
			case ready <- err:
			default:
			}
			return
		}
		switch p := p.(type) {
		case *packets.SubackPacket:
			ready <- nil
		case *packets.PublishPacket:
			m := message{topic: p.TopicName, payload: string(p.Payload), retained: p.Retain, at: time.Now()}
			select {
			case c.messages <- m:
			default: // nobody waits for so much
			}
		}
	}
}

// publish writes a QoS 0 message and returns when the write began.
func (c *mqttClient) publish(m message) (time.Time, error) {
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	p.TopicName, p.Payload = m.topic, []byte(m.payload)
	at := time.Now()
	return at, p.Write(c.conn)
}

// forget drops what has come so far.
func (c *mqttClient) forget() {
	for {
		select {
		case <-c.messages:
		default:
			return
		}
	}
}

// await gives the next message that match wants and drops those before it.
func (c *mqttClient) await(ctx context.Context, what string, match func(message) bool) (message, error) {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		select {
		case m := <-c.messages:
			if match(m) {
				return m, nil
			}
		case <-limit.C:
			return message{}, fmt.Errorf("mqtt: %s: %w", what, errTimeout)
		case <-ctx.Done():
			return message{}, ctx.Err()
		}
	}
}
