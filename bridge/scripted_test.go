package bridge

import (
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"housephone/topics"
)

// scripted is a broker that misbehaves on purpose: it answers CONNECT with code, SUBSCRIBE with granted, and hands
// everything else to the test.
type scripted struct {
	t       *testing.T
	l       net.Listener
	code    byte
	granted byte
	mute    atomic.Bool // acknowledge no PUBLISH

	clients   chan net.Conn // after SUBACK of the command filters
	published chan *packets.PublishPacket
	lasts     atomic.Pointer[packets.ConnectPacket]
	early     atomic.Int32 // PUBLISH before the command filters were subscribed
}

func newScripted(t *testing.T, code, granted byte) *scripted {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &scripted{t: t, l: l, code: code, granted: granted, clients: make(chan net.Conn, 100), published: make(chan *packets.PublishPacket, 10000)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.serve(c) // one at a time
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return s
}

func (s *scripted) url() string { return "mqtt://" + s.l.Addr().String() }

func (s *scripted) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	for {
		cp, err := packets.ReadPacket(c)
		if err != nil {
			return
		}
		switch p := cp.(type) {
		case *packets.ConnectPacket:
			s.lasts.Store(p)
			answer := packets.NewControlPacket(packets.Connack).(*packets.ConnackPacket)
			answer.ReturnCode = s.code
			_ = answer.Write(c)
		case *packets.SubscribePacket:
			answer := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
			answer.MessageID = p.MessageID
			for range p.Topics {
				answer.ReturnCodes = append(answer.ReturnCodes, s.granted)
			}
			_ = answer.Write(c)
			if len(p.Topics) > 2 {
				s.early.Store(int32(len(s.published)))
				s.clients <- c
			}
		case *packets.UnsubscribePacket:
			answer := packets.NewControlPacket(packets.Unsuback).(*packets.UnsubackPacket)
			answer.MessageID = p.MessageID
			_ = answer.Write(c)
		case *packets.PublishPacket:
			s.published <- p
			if !s.mute.Load() {
				answer := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
				answer.MessageID = p.MessageID
				_ = answer.Write(c)
			}
		case *packets.DisconnectPacket:
			return
		}
	}
}

func (s *scripted) client() net.Conn {
	s.t.Helper()
	select {
	case c := <-s.clients:
		return c
	case <-time.After(patience):
		s.t.Fatal("nobody subscribes")
		return nil
	}
}

func TestRefusals(t *testing.T) {
	for code, want := range map[byte]string{
		packets.ErrRefusedBadProtocolVersion:    "does not speak MQTT 3.1.1",
		packets.ErrRefusedIDRejected:            "refuses the client id",
		packets.ErrRefusedServerUnavailable:     "not ready",
		packets.ErrRefusedBadUsernameOrPassword: "user name or the password",
		packets.ErrRefusedNotAuthorised:         "user name or the password",
	} {
		s := newScripted(t, code, 1)
		b, lines := newBridge(t, Config{URL: s.url()})
		stop := background(t, b.Run)
		eventually(t, "it is said: "+want, func() bool { return len(lines.with("WARN", want)) == 1 })
		stop()
	}
}

func TestConnect(t *testing.T) {
	s := newScripted(t, packets.Accepted, 1)
	b, _ := newBridge(t, Config{URL: s.url(), Username: "u", Password: "p", KeepAlive: 33 * time.Second})
	b.Publish(kept(tree.Topic("volume"), "7"))
	b.Publish(event(tree.Topic("doorbell"), "ring"))
	stop := background(t, b.Run)
	eventually(t, "everything is sent", func() bool { return b.Connected() && b.Stats().Pending == 0 })
	if n := s.early.Load(); n != 0 {
		t.Errorf("%d messages were published before the subscription", n)
	}
	p := s.lasts.Load()
	if p.ProtocolVersion != 4 || !p.CleanSession || p.ClientIdentifier != "housephone-phone" || p.Keepalive != 33 ||
		p.Username != "u" || string(p.Password) != "p" || !p.WillFlag || !p.WillRetain || p.WillQos != 1 ||
		p.WillTopic != "housephone/phone/connection" || string(p.WillMessage) != "offline" {
		t.Errorf("CONNECT %+v", p)
	}
	stop()
}

