package bridge

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"housephone/topics"
)

func TestCommandsArriveInOrder(t *testing.T) {
	eachBroker(t, func(t *testing.T, url string) {
		b, _, _ := startBridge(t, Config{URL: url, CommandQueue: 1000})
		o := watch(t, url)
		var want []string
		for i := range 200 {
			o.client.Publish(tree.SetTopic("display"), 1, false, fmt.Sprint(i))
			want = append(want, fmt.Sprint(i))
		}
		o.set("calls/2/play/voice/de", "hello")
		want = append(want, "hello")
		var got []string
		for range want {
			got = append(got, receiveCommand(t, b).Value)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("commands (-want +got):\n%s", diff)
		}
	})
}

func receiveCommand(t *testing.T, b *Bridge) topics.Command {
	t.Helper()
	select {
	case c := <-b.Commands():
		return c
	case <-time.After(patience):
		t.Fatal("no command arrives")
	}
	return topics.Command{}
}

func TestResult(t *testing.T) {
	eachBroker(t, func(t *testing.T, url string) {
		b, _, _ := startBridge(t, Config{URL: url})
		o := watch(t, url)
		o.set("hold", `{"value":true,"id":"x1"}`)
		c := receiveCommand(t, b)
		b.Result(c.Result(nil))
		o.await(tree.Topic("result"), `{"id":"x1","datapoint":"hold","value":"1","ok":true}`)
		if held := retainedNow(t, url); held[tree.Topic("result")] != "" {
			t.Errorf("the result is retained: %v", held)
		}
	})
}

func TestBadCommandsAreAnswered(t *testing.T) {
	eachBroker(t, func(t *testing.T, url string) {
		b, _, _ := startBridge(t, Config{URL: url})
		o := watch(t, url)
		for _, tt := range []struct{ datapoint, payload, id string }{
			{"volume", "loud", ""},
			{"volume", `{"value":99,"id":5}`, "5"},
			{"status", "ring", ""},
			{"nosuch", `{"value":1,"id":"n"}`, `"n"`},
			{"a/b/c/d", "1", ""},
			{"display", `{"value":`, ""},
			{"call", "601\r\nX: y", ""},
			{"display", strings.Repeat("x", topics.MaxPayload+1), ""},
			{"display", "\xff", ""},
		} {
			n := len(o.results())
			o.set(tt.datapoint, tt.payload)
			eventually(t, "there is an answer", func() bool { return len(o.results()) > n })
			var r topics.Result
			if err := json.Unmarshal([]byte(o.results()[n]), &r); err != nil {
				t.Fatal(err)
			}
			if r.OK || r.Code != topics.Invalid || r.Error == "" || string(r.ID) != tt.id || r.Datapoint != tt.datapoint {
				t.Errorf("%s %.30s: %s", tt.datapoint, tt.payload, o.results()[n])
			}
		}
		if len(b.Commands()) > 0 || b.Stats().Invalid != 9 {
			t.Errorf("%d commands came through; %+v", len(b.Commands()), b.Stats())
		}
	})
}

