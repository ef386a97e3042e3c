package broker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

type logLines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logLines) count(word string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), word)
}

func start(t *testing.T, cfg Config) (*Broker, *logLines, func()) {
	t.Helper()
	lines := &logLines{}
	cfg.Logger = slog.New(slog.NewTextHandler(lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	b, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			t.Error("Run does not end")
		}
	})
	t.Cleanup(stop)
	return b, lines, stop
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("it does not come true that %s", what)
}

// inbox is what a client received.
type inbox struct {
	mu  sync.Mutex
	got []string
}

func (i *inbox) add(_ paho.Client, m paho.Message) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.got = append(i.got, fmt.Sprintf("%s=%s retained=%v", m.Topic(), m.Payload(), m.Retained()))
}

func (i *inbox) has(s string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, g := range i.got {
		if g == s {
			return true
		}
	}
	return false
}

func (i *inbox) len() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.got)
}

func options(b *Broker, id string, in *inbox) *paho.ClientOptions {
	return paho.NewClientOptions().AddBroker("tcp://" + b.Addr().String()).SetClientID(id).SetAutoReconnect(false).
		SetProtocolVersion(4).SetDefaultPublishHandler(in.add)
}

func connect(t *testing.T, o *paho.ClientOptions) paho.Client {
	t.Helper()
	c := paho.NewClient(o)
	must(t, c.Connect())
	t.Cleanup(func() { c.Disconnect(200) })
	return c
}

func must(t *testing.T, token paho.Token) {
	t.Helper()
	if !token.WaitTimeout(patience) {
		t.Fatal("no answer")
	}
	if token.Error() != nil {
		t.Fatal(token.Error())
	}
}

func TestConfig(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for name, tt := range map[string]struct {
		cfg  Config
		want []string
	}{
		"taken":         {Config{Listen: taken.Addr().String()}, []string{"MQTT_LISTEN", taken.Addr().String(), "another program"}},
		"no port":       {Config{Listen: "127.0.0.1"}, []string{"MQTT_LISTEN", "host:port"}},
		"no such port":  {Config{Listen: "127.0.0.1:99999"}, []string{"MQTT_LISTEN"}},
		"open":          {Config{Listen: "0.0.0.0:0"}, []string{"MQTT_LISTEN", "MQTT_USERNAME"}},
		"open, no host": {Config{Listen: ":0"}, []string{"MQTT_USERNAME"}},
		"half":          {Config{Listen: "127.0.0.1:0", Username: "u"}, []string{"MQTT_PASSWORD"}},
		"negative":      {Config{Listen: "127.0.0.1:0", MaxPacket: -1}, []string{"negative"}},
	} {
		b, err := New(tt.cfg)
		if err == nil {
			_ = b.Close()
			t.Errorf("%s: accepted", name)
			continue
		}
		for _, w := range tt.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q does not say %q", name, err, w)
			}
		}
	}
	if _, err := New(Config{Listen: ":0"}); !errors.Is(err, ErrOpenToNetwork) {
		t.Errorf("open: %v", err)
	}
	b, err := New(Config{Listen: "0.0.0.0:0", Username: "u", Password: "p"})
	if err != nil {
		t.Fatal(err)
	}
	_ = b.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if b, err = New(Config{Listener: l}); err != nil || b.Addr().String() != l.Addr().String() {
		t.Errorf("listener: %v, %v", b, err)
	}
	_ = l.Close()
}