func TestRedeliveryOnTheWire(t *testing.T) {
	s := newScripted(t, packets.Accepted, 1)
	b, _, _ := startBridge(t, Config{URL: s.url()})
	c := s.client()
	send := func(id uint16, payload string, dup bool) {
		p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
		p.TopicName, p.Payload, p.Qos, p.MessageID, p.Dup = tree.SetTopic("call"), []byte(payload), 1, id, dup
		if err := p.Write(c); err != nil {
			t.Fatal(err)
		}
	}
	send(1, "601", false)
	send(1, "601", true)
	send(2, "602", true) // the first that we see of it
	send(3, "603", false)
	for _, want := range []string{"601", "602", "603"} {
		if got := receiveCommand(t, b).Value; got != want {
			t.Errorf("carried out %s, want %s", got, want)
		}
	}
	if s := b.Stats(); s.Redelivered != 1 {
		t.Errorf("%d left out", s.Redelivered)
	}
}

// TestUnacknowledged: events that were sent but not acknowledged are sent again, in order, on the next connection.
func TestUnacknowledged(t *testing.T) {
	s := newScripted(t, packets.Accepted, 1)
	b, _, _ := startBridge(t, Config{URL: s.url(), AckTimeout: 700 * time.Millisecond})
	eventually(t, "everything is acknowledged", func() bool { return b.Stats().Pending == 0 })
	s.mute.Store(true)
	for _, key := range []string{"1", "2", "3"} {
		b.Publish(event(tree.Topic("dtmf"), key))
	}
	eventually(t, "the broker is left", func() bool { return !b.Connected() })
	s.mute.Store(false)
	eventually(t, "everything is acknowledged", func() bool { return b.Connected() && b.Stats().Pending == 0 })
	var keys string
	for len(s.published) > 0 {
		if p := <-s.published; p.TopicName == tree.Topic("dtmf") {
			keys += string(p.Payload)
		}
	}
	if keys != "123123" {
		t.Errorf("sent %s, want 123123", keys)
	}
}

func TestWindow(t *testing.T) {
	s := newScripted(t, packets.Accepted, 1)
	b, _, _ := startBridge(t, Config{URL: s.url()})
	eventually(t, "everything is acknowledged", func() bool { return b.Stats().Pending == 0 })
	s.mute.Store(true)
	for range 500 {
		b.Publish(event(tree.Topic("dtmf"), "1"))
	}
	eventually(t, "the window is full", func() bool { return len(s.published) >= windowMessages })
	time.Sleep(100 * time.Millisecond)
	if n := len(s.published); n > windowMessages+5 {
		t.Errorf("%d messages sent without an acknowledgement", n)
	}
}

func TestRefusedSubscriptionIsSaid(t *testing.T) {
	s := newScripted(t, packets.Accepted, 0x80)
	_, lines, _ := startBridge(t, Config{URL: s.url()})
	if len(lines.with("WARN", "does not let us read", "housephone/phone/+/set")) != 1 {
		t.Errorf("log: %v", lines.with("WARN"))
	}
}

// TestSilentServer accepts connections and says nothing; the stop must not wait for it.
func TestSilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	b, lines := newBridge(t, Config{URL: "mqtt://" + l.Addr().String(), ConnectTimeout: 200 * time.Millisecond})
	stop := background(t, b.Run)
	eventually(t, "it is said", func() bool { return len(lines.with("WARN", "does not answer in time")) > 0 })
	stop()

	b, _ = newBridge(t, Config{URL: "mqtt://" + l.Addr().String(), ConnectTimeout: time.Hour})
	stop = background(t, b.Run)
	time.Sleep(100 * time.Millisecond)
	begin := time.Now()
	stop()
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("the stop took %s", took)
	}
}

func TestResultThatIsNotJSON(t *testing.T) {
	b, lines := newBridge(t, Config{URL: "mqtt://127.0.0.1"})
	b.Result(topics.Result{ID: []byte("{"), Datapoint: "call"})
	if b.Stats().Pending != 0 || len(lines.with("WARN", "cannot be encoded")) != 1 {
		t.Errorf("%+v, %v", b.Stats(), lines.with("WARN"))
	}
}