// TestHugePayload: the embedded broker refuses to carry it, others do.
func TestHugePayload(t *testing.T) {
	m := newMosquitto(t)
	b, _, _ := startBridge(t, Config{URL: m.url()})
	o := watch(t, m.url())
	for range 3 {
		o.set("display", strings.Repeat("x", 1<<20))
	}
	o.set("display", "short")
	if c := receiveCommand(t, b); c.Value != "short" {
		t.Errorf("got %.20q", c.Value)
	}
	eventually(t, "each is answered", func() bool { return len(o.results()) >= 3 })
	if r := o.results(); len(r) != 3 || !strings.Contains(r[0], `"code":"invalid"`) {
		t.Errorf("answers: %v", r)
	}
	if n := b.Stats().Connects; n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestRetainedCommandIsRefused(t *testing.T) {
	eachBroker(t, func(t *testing.T, url string) {
		o := watch(t, url)
		o.publish(tree.SetTopic("call"), `{"value":"601","id":7}`, true)
		b, _, _ := startBridge(t, Config{URL: url})
		eventually(t, "it is answered", func() bool { return len(o.results()) > 0 })
		var r topics.Result
		if err := json.Unmarshal([]byte(o.results()[0]), &r); err != nil {
			t.Fatal(err)
		}
		if r.OK || r.Code != topics.Refused || string(r.ID) != "7" || !strings.Contains(r.Error, "retain") {
			t.Errorf("answer %+v", r)
		}
		o.publish(tree.SetTopic("call"), "", true) // clears the topic
		o.set("hold", "1")
		if c := receiveCommand(t, b); c.Datapoint != "hold" {
			t.Errorf("carried out: %+v", c)
		}
		if s := b.Stats(); s.Retained != 1 {
			t.Errorf("%d retained commands", s.Retained)
		}
	})
}

func TestCommandsSentWhileAway(t *testing.T) {
	eachBroker(t, func(t *testing.T, url string) {
		b, _, stop := startBridge(t, Config{URL: url})
		o := watch(t, url)
		stop()
		o.set("call", "601")
		time.Sleep(500 * time.Millisecond) // the embedded broker forgets an old session some time after its end
		background(t, b.Run)
		eventually(t, "the bridge is connected", b.Connected)
		o.set("hold", "1")
		if c := receiveCommand(t, b); c.Datapoint != "hold" {
			t.Errorf("carried out: %+v", c)
		}
	})
}

func TestSameIDTwice(t *testing.T) {
	eachBroker(t, func(t *testing.T, url string) {
		b, _, _ := startBridge(t, Config{URL: url})
		o := watch(t, url)
		o.set("call", `{"value":"601","id":"a"}`)
		o.set("call", `{"id":"a","value":"601"}`)
		o.set("hold", `{"value":1,"id":"a"}`)
		o.set("call", `{"value":"602","id":"b"}`)
		o.set("call", "601")
		o.set("call", "601") // no id: twice is meant
		var got []string
		for range 4 {
			got = append(got, receiveCommand(t, b).Value)
		}
		if diff := cmp.Diff([]string{"601", "602", "601", "601"}, got); diff != "" {
			t.Errorf("carried out (-want +got):\n%s", diff)
		}
		if s := b.Stats(); s.Redelivered != 2 || len(o.results()) != 0 {
			t.Errorf("%d left out, results %v", s.Redelivered, o.results())
		}
	})
}

func TestFullQueue(t *testing.T) {
	eachBroker(t, func(t *testing.T, url string) {
		b, _, _ := startBridge(t, Config{URL: url, CommandQueue: 2})
		o := watch(t, url)
		for i := range 4 {
			o.set("display", fmt.Sprintf(`{"value":"v%d","id":%d}`, i, i))
		}
		eventually(t, "two are answered", func() bool { return len(o.results()) == 2 })
		for i, r := range o.results() {
			if !strings.Contains(r, `"code":"busy"`) || !strings.Contains(r, fmt.Sprintf(`"id":%d`, i+2)) {
				t.Errorf("answer %s", r)
			}
		}
		receiveCommand(t, b)
		o.set("display", `{"value":"again","id":2}`) // the id was not used up
		receiveCommand(t, b)
		if c := receiveCommand(t, b); c.Value != "again" {
			t.Errorf("got %+v", c)
		}
	})
}

func TestSieve(t *testing.T) {
	start := time.Unix(1000, 0)
	type message struct {
		payload    string
		retained   bool
		redelivery bool
		at         int // seconds
	}
	for _, tt := range []struct {
		name string
		in   []message
		want []string // values carried out
		said int      // results
	}{
		{"first delivery may carry DUP", []message{{"601", false, true, 0}}, []string{"601"}, 0},
		{"redelivery", []message{{"601", false, false, 0}, {"601", false, true, 9}}, []string{"601"}, 0},
		{"late redelivery", []message{{"601", false, false, 0}, {"601", false, true, 10}}, []string{"601", "601"}, 0},
		{"repeated on purpose", []message{{"601", false, false, 0}, {"601", false, false, 1}}, []string{"601", "601"}, 0},
		{"redelivered error is said once", []message{{"", false, false, 0}, {"", false, true, 1}}, nil, 1},
		{"retained", []message{{"601", true, false, 0}}, nil, 1},
		{"retained and empty", []message{{"", true, false, 0}}, nil, 0},
		{"retained does not count as seen", []message{{"601", true, false, 0}, {"601", false, true, 1}}, []string{"601"}, 1},
		{"id twice", []message{{`{"value":"601","id":1}`, false, false, 0}, {`{"value":"602", "id": 1}`, false, false, 9}}, []string{"601"}, 0},
		{"id again later", []message{{`{"value":"601","id":1}`, false, false, 0}, {`{"value":"602","id":1}`, false, false, 10}}, []string{"601", "602"}, 0},
		{"ids of another type", []message{{`{"value":"601","id":1}`, false, false, 0}, {`{"value":"602","id":"1"}`, false, false, 0}}, []string{"601", "602"}, 0},
		{"null is no id", []message{{`{"value":"601","id":null}`, false, false, 0}, {`{"value":"602","id":null}`, false, false, 0}}, []string{"601", "602"}, 0},
		{"an error does not use the id up", []message{{`{"value":"","id":1}`, false, false, 0}, {`{"value":"602","id":1}`, false, false, 0}}, []string{"602"}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, lines := newBridge(t, Config{URL: "mqtt://127.0.0.1"})
			for _, m := range tt.in {
				b.command("call", []byte(m.payload), m.retained, m.redelivery, start.Add(time.Duration(m.at)*time.Second))
			}
			var got []string
			for len(b.Commands()) > 0 {
				got = append(got, (<-b.Commands()).Value)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("carried out (-want +got):\n%s", diff)
			}
			if n := b.Stats().Pending; n != tt.said {
				t.Errorf("%d results, want %d", n, tt.said)
			}
			if len(lines.with("601")) > 0 {
				t.Errorf("a payload is in the log: %v", lines.with("601"))
			}
		})
	}
}

