package main

import (
	"errors"
	"testing"
	"time"

	"housephone/phone"
	"housephone/phone/ivr/alarm"
	"housephone/topics"
)

// An outcome waits for the broker, in order.
func TestOutcomeWaitsForTheBroker(t *testing.T) {
	n := newAnnouncer(nil)
	online := false
	var told []string
	n.online = func() bool { return online }
	n.publish = func(doc topics.AnnouncementEnded) { told = append(told, doc.ID) }
	for _, id := range []string{"a", "b"} {
		n.tell(topics.AnnouncementEnded{CallEnded: topics.CallEnded{ID: id}})
	}
	if len(told) > 0 || !n.waits() {
		t.Fatalf("told %v without a broker", told)
	}
	online = true
	n.tell(topics.AnnouncementEnded{CallEnded: topics.CallEnded{ID: "c"}})
	n.tick(time.Unix(0, 0))
	if len(told) != 3 || told[0] != "a" || told[2] != "c" || n.waits() {
		t.Errorf("told %v", told)
	}
}

func TestCommonCause(t *testing.T) {
	for want, tries := range map[string][]alarm.Try{
		"busy":      {{Cause: "busy"}, {Cause: "busy"}},
		"no_answer": {{Cause: "busy"}, {Cause: "declined"}},
		"failed":    {{Cause: "failed"}},
	} {
		if got := commonCause(tries); got != want {
			t.Errorf("%v: %s", tries, got)
		}
	}
	if got := commonCause([]alarm.Try{{Answered: true, Cause: alarm.NotAcknowledged}}); got != topics.CauseNoAnswer {
		t.Errorf("a machine answered: %s", got)
	}
	if got := commonCause(nil); got != topics.CauseNoAnswer {
		t.Errorf("nobody: %s", got)
	}
}

// The end of a call and the reason why it never rang come on two ways, in any order; the
// answer is the reason.
func TestEndBeforeTheReason(t *testing.T) {
	busy := &phone.Error{Kind: phone.Busy, Text: "bob is busy", Status: 486}
	end := phone.Ended{Call: phone.Call{Tag: "x"}, Cause: phone.CauseBusy}
	for name, both := range map[string]func(*announcer, *announcedCall){
		"end first":    func(n *announcer, c *announcedCall) { n.ended(end); n.placed(c, busy) },
		"reason first": func(n *announcer, c *announcedCall) { n.placed(c, busy); n.ended(end) },
	} {
		m, err := alarm.New(alarm.Config{To: []string{"bob"}})
		if err != nil {
			t.Fatal(err)
		}
		var answers []error
		var told []topics.AnnouncementEnded
		n := newAnnouncer(nil)
		n.publish = func(doc topics.AnnouncementEnded) { told = append(told, doc) }
		a := &announcement{machine: m, open: 1, end: func() {}, reply: func(err error) { answers = append(answers, err) }}
		c := &announcedCall{of: a, leg: 1, tag: "x"}
		n.running, n.legs["x"] = []*announcement{a}, c
		m.Start(time.Unix(0, 0))
		both(n, c)
		if len(answers) != 1 || !errors.Is(answers[0], busy) || len(told) != 1 || told[0].Cause != topics.CauseBusy || n.waits() {
			t.Errorf("%s: answers %v, told %+v", name, answers, told)
		}
	}
}
