package bridge

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"net"

	"github.com/google/go-cmp/cmp"

	"housephone/topics"
)

func TestOrderOnConnect(t *testing.T) {
	eachBroker(t, func(t *testing.T, url string) {
		o := watch(t, url)
		b, _ := newBridge(t, Config{URL: url})
		b.Announce(func([]byte) []topics.Message {
			return []topics.Message{kept("homeassistant/device/x/config", "{}")}
		})
		b.Publish(kept(tree.Topic("status"), "hangup"))
		b.Publish(event(tree.Topic("doorbell"), "ring"))
		b.Publish(kept(tree.Topic("call"), ""))
		b.Publish(kept(tree.Topic("volume"), "7"))
		b.Publish(kept(tree.Topic("volume"), "8"))
		background(t, b.Run)
		o.await(tree.Topic("doorbell"), "ring")
		want := []string{
			"homeassistant/device/x/config={}",
			"housephone/phone/connection=online",
			"housephone/phone/status=hangup",
			"housephone/phone/call=",
			"housephone/phone/volume=8",
			"housephone/phone/doorbell=ring",
		}
		if diff := cmp.Diff(want, texts(o.all())); diff != "" {
			t.Errorf("on connect (-want +got):\n%s", diff)
		}
		held := retainedNow(t, url)
		if diff := cmp.Diff(map[string]string{
			"homeassistant/device/x/config": "{}", "housephone/phone/connection": "online",
			"housephone/phone/status": "hangup", "housephone/phone/volume": "8",
		}, held); diff != "" {
			t.Errorf("retained (-want +got):\n%s", diff)
		}
	})
}

func texts(s []seen) []string {
	var got []string
	for _, m := range s {
		got = append(got, m.String())
	}
	return got
}

func TestStopSendsWhatWaitsThenOffline(t *testing.T) {
	eachBroker(t, func(t *testing.T, url string) {
		o := watch(t, url)
		b, lines, stop := startBridge(t, Config{URL: url})
		o.await(tree.Topic("connection"), "online")
		for i := range 200 {
			b.Publish(event(tree.Topic("dtmf"), strconv.Itoa(i)))
		}
		b.Publish(kept(tree.Topic("status"), "hangup"))
		begin := time.Now()
		stop()
		took := time.Since(begin)
		o.await(tree.Topic("connection"), "offline")
		all := o.all()
		if last := all[len(all)-1]; last.payload != "offline" || last.topic != tree.Topic("connection") {
			t.Errorf("the last message is %s", last)
		}
		if n := len(o.on(tree.Topic("dtmf"))); n != 200 {
			t.Errorf("%d of 200 events arrived", n)
		}
		if got := retainedNow(t, url)[tree.Topic("connection")]; got != "offline" {
			t.Errorf("retained connection is %q", got)
		}
		if took > 3*time.Second {
			t.Errorf("the stop took %s", took)
		}
		if b.Connected() || len(lines.with("level=WARN")) > 0 {
			t.Errorf("connected %v, log %v", b.Connected(), lines.with("level=WARN"))
		}
	})
}

func TestStopWithHungBroker(t *testing.T) {
	m := newMosquitto(t)
	b, _, stop := startBridge(t, Config{URL: m.url()})
	m.signal(syscall.SIGSTOP)
	for i := range 500 {
		b.Publish(event(tree.Topic("dtmf"), strconv.Itoa(i)))
	}
	begin := time.Now()
	stop()
	if took := time.Since(begin); took > 4*time.Second {
		t.Errorf("the stop took %s", took)
	}
	m.signal(syscall.SIGCONT)
	eventually(t, "the last will says offline", func() bool {
		return retainedNow(t, m.url())[tree.Topic("connection")] == "offline"
	})
}

func TestStopWithoutBroker(t *testing.T) {
	b, lines := newBridge(t, Config{URL: fmt.Sprintf("mqtt://127.0.0.1:%d", freePort(t))})
	stop := background(t, b.Run)
	eventually(t, "three attempts were made", func() bool { return b.Stats().Failures >= 3 })
	stop()
	if n := len(lines.with("level=WARN", "refused")); n != 1 {
		t.Errorf("the reason was said %d times, want once: %v", n, lines.with("level=WARN"))
	}
}

