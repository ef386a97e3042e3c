package topics

import (
	"strings"
	"testing"
)

// matches is the rule of MQTT 3.1.1 section 4.7 for filters without #.
func matches(filter, topic string) bool {
	f, t := strings.Split(filter, "/"), strings.Split(topic, "/")
	if len(f) != len(t) {
		return false
	}
	for i := range f {
		if f[i] != "+" && f[i] != t[i] {
			return false
		}
	}
	return true
}

func addressed(row Datapoint) []string {
	name := row.Name
	if row.hasArg() {
		name = row.Key() + "/de"
	}
	if row.PerCall {
		return []string{name, "calls/2/" + name}
	}
	return []string{name}
}

func TestTreeNames(t *testing.T) {
	for _, tree := range []Tree{{}, {Prefix: "house/telephone", ID: "front"}} {
		if got := tree.Topic("call/info"); got != tree.Base()+"/call/info" {
			t.Errorf("Topic = %q", got)
		}
		for _, row := range Table() {
			for _, name := range addressed(row) {
				set := tree.SetTopic(name)
				if got, ok := tree.Datapoint(set); !ok || got != name {
					t.Errorf("Datapoint(%q) = %q, %v", set, got, ok)
				}
				if n := count(tree.SetFilters(), set); n != 1 {
					t.Errorf("%d filters match %q, want 1", n, set)
				}
				if n := count(tree.SetFilters(), tree.Topic(name)); n != 0 {
					t.Errorf("%d filters match the published topic of %q", n, name)
				}
			}
		}
	}
	if got := (Tree{}).Base(); got != "housephone/phone" {
		t.Errorf("default base = %q", got)
	}
}

func count(filters []string, topic string) int {
	n := 0
	for _, f := range filters {
		if matches(f, topic) {
			n++
		}
	}
	return n
}

func TestTreeDatapointOfOtherTopics(t *testing.T) {
	tree := Tree{Prefix: "housephone", ID: "phone"}
	for _, topic := range []string{"", "housephone/phone", "housephone/phone/set", "housephone/phone/call", "housephone/other/call/set",
		"housephone/phonex/call/set", "homeassistant/status", "housephone/phone//set"} {
		if got, ok := tree.Datapoint(topic); ok {
			t.Errorf("Datapoint(%q) = %q, want none", topic, got)
		}
	}
}

func TestTreeMessage(t *testing.T) {
	tree := Tree{Prefix: "p", ID: "i"}
	tests := []struct {
		datapoint, value, payload string
		retain                    bool
	}{
		{"status", "ring", "ring", true},
		{"call", "", "", true},
		{"dtmf", "5", "5", false},
		{"calls/2/status", "dial", "dial", true},
		{"calls/2/dtmf", "5", "5", false},
		{"doorbell/front", "ring", "ring", false},
		{"display", "a\x00b\xffc\nd", "ab\uFFFDc\nd", true},
		{"nothing", "x", "x", false},
	}
	for _, tt := range tests {
		m := tree.Message(tt.datapoint, tt.value)
		if m.Topic != "p/i/"+tt.datapoint || string(m.Payload) != tt.payload || m.Retain != tt.retain {
			t.Errorf("Message(%q, %q) = %q %q %v", tt.datapoint, tt.value, m.Topic, m.Payload, m.Retain)
		}
	}
	for datapoint, want := range map[string]bool{"call/ended": true, "message/voice": true, "doorbell": false, "door/event": false, "status": false, "nothing": false} {
		m, err := tree.JSON(datapoint, CallEnded{})
		if err != nil || m.Record != want || tree.Message(datapoint, "x").Record != want {
			t.Errorf("%s: record %v, want %v (%v)", datapoint, m.Record, want, err)
		}
	}
	m, err := tree.JSON("call/info", CallInfo{})
	if err != nil || string(m.Payload) != "{}" || !m.Retain {
		t.Errorf("JSON = %q %v %v", m.Payload, m.Retain, err)
	}
	if _, err := tree.JSON("call/info", func() {}); err == nil {
		t.Error("a function was encoded")
	}
}

func TestTreeValidate(t *testing.T) {
	for _, ok := range []Tree{{}, {"a", "b"}, {"a/b/c", "front-door_1"}, {"Haus", "Tür"}} {
		if err := ok.Validate(); err != nil {
			t.Errorf("%+v: %v", ok, err)
		}
	}
	for _, bad := range []Tree{{"a+", "b"}, {"a", "#"}, {"a/", "b"}, {"/a", "b"}, {"a//b", "c"}, {"a", "b/c"}, {"a\n", "b"}, {"a", "\xff"},
		{"$SYS", "b"}, {strings.Repeat("a", 300), "b"}} {
		if bad.Validate() == nil {
			t.Errorf("%+q was accepted", bad)
		}
	}
}

func TestCallPath(t *testing.T) {
	for call, want := range map[int]string{0: "dtmf", 1: "calls/1/dtmf", 12: "calls/12/dtmf"} {
		if got := CallPath(call, "dtmf"); got != want {
			t.Errorf("CallPath(%d) = %q", call, got)
		}
	}
	if got := CallPath(2, ""); got != "calls/2/" {
		t.Errorf("prefix %q", got)
	}
}