func TestBirth(t *testing.T) {
	eachBroker(t, func(t *testing.T, url string) {
		const birth = "homeassistant/status"
		o := watch(t, url)
		o.publish(birth, "online", true) // of an earlier start: says nothing new
		b, _ := newBridge(t, Config{URL: url, BirthTopic: birth})
		b.Announce(func([]byte) []topics.Message { return []topics.Message{kept("discovery", "{}")} })
		b.Publish(kept(tree.Topic("volume"), "7"))
		background(t, b.Run)
		o.await(tree.Topic("volume"), "7")
		if n := len(o.on("discovery")); n != 1 {
			t.Fatalf("announced %d times on connect", n)
		}
		o.publish(birth, "offline", false)
		o.publish(birth, "online", false)
		eventually(t, "states come again", func() bool { return len(o.on(tree.Topic("volume"))) == 2 })
		got := texts(slices.DeleteFunc(o.all(), func(s seen) bool { return s.topic == birth }))
		want := []string{"discovery={}", "housephone/phone/connection=online", "housephone/phone/volume=7"}
		if len(got) < 3 || !slices.Equal(got[len(got)-3:], want) {
			t.Errorf("after the birth: %v", got)
		}
		if b.Stats().Births != 1 || b.Stats().Connects != 1 {
			t.Errorf("%+v", b.Stats())
		}
	})
}

func TestBirthsAreGathered(t *testing.T) {
	_, url := startEmbedded(t)
	o := watch(t, url)
	b, _, _ := startBridge(t, Config{URL: url, BirthTopic: "birth", BirthDelay: 500 * time.Millisecond})
	o.await(tree.Topic("connection"), "online")
	before := len(o.on(tree.Topic("connection")))
	for range 20 {
		o.publish("birth", "online", false)
	}
	eventually(t, "the births arrived", func() bool { return b.Stats().Births == 20 })
	time.Sleep(700 * time.Millisecond)
	if n := len(o.on(tree.Topic("connection"))) - before; n < 1 || n > 4 {
		t.Errorf("20 births were answered %d times", n)
	}
}

func TestWhatAnEarlierRunLeft(t *testing.T) {
	eachBroker(t, func(t *testing.T, url string) {
		const config = "homeassistant/device/housephone_phone/config"
		o := watch(t, url)
		left := map[string]string{
			config:                       `{"cmps":{"old":{"p":"button"}}}`,
			tree.Topic("calls/2/status"): "active", tree.Topic("door"): "locked", tree.Topic("dtmf"): "5",
			tree.Topic("volume"): "3", tree.Topic("call"): "601", tree.Topic("connection"): "offline",
			tree.Topic("mine/note"): "keep", "housephone/kitchen/door": "locked",
		}
		for topic, payload := range left {
			o.publish(topic, payload, true)
		}
		b, _ := newBridge(t, Config{URL: url, DiscoveryTopic: config})
		previous := make(chan string, 10)
		b.Announce(func(p []byte) []topics.Message {
			previous <- string(p)
			return []topics.Message{kept(config, "new")}
		})
		b.Publish(kept(tree.Topic("volume"), "7"))
		b.Publish(kept(tree.Topic("call"), ""))
		background(t, b.Run)
		eventually(t, "everything is sent", func() bool { return b.Connected() && b.Stats().Pending == 0 })
		want := map[string]string{
			config: "new", tree.Topic("volume"): "7", tree.Topic("connection"): "online",
			tree.Topic("mine/note"): "keep", "housephone/kitchen/door": "locked",
		}
		if diff := cmp.Diff(want, retainedNow(t, url)); diff != "" {
			t.Errorf("retained (-want +got):\n%s", diff)
		}
		if got := <-previous; got != left[config] {
			t.Errorf("previous document %q", got)
		}
	})
}