func TestLastWill(t *testing.T) {
	eachBroker(t, func(t *testing.T, url string) {
		o := watch(t, url)
		var current atomic.Pointer[net.TCPConn]
		var refuse atomic.Bool
		b, _ := newBridge(t, Config{Dialer: func(ctx context.Context) (net.Conn, error) {
			if refuse.Load() {
				return nil, syscall.ECONNREFUSED
			}
			c, err := (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(url, "mqtt://"))
			if err == nil {
				current.Store(c.(*net.TCPConn))
			}
			return c, err
		}})
		background(t, b.Run)
		o.await(tree.Topic("connection"), "online")
		refuse.Store(true)
		_ = current.Load().SetLinger(0)
		_ = current.Load().Close() // RST, as the kernel of a killed process does
		o.await(tree.Topic("connection"), "offline")
		refuse.Store(false)
		o.await(tree.Topic("connection"), "online")
	})
}

func TestReconnectRepublishes(t *testing.T) {
	m := newMosquitto(t)
	b, _, _ := startBridge(t, Config{URL: m.url()})
	var previous []string
	b.Announce(func(p []byte) []topics.Message {
		previous = append(previous, string(p))
		return []topics.Message{kept("homeassistant/device/x/config", "{}")}
	})
	for i := range 50 {
		b.Publish(kept(tree.Topic(fmt.Sprintf("state%d", i)), "before"))
	}
	for round := range 3 {
		m.kill()
		eventually(t, "the loss is noticed", func() bool { return !b.Connected() })
		for i := range 50 {
			b.Publish(kept(tree.Topic(fmt.Sprintf("state%d", i)), fmt.Sprintf("%d-%d", round, i)))
		}
		m.start()
		begin := time.Now()
		eventually(t, "everything is sent", func() bool { return b.Connected() && b.Stats().Pending == 0 })
		t.Logf("all states back after %s", time.Since(begin).Round(time.Millisecond))
		held := retainedNow(t, m.url())
		for i := range 50 {
			if got, want := held[tree.Topic(fmt.Sprintf("state%d", i))], fmt.Sprintf("%d-%d", round, i); got != want {
				t.Fatalf("round %d: state%d is %q, want %q", round, i, got, want)
			}
		}
		if held[tree.Topic("connection")] != "online" || held["homeassistant/device/x/config"] != "{}" {
			t.Errorf("round %d: %v", round, held)
		}
	}
	if s := b.Stats(); s.Connects != 4 {
		t.Errorf("%d connections, want 4", s.Connects)
	}
}

func TestEventsOverAnInterruption(t *testing.T) {
	m := newMosquitto(t)
	b, _, _ := startBridge(t, Config{URL: m.url(), EventAge: 1500 * time.Millisecond, RecordHold: 3 * time.Second})
	m.kill()
	eventually(t, "the loss is noticed", func() bool { return !b.Connected() })
	b.Publish(event(tree.Topic("doorbell"), "stale"))
	b.Publish(record(tree.Topic("call/ended"), "missed"))
	time.Sleep(1600 * time.Millisecond)
	m.start()
	o := watch(t, m.url())
	eventually(t, "the bridge is back", b.Connected)
	b.Publish(record(tree.Topic("call/ended"), "next"))
	b.Publish(event(tree.Topic("doorbell"), "fresh"))
	o.await(tree.Topic("doorbell"), "fresh")
	if got := o.on(tree.Topic("doorbell")); slices.Contains(got, "stale") {
		t.Errorf("an old event was sent: %v", got)
	}
	o.await(tree.Topic("call/ended"), "next")
	if got := o.on(tree.Topic("call/ended")); !slices.Equal(got, []string{"missed", "next"}) {
		t.Errorf("records %v, want the missed one and the next", got)
	}
}

