package bridge

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"housephone/topics"
)

func testOutbox() *outbox {
	return newOutbox(limits{number: 3, bytes: 100, age: time.Minute}, limits{number: 2, bytes: 80, age: time.Hour})
}

func kept(topic, payload string) topics.Message {
	return topics.Message{Topic: topic, Payload: []byte(payload), Retain: true}
}

func event(topic, payload string) topics.Message {
	return topics.Message{Topic: topic, Payload: []byte(payload)}
}

func record(topic, payload string) topics.Message {
	return topics.Message{Topic: topic, Payload: []byte(payload), Record: true}
}

// take hands out n messages (all when n is negative) as "topic=payload", events with "!" before them.
func take(o *outbox, n int, now time.Time) []string {
	got := []string{}
	for ; n != 0; n-- {
		m, ok := o.next(now)
		if !ok {
			break
		}
		mark := ""
		if !m.Retain {
			mark = "!"
		}
		got = append(got, fmt.Sprintf("%s%s=%s", mark, m.Topic, m.Payload))
	}
	return got
}

func TestOutboxOrder(t *testing.T) {
	start := time.Unix(1000, 0)
	later := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	tests := []struct {
		name string
		do   func(o *outbox) []string // messages taken on the way, if they matter
		want []string
	}{
		{"in order", func(o *outbox) []string {
			o.put(kept("a", "1"), start)
			o.put(event("e", "1"), start)
			o.put(kept("b", "1"), start)
			return nil
		}, []string{"a=1", "!e=1", "b=1"}},
		{"latest value wins where it stands", func(o *outbox) []string {
			o.put(kept("a", "1"), start)
			o.put(kept("b", "1"), start)
			o.put(kept("a", "2"), start)
			return nil
		}, []string{"a=2", "b=1"}},
		{"a value in flight is not replaced", func(o *outbox) []string {
			o.put(kept("a", "1"), start)
			got := take(o, 1, start)
			o.put(kept("a", "2"), start)
			return got
		}, []string{"a=1", "a=2"}},
		{"unchanged is left out", func(o *outbox) []string {
			o.put(kept("a", "1"), start)
			got := take(o, 1, start)
			o.acked()
			o.put(kept("a", "1"), start)
			return got
		}, []string{"a=1"}},
		{"back to the value that was sent", func(o *outbox) []string {
			o.put(kept("a", "1"), start)
			got := take(o, 1, start)
			o.put(kept("a", "2"), start)
			o.put(kept("a", "1"), start)
			return got
		}, []string{"a=1", "a=1"}},
		{"equal events are all sent", func(o *outbox) []string {
			o.put(event("e", "5"), start)
			o.put(event("e", "5"), start)
			return nil
		}, []string{"!e=5", "!e=5"}},
		{"an empty value is a value", func(o *outbox) []string {
			o.put(kept("a", ""), start)
			got := take(o, 1, start)
			o.acked()
			o.put(kept("a", ""), start)
			return got
		}, []string{"a="}},
		{"oldest event goes first", func(o *outbox) []string {
			o.put(kept("a", "1"), start)
			for i := range 5 {
				o.put(event("e", fmt.Sprint(i)), start)
			}
			return nil
		}, []string{"a=1", "!e=2", "!e=3", "!e=4"}},
		{"events are bounded in bytes", func(o *outbox) []string {
			o.put(event("e", "1"), start)
			o.put(event("e", strings.Repeat("x", 99)), start)
			o.put(event("e", "3"), start)
			return nil
		}, []string{"!e=3"}},
		{"old events are dropped", func(o *outbox) []string {
			o.put(event("e", "old"), later(-61))
			o.put(event("e", "new"), later(-60))
			return nil
		}, []string{"!e=new"}},
		{"records are told late, at their turn", func(o *outbox) []string {
			o.put(event("e", "old"), later(-3599))
			o.put(record("r", "1"), later(-3599))
			o.put(kept("a", "1"), later(-3599))
			o.put(event("e", "new"), start)
			o.put(record("r", "2"), start)
			return nil
		}, []string{"!r=1", "a=1", "!e=new", "!r=2"}},
		{"old records are dropped", func(o *outbox) []string {
			o.put(record("r", "old"), later(-3601))
			o.put(record("r", "new"), later(-3600))
			return nil
		}, []string{"!r=new"}},
		{"events do not drive records out", func(o *outbox) []string {
			o.put(record("r", "1"), start)
			for i := range 5 {
				o.put(event("e", fmt.Sprint(i)), start)
			}
			return nil
		}, []string{"!r=1", "!e=2", "!e=3", "!e=4"}},
		{"records are bounded in number and bytes", func(o *outbox) []string {
			for i := range 4 {
				o.put(record("r", fmt.Sprint(i)), start)
			}
			got := take(o, -1, start)
			o.put(record("r", strings.Repeat("x", 60)), start)
			o.put(record("r", strings.Repeat("y", 60)), start)
			return got
		}, []string{"!r=2", "!r=3", "!r=" + strings.Repeat("y", 60)}},
		{"connection lost: records again, in order with events", func(o *outbox) []string {
			o.put(record("r", "1"), start)
			o.put(event("e", "1"), start)
			o.put(record("r", "2"), start)
			got := take(o, 2, start)
			o.lost()
			o.put(event("e", "2"), start)
			o.sync(nil)
			return got
		}, []string{"!r=1", "!e=1", "!r=1", "!e=1", "!r=2", "!e=2"}},
		{"records from before a connection wait, and those behind them", func(o *outbox) []string {
			o.put(record("r", "1"), later(-50))
			o.put(event("e", "1"), start)
			if oldest := o.hold(start); oldest != 50*time.Second {
				panic(oldest)
			}
			o.put(record("r", "2"), start)
			o.put(kept("a", "1"), start)
			got := take(o, -1, start)
			o.release()
			return got
		}, []string{"!e=1", "a=1", "!r=1", "!r=2"}},
		{"a record on its own does not wait", func(o *outbox) []string {
			o.put(event("e", "1"), start)
			o.hold(start)
			o.put(record("r", "1"), start)
			return nil
		}, []string{"!e=1", "!r=1"}},
		{"connection lost: events again, states by sync", func(o *outbox) []string {
			o.put(kept("a", "1"), start)
			o.put(event("e", "1"), start)
			o.put(kept("b", "1"), start)
			o.put(event("e", "2"), start)
			got := take(o, 3, start)
			o.lost()
			o.put(event("e", "3"), start)
			o.put(kept("b", "2"), start)
			o.sync([]topics.Message{kept("discovery", "{}"), kept("connection", "online")})
			return got
		}, []string{"a=1", "!e=1", "b=1", "discovery={}", "connection=online", "a=1", "b=2", "!e=1", "!e=2", "!e=3"}},
		{"lost events count against the bound", func(o *outbox) []string {
			o.put(event("e", "1"), start)
			o.put(event("e", "2"), start)
			got := take(o, -1, start)
			o.put(event("e", "3"), start)
			o.put(event("e", "4"), start)
			o.lost()
			return got
		}, []string{"!e=1", "!e=2", "!e=2", "!e=3", "!e=4"}},
		{"sync while messages are in flight", func(o *outbox) []string {
			o.put(kept("a", "1"), start)
			got := take(o, 1, start)
			o.put(kept("a", "2"), start)
			o.sync([]topics.Message{kept("d", "")})
			return got
		}, []string{"a=1", "d=", "a=2"}},
		{"a second sync replaces the first", func(o *outbox) []string {
			o.put(kept("a", "1"), start)
			o.sync([]topics.Message{kept("d", "1")})
			o.sync([]topics.Message{kept("d", "2")})
			return nil
		}, []string{"d=2", "a=1"}},
		{"leftovers are cleared after the states", func(o *outbox) []string {
			o.put(kept("a", "1"), start)
			o.sync(nil)
			o.clear("a")
			o.clear("calls/2/status")
			return nil
		}, []string{"a=1", "calls/2/status="}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := testOutbox()
			got := append(tt.do(o), take(o, -1, start)...)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
			for len(o.flight) > 0 {
				o.acked()
			}
			if o.pending() != 0 || o.events.bytes != 0 || o.records.bytes != 0 {
				t.Errorf("left over: %d pending, %d bytes of events, %d of records", o.pending(), o.events.bytes, o.records.bytes)
			}
		})
	}
}

func TestOutboxCounts(t *testing.T) {
	now := time.Unix(1000, 0)
	o := testOutbox()
	o.put(kept("a", "1"), now)
	o.put(kept("a", "1"), now) // suppressed
	o.put(kept("a", "2"), now) // replaced
	o.put(event("e", "1"), now.Add(-time.Hour))
	for range 3 {
		o.put(event("e", "2"), now) // the third drops the first
	}
	o.put(event("f", "1"), now.Add(-time.Hour)) // drops one more, and expires
	take(o, -1, now)
	for range 10 {
		o.acked()
	}
	want := outboxCounts{sent: 3, suppressed: 1, replaced: 1, dropped: 2, expired: 1}
	if o.counts != want {
		t.Errorf("counts %+v, want %+v", o.counts, want)
	}
}

func TestOutboxCopiesPayload(t *testing.T) {
	o := testOutbox()
	m := kept("a", "1")
	o.put(m, time.Unix(1, 0))
	m.Payload[0] = 'X'
	if got, _ := o.next(time.Unix(1, 0)); string(got.Payload) != "1" {
		t.Errorf("payload %q follows the caller's buffer", got.Payload)
	}
}
