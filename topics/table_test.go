package topics

import (
	"slices"
	"strings"
	"testing"
)

// The letter of the contract: name, kind, settable.
func TestTableIsComplete(t *testing.T) {
	want := map[string]string{
		"connection": "state", "registration": "state set", "registration/info": "state", "mode": "state", "active": "state set",
		"call": "state set", "call/info": "state", "call/refused": "event", "call/quality": "state", "call/ended": "event",
		"status": "state", "transfer": "event set", "hold": "state set", "mute": "state set", "autoanswer": "state set",
		"dnd": "state set", "volume": "state set", "dtmf": "event set", "dtmf/collect": "command set", "dtmf/collected": "event",
		"generic": "event set", "message": "event set", "play": "state set", "play/file": "command set",
		"play/voice/<voice>": "command set", "record": "state set", "message/voice": "event set", "message/waiting": "state",
		"message/list": "state", "menu": "event",
		"backlit": "state set", "exec": "event set", "pbx": "event", "pbx/status": "state", "pbx/event": "event",
		"doorbell": "event set", "doorbell/<button>": "event set", "door": "state set", "door/event": "event",
		"display": "state set", "display/brightness": "state set", "bridge/info": "state", "bridge/log": "event", "result": "event",
	}
	for _, row := range Table() {
		got := row.Kind.String()
		if row.Settable {
			got += " set"
		}
		if want[row.Name] != got {
			t.Errorf("%s is %q, want %q", row.Name, got, want[row.Name])
		}
		delete(want, row.Name)
	}
	for name := range want {
		t.Errorf("%s is missing", name)
	}
}

func TestTableRowsAgreeWithThemselves(t *testing.T) {
	for _, row := range Table() {
		if row.Settable != (row.Type != NoType) || row.Settable != (row.Accepted != "") {
			t.Errorf("%s: settable %v, type %q, accepted %q", row.Name, row.Settable, row.Type, row.Accepted)
		}
		if (row.Kind == CommandKind) != (row.Published == "") {
			t.Errorf("%s: kind %s, published %q", row.Name, row.Kind, row.Published)
		}
		if (row.Type == WordType) != (row.Words != nil) {
			t.Errorf("%s: type %q with words %q", row.Name, row.Type, row.Words)
		}
		if row.Kind != StateKind && row.Initial != "" {
			t.Errorf("%s has an initial value but no state", row.Name)
		}
		if row.Kind == StateKind && row.Values != nil && !slices.Contains(row.Values, row.Initial) {
			t.Errorf("%s begins as %q, which is not one of %q", row.Name, row.Initial, row.Values)
		}
		if slices.Contains(strings.Split(row.Name, "/"), "set") {
			t.Errorf("%s looks like a command topic", row.Name)
		}
	}
}

func TestLookup(t *testing.T) {
	tests := map[string]string{
		"call": "call", "call/info": "call/info", "calls/2/dtmf": "dtmf", "calls/1/play/voice/de": "play/voice/<voice>",
		"play/voice/en_US-lessac-medium": "play/voice/<voice>", "play/voice/<voice>": "play/voice/<voice>",
		"doorbell/front": "doorbell/<button>", "doorbell": "doorbell", "calls/999/call": "call",
		"": "", "nothing": "", "Call": "", "call/": "", "/call": "", "play/voice": "", "play/voice/": "", "play/voice/a/b": "",
		"play/voice/-o": "", "play/voice/set": "", "play/voice/a\nb": "", "doorbell/set": "", "calls": "", "calls/": "", "calls/2": "",
		"calls/2/": "", "calls/0/call": "", "calls/02/call": "", "calls/1000/call": "", "calls/-1/call": "", "calls/x/call": "",
		"calls/2/volume": "", "calls/2/calls/2/call": "", "calls/2/doorbell/front": "",
	}
	for name, want := range tests {
		row, ok := Lookup(name)
		if row.Name != want || ok != (want != "") {
			t.Errorf("Lookup(%q) = %q, %v; want %q", name, row.Name, ok, want)
		}
	}
}

func TestFeatures(t *testing.T) {
	f := Features{FeaturePhone: true, FeatureDoor: true, FeatureExec: false}
	if got := strings.Join(f.Names(), " "); got != "door phone" {
		t.Errorf("Names = %q", got)
	}
	if !f.Has(FeatureBase) || !f.Has(FeatureDoor) || f.Has(FeatureExec) || f.Has(FeaturePBX) || Features(nil).Has(FeaturePhone) {
		t.Error("Has is wrong")
	}
	if got := (Features{}).Names(); got == nil {
		t.Error("Names of nothing is null in JSON")
	}
}