// A reader that is back much later than the bridge misses no record: Home Assistant says when it is there.
func TestRecordsWaitForTheirReader(t *testing.T) {
	m := newMosquitto(t)
	b, _, _ := startBridge(t, Config{URL: m.url(), EventAge: time.Millisecond, RecordHold: time.Millisecond,
		BirthTopic: "homeassistant/status", BirthHold: time.Hour})
	m.kill()
	eventually(t, "the loss is noticed", func() bool { return !b.Connected() })
	b.Publish(record(tree.Topic("call/ended"), "missed"))
	time.Sleep(10 * time.Millisecond)
	m.start()
	eventually(t, "all but the record is told", func() bool { return b.Connected() && b.Stats().Pending == 1 })
	o := watch(t, m.url())
	o.publish("homeassistant/status", "online", false)
	o.await(tree.Topic("call/ended"), "missed")
	if got := o.on(tree.Topic("call/ended")); len(got) != 1 {
		t.Errorf("records %v, want one", got)
	}
}

func TestHeldRecordsAreToldAtTheEnd(t *testing.T) {
	m := newMosquitto(t)
	b, _ := newBridge(t, Config{URL: m.url(), RecordHold: time.Hour})
	o := watch(t, m.url())
	b.Publish(record(tree.Topic("call/ended"), "early"))
	stop := background(t, b.Run)
	eventually(t, "the bridge is connected", b.Connected)
	stop()
	o.await(tree.Topic("call/ended"), "early")
	o.await(tree.Topic("connection"), "offline")
}

// TestLoad publishes faster than the broker takes it, and has the connection broken in the middle.
func TestLoad(t *testing.T) {
	eachBroker(t, func(t *testing.T, url string) {
		const changes, names = 10000, 20
		o := watch(t, url)
		b, _, _ := startBridge(t, Config{URL: url})
		begin := time.Now()
		for i := range changes {
			b.Publish(kept(tree.Topic(fmt.Sprintf("load%d", i%names)), strconv.Itoa(i)))
		}
		queued := time.Since(begin)
		eventually(t, "everything is acknowledged", func() bool { return b.Stats().Pending == 0 })
		t.Logf("%d changes queued in %s, sent in %s, %d replaced", changes, queued, time.Since(begin), b.Stats().Replaced)
		for n := range names {
			topic := tree.Topic(fmt.Sprintf("load%d", n))
			o.await(topic, strconv.Itoa(changes-names+n))
			ascending(t, topic, o.on(topic))
		}
	})
}

// TestLoadPaced gives the broker time, so that every value is sent.
func TestLoadPaced(t *testing.T) {
	eachBroker(t, func(t *testing.T, url string) {
		const changes, names = 10000, 20
		o := watch(t, url)
		b, _, _ := startBridge(t, Config{URL: url})
		begin := time.Now()
		for i := range changes {
			b.Publish(kept(tree.Topic(fmt.Sprintf("load%d", i%names)), strconv.Itoa(i)))
			for b.Stats().Pending >= names {
				time.Sleep(50 * time.Microsecond)
			}
		}
		eventually(t, "everything is acknowledged", func() bool { return b.Stats().Pending == 0 })
		t.Logf("%d changes in %s, %d replaced", changes, time.Since(begin).Round(time.Millisecond), b.Stats().Replaced)
		total := 0
		for n := range names {
			topic := tree.Topic(fmt.Sprintf("load%d", n))
			o.await(topic, strconv.Itoa(changes-names+n))
			ascending(t, topic, o.on(topic))
			total += len(o.on(topic))
		}
		if want := changes - int(b.Stats().Replaced); total != want {
			t.Errorf("%d messages arrived, want %d", total, want)
		}
	})
}

func ascending(t *testing.T, topic string, payloads []string) {
	t.Helper()
	last := -1
	for _, p := range payloads {
		n, err := strconv.Atoi(p)
		if err != nil || n <= last {
			t.Fatalf("%s: %s comes after %d", topic, p, last)
		}
		last = n
	}
}