func TestRetainedAndWill(t *testing.T) {
	b, _, _ := start(t, Config{})
	var in inbox
	c := connect(t, options(b, "a", &in))
	must(t, c.Publish("state", 1, true, "1"))
	must(t, c.Publish("event", 1, false, "1"))

	dying, err := net.Dial("tcp", b.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	hello := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	hello.ProtocolName, hello.ProtocolVersion, hello.CleanSession, hello.ClientIdentifier = "MQTT", 4, true, "dying"
	hello.WillFlag, hello.WillRetain, hello.WillQos, hello.WillTopic, hello.WillMessage = true, true, 1, "will", []byte("gone")
	if err := hello.Write(dying); err != nil {
		t.Fatal(err)
	}
	if _, err := packets.ReadPacket(dying); err != nil {
		t.Fatal(err)
	}
	must(t, c.Subscribe("#", 1, nil))
	eventually(t, "the retained message comes", func() bool { return in.has("state=1 retained=true") })
	_ = dying.Close()
	eventually(t, "the last will comes", func() bool { return in.has("will=gone retained=false") })
	if in.has("event=1 retained=true") {
		t.Error("an event was kept")
	}
	must(t, c.Publish("state", 1, true, ""))
	var later inbox
	d := connect(t, options(b, "b", &later))
	must(t, d.Subscribe("#", 1, nil))
	eventually(t, "the will is retained", func() bool { return later.has("will=gone retained=true") })
	if later.has("state=1 retained=true") {
		t.Error("a cleared topic is still there")
	}
}

func TestCredentials(t *testing.T) {
	b, lines, _ := start(t, Config{Username: "house", Password: "right"})
	var in inbox
	for _, pair := range [][2]string{{"", ""}, {"house", "wrong"}, {"other", "right"}, {"house", ""}} {
		c := paho.NewClient(options(b, "x", &in).SetUsername(pair[0]).SetPassword(pair[1]))
		token := c.Connect()
		if !token.WaitTimeout(patience) || !errors.Is(token.Error(), packets.ErrorRefusedNotAuthorised) {
			t.Errorf("%v: %v", pair, token.Error())
		}
	}
	connect(t, options(b, "x", &in).SetUsername("house").SetPassword("right"))
	if n := lines.count("level=WARN"); n != 1 {
		t.Errorf("%d warnings for four refusals in a moment, want 1", n)
	}
	if lines.count("wrong\"") > 0 || lines.count("right") > 0 {
		t.Error("a password is in the log")
	}
	// From inside, no credentials are needed.
	connect(t, inside(b, "bridge", &in))
}

func inside(b *Broker, id string, in *inbox) *paho.ClientOptions {
	return options(b, id, in).SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) {
		return b.Dial(context.Background())
	})
}

