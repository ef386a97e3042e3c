package bridge

import (
	"bytes"
	"math"
	"slices"
	"time"

	"housephone/topics"
)

// outbox holds what has to reach the broker: for each retained topic its latest value, and events and records in order.
// It is pure: the caller passes the time and guards it.
//
// A message is queued (put), handed out (next), and either acknowledged (acked, in the order of next) or not (lost).
// After a connection, and whenever Home Assistant starts, everything retained is queued again (sync).
//
// On one topic nothing overtakes anything. Between topics a state may come earlier than its turn, because a value that
// still waits is replaced where it stands; it never comes later.
type outbox struct {
	states map[string]*state // every retained topic ever put
	order  []*state          // the same, in the order of their first value

	turn     uint64   // of the next entry
	head     []*entry // of sync: before anything else
	retained []*entry // by turn
	events   backlog
	records  backlog
	held     uint64   // records up to this turn wait for release
	flight   []*entry // handed out, not acknowledged

	counts outboxCounts
}

// outboxCounts are totals since the start.
type outboxCounts struct {
	sent       uint64 // acknowledged by the broker
	suppressed uint64 // retained values that were equal to the one before
	replaced   uint64 // retained values that were overtaken by the next before they were sent
	dropped    uint64 // events and records beyond the limits
	expired    uint64 // events and records older than their age limit
}

type state struct {
	topic   string
	payload []byte
	queued  bool
}

// entry is one message that waits. That of a state takes its payload when it is handed out.
type entry struct {
	turn  uint64 // the lowest of retained, events and records goes first
	msg   topics.Message
	state *state    // nil for events and for what sync puts first
	at    time.Time // of put, for events
}

func (e *entry) size() int { return len(e.msg.Topic) + len(e.msg.Payload) }

func newOutbox(events, records limits) *outbox {
	return &outbox{states: map[string]*state{}, events: backlog{limits: events}, records: backlog{limits: records}}
}

// put queues m. A retained message with the value that its topic has already is left out.
func (o *outbox) put(m topics.Message, now time.Time) {
	m.Payload = bytes.Clone(m.Payload)
	o.turn++
	if !m.Retain {
		b := o.backlog(m)
		b.push(&entry{turn: o.turn, msg: m, at: now})
		o.counts.dropped += b.trim()
		return
	}
	s, known := o.states[m.Topic]
	switch {
	case !known:
		s = &state{topic: m.Topic}
		o.states[m.Topic] = s
		o.order = append(o.order, s)
	case bytes.Equal(s.payload, m.Payload):
		o.counts.suppressed++
		return
	case s.queued:
		o.counts.replaced++
	}
	s.payload = m.Payload
	if !s.queued {
		o.pushState(s, o.turn)
	}
}

// clear queues an empty retained message for a topic that is not one of the states.
func (o *outbox) clear(topic string) {
	if _, known := o.states[topic]; !known {
		o.turn++
		o.retained = append(o.retained, &entry{turn: o.turn, msg: topics.Message{Topic: topic, Retain: true}})
	}
}

// sync queues head, then all states; the events that wait already come after them.
func (o *outbox) sync(head []topics.Message) {
	o.head = nil
	for _, m := range head {
		o.head = append(o.head, &entry{msg: m})
	}
	waiting := o.retained
	o.retained = make([]*entry, 0, len(o.order))
	for _, s := range o.order {
		o.pushState(s, 0)
	}
	for _, e := range waiting {
		if e.state == nil {
			o.retained = append(o.retained, e)
		}
	}
}

// next hands out the message whose turn it is. ok is false when nothing waits.
func (o *outbox) next(now time.Time) (m topics.Message, ok bool) {
	e := o.pop(now)
	if e == nil {
		return topics.Message{}, false
	}
	if e.state != nil {
		e.state.queued = false
		e.msg.Payload = e.state.payload
	}
	o.flight = append(o.flight, e)
	return e.msg, true
}

// acked takes note that the broker has the oldest message that was handed out.
func (o *outbox) acked() {
	if len(o.flight) > 0 {
		shift(&o.flight)
		o.counts.sent++
	}
}

// lost takes note that the connection has gone: events that were handed out wait again, before the others. The states
// come back by sync.
func (o *outbox) lost() {
	events, records := o.events.take(), o.records.take()
	for _, e := range slices.Concat(o.flight, events, records) {
		if !e.msg.Retain {
			o.backlog(e.msg).push(e)
		}
	}
	o.flight, o.head = nil, nil
	o.counts.dropped += o.events.trim() + o.records.trim()
}

// backlog is where an event waits.
func (o *outbox) backlog(m topics.Message) *backlog {
	if m.Record {
		return &o.records
	}
	return &o.events
}

// pending is how many messages wait or are not acknowledged.
func (o *outbox) pending() int {
	return len(o.head) + len(o.retained) + len(o.events.entries) + len(o.records.entries) + len(o.flight)
}

func (o *outbox) pop(now time.Time) *entry {
	if len(o.head) > 0 {
		return shift(&o.head)
	}
	o.counts.expired += o.events.expire(now) + o.records.expire(now)
	state, event, record := turnOf(o.retained), turnOf(o.events.entries), turnOf(o.records.entries)
	if record <= o.held {
		record = never
	}
	switch min(state, event, record) {
	case never:
		return nil
	case state:
		return shift(&o.retained)
	case event:
		return o.events.shift()
	}
	return o.records.shift()
}

// hold keeps the records that wait, and those put behind them, until release; it tells the age of the oldest one.
func (o *outbox) hold(now time.Time) (oldest time.Duration) {
	if len(o.records.entries) == 0 {
		return 0
	}
	o.held = o.turn
	return now.Sub(o.records.entries[0].at)
}

// release lets the records go.
func (o *outbox) release() { o.held = 0 }

// never is the turn of an empty queue.
const never = math.MaxUint64

func turnOf(queue []*entry) uint64 {
	if len(queue) == 0 {
		return never
	}
	return queue[0].turn
}

func (o *outbox) pushState(s *state, turn uint64) {
	s.queued = true
	o.retained = append(o.retained, &entry{turn: turn, msg: topics.Message{Topic: s.topic, Retain: true}, state: s})
}

// shift takes the first entry off a queue that is not empty.
func shift(queue *[]*entry) *entry {
	q := *queue
	e := q[0]
	q[0] = nil // the array outlives the entry
	*queue = q[1:]
	return e
}