func TestConnectionBreaksUnderLoad(t *testing.T) {
	m := newMosquitto(t)
	var current atomic.Pointer[net.Conn]
	b, _, _ := startBridge(t, Config{Dialer: func(ctx context.Context) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", m.addr())
		current.Store(&c)
		return c, err
	}})
	o := watch(t, m.url())
	slowest := time.Duration(0)
	for i := range 5000 {
		b.Publish(kept(tree.Topic("load"), strconv.Itoa(i)))
		b.Publish(event(tree.Topic("dtmf"), strconv.Itoa(i)))
		if i%1000 == 500 {
			begin := time.Now()
			_ = (*current.Load()).Close()
			eventually(t, "the loss is noticed", func() bool { return !b.Connected() })
			eventually(t, "the bridge is back", b.Connected)
			slowest = max(slowest, time.Since(begin))
		}
		if rand.N(10) == 0 {
			time.Sleep(100 * time.Microsecond)
		}
	}
	o.await(tree.Topic("load"), "4999")
	o.await(tree.Topic("dtmf"), "4999")
	t.Logf("slowest reconnection %s, %d connections", slowest, b.Stats().Connects)
	got := map[string]bool{}
	for _, p := range o.on(tree.Topic("dtmf")) {
		got[p] = true
	}
	if lost := 5000 - len(got) - int(b.Stats().Dropped); lost > 0 {
		t.Errorf("%d events lost beyond the %d that were dropped and counted", lost, b.Stats().Dropped)
	}
	if b.Stats().Connects < 6 {
		t.Errorf("%d connections", b.Stats().Connects)
	}
}

func TestSlowBroker(t *testing.T) {
	m := newMosquitto(t)
	b, _, _ := startBridge(t, Config{URL: m.url()})
	m.signal(syscall.SIGSTOP)
	begin := time.Now()
	for i := range 20000 {
		b.Publish(kept(tree.Topic("volume"), strconv.Itoa(i)))
		b.Publish(event(tree.Topic("dtmf"), strings.Repeat("x", 100)))
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("publishing waits for the broker: %s", took)
	}
	time.Sleep(1500 * time.Millisecond)
	m.signal(syscall.SIGCONT)
	eventually(t, "everything is acknowledged", func() bool { return b.Stats().Pending == 0 })
	s := b.Stats()
	if s.Connects != 1 || s.Dropped == 0 {
		t.Errorf("%d connections, %d events dropped", s.Connects, s.Dropped)
	}
	if got := retainedNow(t, m.url())[tree.Topic("volume")]; got != "19999" {
		t.Errorf("volume is %q", got)
	}
}

func TestHungBrokerIsLeft(t *testing.T) {
	m := newMosquitto(t)
	b, lines, _ := startBridge(t, Config{URL: m.url(), AckTimeout: time.Second, ConnectTimeout: time.Second})
	m.signal(syscall.SIGSTOP)
	b.Publish(kept(tree.Topic("volume"), "1"))
	eventually(t, "the hang is noticed", func() bool { return !b.Connected() && len(lines.with("WARN", "does not answer in time")) > 0 })
	b.Publish(kept(tree.Topic("volume"), "2"))
	m.signal(syscall.SIGCONT)
	eventually(t, "the bridge is back", func() bool { return b.Connected() && b.Stats().Pending == 0 })
	if got := retainedNow(t, m.url())[tree.Topic("volume")]; got != "2" {
		t.Errorf("volume is %q", got)
	}
}

// TestIdleHungBrokerIsLeft relies on the keep-alive, as there is nothing to acknowledge.
func TestIdleHungBrokerIsLeft(t *testing.T) {
	m := newMosquitto(t)
	b, _, _ := startBridge(t, Config{URL: m.url(), KeepAlive: time.Second, AckTimeout: time.Second, ConnectTimeout: time.Second})
	eventually(t, "everything is sent", func() bool { return b.Stats().Pending == 0 })
	m.signal(syscall.SIGSTOP)
	eventually(t, "the hang is noticed", func() bool { return !b.Connected() })
	m.signal(syscall.SIGCONT)
	eventually(t, "the bridge is back", b.Connected)
}

func TestTakeover(t *testing.T) {
	eachBroker(t, func(t *testing.T, url string) {
		a, first, _ := startBridge(t, Config{URL: url})
		b, second, _ := startBridge(t, Config{URL: url})
		eventually(t, "the rivalry is noticed", func() bool { // by one of them, which leaves the other alone then
			return len(first.with("WARN", "same client id", "housephone-phone"))+len(second.with("WARN", "same client id", "housephone-phone")) > 0
		})
		time.Sleep(3 * time.Second)
		if n := a.Stats().Connects + b.Stats().Connects; n > 20 {
			t.Errorf("%d connections", n)
		}
	})
}
