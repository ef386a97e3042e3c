package bridge

import (
	"errors"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"housephone/topics"
)

// receive takes every message of the connection, in order, on a goroutine of the client library that must not be held
// up: all it calls returns at once.
func (s *session) receive(_ paho.Client, m paho.Message) {
	b := s.bridge
	if s.collect(m) {
		return
	}
	if m.Topic() == b.cfg.BirthTopic {
		if string(m.Payload()) == topics.Online && !m.Retained() {
			b.count(func(st *Stats) { st.Births++ })
			signal(s.birth)
		}
		return
	}
	if datapoint, ok := b.cfg.Tree.Datapoint(m.Topic()); ok {
		b.command(datapoint, m.Payload(), m.Retained(), m.Duplicate(), time.Now())
	}
}

// command decodes a message of a command topic and queues it, or answers why not.
func (b *Bridge) command(datapoint string, payload []byte, retained, redelivery bool, now time.Time) {
	cmd, err := topics.Decode(datapoint, payload)
	switch why := b.sieve(cmd, err, datapoint, payload, retained, redelivery, now); {
	case errors.Is(why, errSilent):
		b.log.Debug("command left out: it was seen before or is empty", "datapoint", cmd.Path())
	case why != nil:
		b.log.Debug("command answered without being carried out", "datapoint", cmd.Path(), "error", why)
		b.Result(cmd.Result(why))
	}
}

// errSilent is a command that gets no answer.
var errSilent = errors.New("no answer")

// sieve queues the command and returns nil, or returns what to answer.
func (b *Bridge) sieve(cmd topics.Command, bad error, datapoint string, payload []byte, retained, redelivery bool, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if retained && len(payload) == 0 {
		return errSilent
	}
	if retained {
		b.stats.Retained++
		return &topics.Error{Code: topics.Refused, Message: "a retained command is not carried out; send it without the retain flag and clear the topic"}
	}
	// MQTT 3.1.1 section 3.3.1.1: DUP may be set on a message that arrives for the first time.
	message := digestOf([]byte(datapoint), payload)
	if redelivery && b.messages.seen(message, now) {
		b.stats.Redelivered++
		return errSilent
	}
	b.messages.add(message, now)
	if bad != nil {
		b.stats.Invalid++
		return bad
	}
	id := digestOf(cmd.ID)
	if cmd.ID != nil && b.ids.seen(id, now) {
		b.stats.Redelivered++
		return errSilent
	}
	select {
	case b.commands <- cmd:
	default:
		b.stats.Busy++
		return &topics.Error{Code: topics.Busy, Message: "too many commands wait already; send it again later"}
	}
	b.stats.Commands++
	if cmd.ID != nil { // not before: who was told to try again may use the id again
		b.ids.add(id, now)
	}
	return nil
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
