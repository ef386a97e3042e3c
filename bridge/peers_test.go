package bridge

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"housephone/bridge/broker"
	"housephone/topics"
)

// patience is how long a test waits for what must happen; nothing is measured by it.
const patience = 20 * time.Second

var tree = topics.Tree{Prefix: "housephone", ID: "phone"}

// process is a real broker, not ours.
type process struct {
	t    testing.TB
	port int
	conf string
	cmd  *exec.Cmd
}

// newMosquitto starts one on a free port of loopback. Without lines it lets everybody in.
func newMosquitto(t testing.TB, lines ...string) *process {
	t.Helper()
	if len(lines) == 0 {
		lines = []string{"allow_anonymous true"}
	}
	m := &process{t: t, port: freePort(t), conf: filepath.Join(t.TempDir(), "mosquitto.conf")}
	who, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	// It queues without limit for a watcher that is slower than the bridge: what counts is what the bridge sends.
	conf := fmt.Sprintf("user %s\nper_listener_settings false\npersistence false\nset_tcp_nodelay true\nmax_queued_messages 0\nlistener %d 127.0.0.1\n%s\n",
		who.Username, m.port, strings.Join(lines, "\n"))
	if err := os.WriteFile(m.conf, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	m.start()
	t.Cleanup(m.kill)
	return m
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

func (m *process) start() {
	m.t.Helper()
	m.cmd = exec.Command("mosquitto", "-c", m.conf)
	var out bytes.Buffer
	m.cmd.Stdout, m.cmd.Stderr = &out, &out
	if err := m.cmd.Start(); err != nil {
		m.t.Fatalf("mosquitto: %v", err)
	}
	eventually(m.t, "mosquitto listens", func() bool {
		c, err := net.Dial("tcp", m.addr())
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

func (m *process) kill() {
	if m.cmd != nil {
		_ = m.cmd.Process.Kill()
		_ = m.cmd.Wait()
		m.cmd = nil
	}
}

func (m *process) signal(s syscall.Signal) {
	m.t.Helper()
	if err := m.cmd.Process.Signal(s); err != nil {
		m.t.Fatal(err)
	}
}

func (m *process) addr() string { return fmt.Sprintf("127.0.0.1:%d", m.port) }
func (m *process) url() string  { return "mqtt://" + m.addr() }

// startEmbedded runs the broker of this project.
func startEmbedded(t testing.TB) (*broker.Broker, string) {
	t.Helper()
	b, err := broker.New(broker.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	background(t, b.Run)
	return b, "mqtt://" + b.Addr().String()
}

// eachBroker runs a test against both brokers.
func eachBroker(t *testing.T, f func(t *testing.T, url string)) {
	t.Run("mosquitto", func(t *testing.T) { f(t, newMosquitto(t).url()) })
	t.Run("embedded", func(t *testing.T) {
		_, url := startEmbedded(t)
		f(t, url)
	})
}

// background runs f until the test ends or stop is called; stop waits.
func background(t testing.TB, f func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := f(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(patience):
			t.Error("Run does not end")
		}
	})
	t.Cleanup(stop)
	return stop
}

// newBridge makes a bridge with quick defaults for tests.
func newBridge(t testing.TB, cfg Config) (*Bridge, *logLines) {
	t.Helper()
	lines := &logLines{}
	if cfg.Tree == (topics.Tree{}) {
		cfg.Tree = tree
	}
	if cfg.BirthDelay == 0 {
		cfg.BirthDelay = -1
	}
	cfg.Logger = slog.New(slog.NewTextHandler(lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	b, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b, lines
}

// startBridge runs one and waits until it is connected.
func startBridge(t testing.TB, cfg Config) (*Bridge, *logLines, func()) {
	t.Helper()
	b, lines := newBridge(t, cfg)
	stop := background(t, b.Run)
	eventually(t, "the bridge is connected", b.Connected)
	return b, lines, stop
}

type logLines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// with are the lines that hold all of the words.
func (l *logLines) with(words ...string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for line := range strings.Lines(l.b.String()) {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			found = append(found, line)
		}
	}
	return found
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("it does not come true that %s", what)
}

// observer is another client of the broker: it sees everything and can publish.
type observer struct {
	t      testing.TB
	client paho.Client

	mu  sync.Mutex
	got []seen
}

type seen struct {
	topic, payload string
	retained       bool
	at             time.Time
}

func (s seen) String() string {
	if s.retained {
		return "(retained) " + s.topic + "=" + s.payload
	}
	return s.topic + "=" + s.payload
}

func watch(t testing.TB, url string) *observer {
	t.Helper()
	o := &observer{t: t}
	o.client = paho.NewClient(paho.NewClientOptions().AddBroker(url).SetClientID(fmt.Sprintf("observer-%p", o)).
		SetAutoReconnect(false).SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.got = append(o.got, seen{m.Topic(), string(m.Payload()), m.Retained(), time.Now()})
	}))
	o.must(o.client.Connect())
	o.must(o.client.Subscribe("#", 1, nil))
	t.Cleanup(func() { o.client.Disconnect(500) })
	return o
}

func (o *observer) must(token paho.Token) {
	o.t.Helper()
	if !token.WaitTimeout(patience) {
		o.t.Fatal("the broker does not answer the observer")
	}
	if err := token.Error(); err != nil {
		o.t.Fatal(err)
	}
}

func (o *observer) publish(topic, payload string, retain bool) {
	o.t.Helper()
	o.must(o.client.Publish(topic, 1, retain, payload))
}

// set sends a command.
func (o *observer) set(datapoint, payload string) {
	o.t.Helper()
	o.publish(tree.SetTopic(datapoint), payload, false)
}

// all is what came, without the topics that end in /set.
func (o *observer) all() []seen {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(o.got), func(s seen) bool { return strings.HasSuffix(s.topic, "/set") })
}

// on is every payload of one topic.
func (o *observer) on(topic string) []string {
	var p []string
	for _, s := range o.all() {
		if s.topic == topic {
			p = append(p, s.payload)
		}
	}
	return p
}

func (o *observer) results() []string { return o.on(tree.Topic("result")) }

// await waits until the last payload of a topic is this one.
func (o *observer) await(topic, payload string) {
	o.t.Helper()
	eventually(o.t, topic+" is "+payload, func() bool {
		p := o.on(topic)
		return len(p) > 0 && p[len(p)-1] == payload
	})
}

// retainedNow asks the broker afresh what it holds.
func retainedNow(t testing.TB, url string) map[string]string {
	t.Helper()
	o := watch(t, url)
	marker := fmt.Sprintf("marker/%p", o)
	o.publish(marker, "x", false)
	eventually(t, "the marker came", func() bool { return len(o.on(marker)) > 0 })
	time.Sleep(50 * time.Millisecond)
	held := map[string]string{}
	for _, s := range o.all() {
		if s.retained && !strings.HasPrefix(s.topic, "$") {
			held[s.topic] = s.payload
		}
	}
	return held
}
