package main

import (
	"testing"
	"time"

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