func TestDial(t *testing.T) {
	b, err := New(Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	short, cancelShort := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancelShort()
	if _, err := b.Dial(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("before Run: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	c, err := b.Dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := io.Copy(io.Discard, c); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the connection is not closed: %v", err)
	}
	_ = c.Close()
	if _, err := b.Dial(context.Background()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Run: %v", err)
	}
	if err := b.Run(context.Background()); err == nil {
		t.Error("a second Run is let through")
	}
}

// TestStopWithConnectionsThatSayNothing: the server alone would wait for them for ever.
func TestStopWithConnectionsThatSayNothing(t *testing.T) {
	b, _, stop := start(t, Config{})
	var in inbox
	connect(t, options(b, "a", &in))
	for range 5 {
		c, err := net.Dial("tcp", b.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
	}
	time.Sleep(50 * time.Millisecond)
	begin := time.Now()
	stop()
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("the stop took %s", took)
	}
}

func TestLimits(t *testing.T) {
	b, lines, _ := start(t, Config{MaxConnections: 2, MaxPacket: 4096, MaxRetained: 25})
	var in inbox
	a := connect(t, options(b, "a", &in))
	must(t, a.Subscribe("#", 1, nil))

	t.Run("retained", func(t *testing.T) {
		for i := range 50 {
			must(t, a.Publish(fmt.Sprintf("kept/%d", i), 1, true, "x"))
		}
		must(t, a.Publish("kept/0", 1, true, "y")) // a known topic may change
		eventually(t, "all are delivered at once", func() bool { return in.has("kept/49=x retained=false") })
		var later inbox
		c := connect(t, inside(b, "later", &later))
		must(t, c.Subscribe("kept/#", 1, nil))
		eventually(t, "the first one comes", func() bool { return later.has("kept/0=y retained=true") })
		time.Sleep(100 * time.Millisecond)
		if n := later.len(); n > 25 {
			t.Errorf("%d topics are kept", n)
		}
	})
	t.Run("packet", func(t *testing.T) {
		c := paho.NewClient(inside(b, "big", &in))
		must(t, c.Connect())
		token := c.Publish("big", 1, false, strings.Repeat("x", 5000))
		if token.WaitTimeout(patience); token.Error() == nil {
			t.Error("a packet above the limit is taken")
		}
		c.Disconnect(100)
	})
	t.Run("subscriptions", func(t *testing.T) {
		c := paho.NewClient(inside(b, "many", &in))
		must(t, c.Connect())
		var err error
		for i := 0; i < 20 && err == nil; i++ {
			filters := map[string]byte{}
			for j := range 100 {
				filters[fmt.Sprintf("f/%d/%d", i, j)] = 1
			}
			token := c.SubscribeMultiple(filters, nil)
			token.WaitTimeout(patience)
			err = token.Error()
		}
		if err == nil {
			t.Error("subscriptions without bound")
		}
		c.Disconnect(100)
	})
	t.Run("connections", func(t *testing.T) {
		second, err := net.Dial("tcp", b.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = second.Close() }()
		eventually(t, "the third is turned away", func() bool {
			c, err := net.Dial("tcp", b.Addr().String())
			if err != nil {
				return false
			}
			defer func() { _ = c.Close() }()
			_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
			_, err = c.Read(make([]byte, 1))
			return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
		})
		connect(t, inside(b, "bridge", &in)) // fits in always
	})
	if !a.IsConnected() || lines.count("level=ERROR") > 0 {
		t.Error("the first client suffers, or an error is logged")
	}
}

// TestClientThatDoesNotRead must not hold up the others.
func TestClientThatDoesNotRead(t *testing.T) {
	b, _, _ := start(t, Config{WriteTimeout: 300 * time.Millisecond})
	deaf, err := net.Dial("tcp", b.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = deaf.Close() }()
	_ = deaf.(*net.TCPConn).SetReadBuffer(4096)
	hello := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	hello.ProtocolName, hello.ProtocolVersion, hello.CleanSession, hello.ClientIdentifier = "MQTT", 4, true, "deaf"
	sub := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
	sub.Topics, sub.Qoss, sub.MessageID = []string{"#"}, []byte{1}, 1
	if err := errors.Join(hello.Write(deaf), sub.Write(deaf)); err != nil {
		t.Fatal(err)
	}
	var in inbox
	c := connect(t, inside(b, "loud", &in))
	payload := strings.Repeat("x", 100<<10)
	for range 200 { // 20 MB: more than the sockets hold
		must(t, c.Publish("noise", 1, false, payload))
	}
	eventually(t, "the deaf client is disconnected", func() bool {
		_, err := deaf.Write([]byte{packets.Pingreq << 4, 0})
		return err != nil
	})
}

func TestGarbage(t *testing.T) {
	b, lines, _ := start(t, Config{})
	for _, junk := range []string{"GET / HTTP/1.1\r\n\r\n", "\x10\xff\xff\xff\xff\xff", "\x10\x02\x00\xff", "\x30\x00", strings.Repeat("\x00", 100)} {
		c, err := net.Dial("tcp", b.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, junk)
		_ = c.(*net.TCPConn).CloseWrite()
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.Copy(io.Discard, c); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%q: %v", junk, err)
		}
		_ = c.Close()
	}
	var in inbox
	connect(t, options(b, "a", &in))
	if lines.count("level=ERROR")+lines.count("level=WARN") > 0 {
		t.Error("junk fills the log")
	}
}

func TestPayloadsStayOutOfTheLog(t *testing.T) {
	b, lines, _ := start(t, Config{MaxPacket: 4096})
	var in inbox
	c := connect(t, options(b, "a", &in))
	must(t, c.Subscribe("#", 1, nil))
	must(t, c.Publish("door", 1, true, "code-4711"))
	eventually(t, "it came", func() bool { return in.len() > 0 })
	raw, err := net.Dial("tcp", b.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = raw.Close() }()
	hello := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	hello.ProtocolName, hello.ProtocolVersion, hello.CleanSession, hello.ClientIdentifier = "MQTT", 4, true, "raw"
	bad := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	bad.TopicName, bad.Payload, bad.Qos = "a/#", []byte("code-4711"), 1 // a wildcard, and no packet id
	if err := errors.Join(hello.Write(raw), bad.Write(raw)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the error is logged", func() bool { return lines.count("error processing packet") > 0 })
	if lines.count("4711") > 0 {
		t.Error("a payload is in the log")
	}
}
