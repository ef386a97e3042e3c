package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"housephone/phone"
	"housephone/phone/account"
	"housephone/topics"
)

func testView(slots int) view {
	return view{
		tree: topics.Tree{Prefix: "housephone", ID: "phone"}, addresses: topics.Addresses{Server: "pbx.local"},
		mode: "phone", local: "620", registrar: "pbx.local", aor: "sip:620@pbx.local", slots: slots,
	}
}

func testCall() phone.Call {
	at := time.Date(2026, 3, 1, 17, 20, 5, 250e6, time.UTC)
	return phone.Call{
		Slot: 1, ID: "c1", Direction: phone.In, Remote: phone.Party{URI: "sip:601@pbx.local", User: "601", Name: "Kitchen"},
		Local: "620", Status: phone.StatusActive, Started: at, Answered: at.Add(2 * time.Second), Codec: "PCMA", Muted: true,
		Quality: phone.Quality{Codec: "PCMA", Sent: 100, Received: 99, Lost: 1, LossPct: 1, JitterMs: 0.25, RTTMs: 1.5, MOS: 4.38,
			Far: phone.FarQuality{Known: true, LossPct: 2, JitterMs: 0.5, MOS: 4.1}},
	}
}

// The messages of each event are compared whole.
func TestGoldenMessages(t *testing.T) {
	call := testCall()
	ended := call.Answered.Add(90 * time.Second)
	events := []struct {
		name  string
		slots int
		event phone.Event
	}{
		{"idle", 1, phone.StateChanged{State: phone.State{Active: true, Volume: 20, Registration: account.Info{State: "standalone"}}}},
		{"active", 1, phone.StateChanged{State: phone.State{
			Calls: []phone.Call{call}, Current: 1, Registered: true, AutoAnswer: true, DND: true, Active: true,
			Registration: account.Info{State: account.Registered, Code: 200, Reason: "OK", Expires: 5 * time.Minute, Since: call.Started},
		}}},
		{"two-lines", 2, phone.StateChanged{State: phone.State{Calls: []phone.Call{call}, Current: 1, Volume: 7, Active: true}}},
		{"ended", 1, phone.Ended{Call: call, Ended: ended, Cause: phone.CauseCompleted, ByFar: true}},
		{"ended-busy", 1, phone.Ended{Call: phone.Call{ID: "c2", Direction: phone.Out, Remote: call.Remote, Started: call.Started}, Ended: ended, Cause: phone.CauseBusy, ByFar: true, Status: 486, Reason: "Busy Here"}},
		{"refused", 1, phone.RefusedCall{Remote: phone.Party{URI: "sip:bob@other.example"}}},
		{"incoming", 1, phone.Incoming{Call: call}},
		{"outgoing", 1, phone.Outgoing{Call: call}},
		{"key", 2, phone.Key{Slot: 2, Key: "#"}},
		{"transfer", 1, phone.Transfer{Slot: 1, Status: phone.TransferFailed, Code: 486}},
		{"message", 1, phone.MessageReceived{From: call.Remote, Body: "hello"}},
	}
	for _, tc := range events {
		t.Run(tc.name, func(t *testing.T) {
			var b strings.Builder
			for _, m := range testView(tc.slots).event(tc.event) {
				kind := "event"
				if m.Retain {
					kind = "state"
				}
				b.WriteString(kind + " " + m.Topic + " " + string(m.Payload) + "\n")
			}
			path := filepath.Join("testdata", tc.name+".txt")
			if *update {
				if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if b.String() != string(want) {
				t.Errorf("got\n%swant\n%s", b.String(), want)
			}
		})
	}
}

func TestErrorsKeepTheirKind(t *testing.T) {
	for _, kind := range []phone.Kind{phone.Invalid, phone.Refused, phone.Busy, phone.Unreachable, phone.Timeout, phone.NotSupported, phone.Failed} {
		err := asTopicError(&phone.Error{Kind: kind, Text: "why", Status: 486})
		r := topics.Command{Datapoint: "call"}.Result(err)
		if r.OK || string(r.Code) != string(kind) || r.Error != "why" || r.SIP != 486 {
			t.Errorf("%s: %+v", kind, r)
		}
		known := false
		for _, c := range topics.Codes() {
			known = known || string(c) == string(kind)
		}
		if !known {
			t.Errorf("%s is no code of the vocabulary", kind)
		}
	}
	if asTopicError(nil) != nil {
		t.Error("success became an error")
	}
	if err := asTopicError(errors.New("x")); err == nil || err.Error() != "x" {
		t.Errorf("%v", err)
	}
}

// Every state of the phone is published by the state of the view, so that nothing stays stale.
func TestStateIsComplete(t *testing.T) {
	v := testView(2)
	published := map[string]bool{}
	for _, m := range v.state(phone.State{}) {
		if !m.Retain {
			t.Errorf("%s is not retained", m.Topic)
		}
		published[strings.TrimPrefix(m.Topic, v.tree.Base()+"/")] = true
	}
	for _, d := range topics.Table() {
		if d.Kind == topics.StateKind && d.Feature == topics.FeaturePhone && !published[d.Name] {
			t.Errorf("%s is never published", d.Name)
		}
	}
	for _, name := range []string{"calls/1/call", "calls/2/status", "calls/2/call/info"} {
		if !published[name] {
			t.Errorf("%s is never published", name)
		}
	}
}

func TestSettingsFile(t *testing.T) {
	dir := t.TempDir()
	first := settings{Volume: 20}
	f, err := openSettings(dir, first)
	if err != nil || f.last != first {
		t.Fatalf("%+v, %v", f, err)
	}
	if err := f.keep(phone.State{Volume: 3, DND: true}); err != nil {
		t.Fatal(err)
	}
	again, err := openSettings(dir, first)
	if err != nil || again.last != (settings{Volume: 3, DND: true}) {
		t.Errorf("%+v, %v", again.last, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "settings.json"), []byte(`{"volume":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if damaged, err := openSettings(dir, first); err != nil || damaged.last != first {
		t.Errorf("a damaged file: %+v, %v", damaged, err)
	}
	var doc map[string]any
	if err := f.keep(phone.State{Volume: 4}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "settings.json"))
	if err != nil || json.Unmarshal(b, &doc) != nil || doc["volume"] != 4.0 {
		t.Errorf("%s, %v", b, err)
	}
}

// What changes tells on top of an old state is what state tells of the new one.
func TestChangesAreComplete(t *testing.T) {
	v := testView(2)
	call, muted, other := testCall(), testCall(), testCall()
	muted.Muted = false
	other.Slot, other.ID = 2, "c9"
	states := []phone.State{
		{}, {Active: true, Volume: 20}, {Active: true, Volume: 20, Calls: []phone.Call{call}, Current: 1},
		{Active: true, Volume: 20, Calls: []phone.Call{muted}, Current: 1}, {Calls: []phone.Call{muted, other}, Current: 2},
		{Registered: true, Registration: account.Info{State: account.Registered}}, {DND: true, AutoAnswer: true},
	}
	for _, old := range states {
		for _, now := range states {
			topic := map[string]string{}
			for _, m := range append(v.state(old), v.changes(&old, now)...) {
				topic[m.Topic] = string(m.Payload)
			}
			for _, m := range v.state(now) {
				if topic[m.Topic] != string(m.Payload) {
					t.Errorf("%s is %q, want %q", m.Topic, topic[m.Topic], m.Payload)
				}
			}
		}
	}
}
