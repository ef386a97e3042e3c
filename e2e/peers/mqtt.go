package peers

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// Message is one MQTT message as it came.
type Message struct {
	Topic, Payload string
	Retained       bool
	At             time.Time
}

// MQTT is a client that hears everything, keeps it in order and shows it when the test fails.
type MQTT struct {
	t      testing.TB
	client mqtt.Client

	mu      sync.Mutex // guards following
	history []Message
}

// Mark is a place in the history: what comes after it is new.
type Mark int

const mqttTimeout = 10 * time.Second

// NewMQTT connects to a broker and subscribes to every topic. caFile is for mqtts addresses.
func NewMQTT(t testing.TB, url, username, password, caFile string) *MQTT {
	t.Helper()
	c := &MQTT{t: t}
	o := mqtt.NewClientOptions().AddBroker(strings.Replace(url, "mqtts://", "ssl://", 1)).
		SetClientID(fmt.Sprintf("test-%d", time.Now().UnixNano())).
		SetUsername(username).SetPassword(password).
		SetOrderMatters(true).SetAutoReconnect(true).SetMaxReconnectInterval(200 * time.Millisecond).
		SetConnectTimeout(mqttTimeout).
		SetOnConnectHandler(func(cl mqtt.Client) { cl.Subscribe("#", 1, c.receive) })
	if caFile != "" {
		o.SetTLSConfig(trust(t, caFile))
	}
	c.client = mqtt.NewClient(o)
	token := c.client.Connect()
	if !token.WaitTimeout(mqttTimeout) || token.Error() != nil {
		t.Fatalf("MQTT %s: %v", url, token.Error())
	}
	if token = c.client.Subscribe("#", 1, c.receive); !token.WaitTimeout(mqttTimeout) || token.Error() != nil {
		t.Fatalf("MQTT subscribe: %v", token.Error())
	}
	t.Cleanup(func() {
		c.client.Disconnect(100)
		if t.Failed() {
			t.Logf("MQTT history:\n%s", c.Dump())
		}
	})
	return c
}

func trust(t testing.TB, caFile string) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(caFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatalf("%s holds no certificate", caFile)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

func (c *MQTT) receive(_ mqtt.Client, m mqtt.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.history = append(c.history, Message{Topic: m.Topic(), Payload: string(m.Payload()), Retained: m.Retained(), At: time.Now()})
}

// Publish sends a message that is not retained and waits for the broker's acknowledgement.
func (c *MQTT) Publish(topic, payload string) {
	c.t.Helper()
	c.publish(topic, payload, false)
}

// PublishRetained is Publish with the retain flag.
func (c *MQTT) PublishRetained(topic, payload string) {
	c.t.Helper()
	c.publish(topic, payload, true)
}

func (c *MQTT) publish(topic, payload string, retain bool) {
	c.t.Helper()
	token := c.client.Publish(topic, 1, retain, payload)
	if !token.WaitTimeout(mqttTimeout) || token.Error() != nil {
		c.t.Fatalf("MQTT publish %s: %v", topic, token.Error())
	}
}

// Mark is the place after the newest message.
func (c *MQTT) Mark() Mark {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Mark(len(c.history))
}

// Since are the messages of one topic after a mark.
func (c *MQTT) Since(mark Mark, topic string) []Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []Message
	for _, m := range c.history[mark:] {
		if m.Topic == topic {
			found = append(found, m)
		}
	}
	return found
}

// Last is the newest payload of a topic.
func (c *MQTT) Last(topic string) (string, bool) {
	all := c.Since(0, topic)
	if len(all) == 0 {
		return "", false
	}
	return all[len(all)-1].Payload, true
}

// WaitState waits until the newest value of a topic is want. A topic without a value is empty: an empty retained
// message is stored nowhere.
func (c *MQTT) WaitState(topic, want string, timeout time.Duration) {
	c.t.Helper()
	if _, any := c.Last(topic); want == "" && !any {
		return
	}
	c.WaitStateFunc(topic, fmt.Sprintf("%q", want), timeout, func(v string) bool { return v == want })
}

// WaitStateFunc waits until the newest value of a topic pleases ok; what describes it for the failure.
func (c *MQTT) WaitStateFunc(topic, what string, timeout time.Duration, ok func(string) bool) string {
	c.t.Helper()
	var last string
	var any bool
	if !Eventually(timeout, func() bool { last, any = c.Last(topic); return any && ok(last) }) {
		c.t.Fatalf("%s: want %s, last is %q (ever published: %v)", topic, what, last, any)
	}
	return last
}

// WaitEvent waits for a message on a topic after the mark that pleases ok (nil = any).
func (c *MQTT) WaitEvent(mark Mark, topic string, timeout time.Duration, ok func(string) bool) Message {
	c.t.Helper()
	var found Message
	if !Eventually(timeout, func() bool {
		for _, m := range c.Since(mark, topic) {
			if ok == nil || ok(m.Payload) {
				found = m
				return true
			}
		}
		return false
	}) {
		c.t.Fatalf("%s: no such message after mark %d", topic, mark)
	}
	return found
}

// Holds tells whether a word was in any payload.
func (c *MQTT) Holds(word string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.history, func(m Message) bool { return strings.Contains(m.Payload, word) })
}

// Dump is the history as text, a message a line.
func (c *MQTT) Dump() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	for i, m := range c.history {
		flag := " "
		if m.Retained {
			flag = "R"
		}
		fmt.Fprintf(&b, "%4d %s %s %s %.300q\n", i, m.At.Format("15:04:05.000"), flag, m.Topic, m.Payload)
	}
	return b.String()
}
