package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"housephone/e2e/peers"
	"housephone/phone/phonetest"
)

// outcome waits for the last message about an announcement.
func outcome(t *testing.T, h *peers.Housephone, mark peers.Mark) map[string]any {
	t.Helper()
	text := h.Event(mark, "call/ended", func(v string) bool { return strings.Contains(v, `"acknowledged_by"`) })
	var doc map[string]any
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// calls words the calls of an outcome.
func calls(doc map[string]any) string {
	var out []string
	list, _ := doc["calls"].([]any)
	for _, item := range list {
		c, _ := item.(map[string]any)
		to, _ := c["to"].(string)
		to, _, _ = strings.Cut(to, "@")
		if c["answered"] == true {
			to += " answered"
		}
		if cause, ok := c["cause"].(string); ok {
			to += " " + cause
		}
		out = append(out, to)
	}
	return strings.Join(out, ", ")
}

// records counts the messages of call/ended, and tells that the outcome is the last.
func records(t *testing.T, h *peers.Housephone, mark peers.Mark, want int) {
	t.Helper()
	all := h.Since(mark, h.Topic("call/ended"))
	if len(all) != want || !strings.Contains(all[len(all)-1].Payload, "acknowledged_by") {
		t.Errorf("%d records, want %d, the outcome last: %v", len(all), want, all)
	}
}

// alarmPhones are the service in ivr mode and two people.
func alarmPhones(t *testing.T, e env) (h *peers.Housephone, a, b *peers.Baresip) {
	t.Helper()
	h, a = ivr(t, e)
	return h, a, peers.NewBaresip(t, peers.NewPorts(t), peers.BaresipConfig{User: "bob"})
}

func TestAlarmCallReachesTheSecond(t *testing.T) {
	h, a, b := alarmPhones(t, nil)
	mark, rings, second := h.Mark(), a.Mark(), b.Mark()
	body, _ := json.Marshal(map[string]any{"value": []string{a.Address(), b.Address()}, "play": "tone.wav", "say": "Water in the cellar.\nPress 1.", "ack": "1", "ring": 1, "id": "water"})
	if r := h.Raw("call", string(body)); !r.OK || string(r.ID) != `"water"` {
		t.Fatalf("%+v", r)
	}
	a.WaitEvent(rings, "CALL_INCOMING", patience)
	b.WaitEvent(second, "CALL_INCOMING", patience) // the first one does not answer
	b.Do("accept", "")
	b.WaitTone(1200, patience)
	h.State("play", "Water in the cellar.\nPress 1.")
	b.Do("sndcode", "2")
	h.Event(mark, "dtmf", func(v string) bool { return v == "2" })
	h.State("status", "active") // not the key
	b.Do("sndcode", "1")
	doc := outcome(t, h, mark)
	want(t, doc, map[string]any{"id": "water", "acknowledged_by": b.Address(), "cause": "completed", "by": "remote", "reason": "acknowledged by " + b.Address()})
	if got := calls(doc); got != "baresip no_answer, bob answered" {
		t.Errorf("calls: %s", got)
	}
	records(t, h, mark, 3)
	h.Idle()
	h.State("play", "idle")
}

func TestAlarmCallTogether(t *testing.T) {
	h, a, b := alarmPhones(t, env{"PHONE_MAX_CALLS": "2"})
	mark, first, second := h.Mark(), a.Mark(), b.Mark()
	body, _ := json.Marshal(map[string]any{"value": []string{a.Address(), b.Address()}, "play": "tone.wav", "ack": "19", "together": true})
	if r := h.Raw("call", string(body)); !r.OK {
		t.Fatalf("%+v", r)
	}
	a.WaitEvent(first, "CALL_INCOMING", patience)
	b.WaitEvent(second, "CALL_INCOMING", patience)
	b.Do("accept", "")
	b.WaitTone(1200, patience)
	a.Do("accept", "")
	a.WaitTone(1200, patience)
	a.Do("sndcode", "9")
	doc := outcome(t, h, mark)
	want(t, doc, map[string]any{"acknowledged_by": a.Address()})
	b.WaitEvent(second, "CALL_CLOSED", patience)
	if got := calls(doc); got != "baresip answered, bob answered answered_elsewhere" {
		t.Errorf("calls: %s", got)
	}
	h.Idle()
}

// Nobody acknowledges: one declines, the other one listens and hangs up; and again.
func TestAlarmCallNobody(t *testing.T) {
	h, a, b := alarmPhones(t, nil)
	mark := h.Mark()
	body, _ := json.Marshal(map[string]any{"value": []string{a.Address(), b.Address()}, "say": "Fire.", "ack": "1", "attempts": 2, "pause": 1})
	h.Publish(h.Topic("call/set"), string(body))
	for range 2 {
		first, second := a.Mark(), b.Mark()
		a.WaitEvent(first, "CALL_INCOMING", patience)
		a.Do("hangup", "")
		b.WaitEvent(second, "CALL_INCOMING", patience)
		b.Do("accept", "")
		h.State("play", "Fire.")
		b.Do("hangup", "")
	}
	doc := outcome(t, h, mark)
	want(t, doc, map[string]any{"acknowledged_by": "", "cause": "no_answer", "reason": "nobody acknowledged"})
	if got := calls(doc); !strings.Contains(got, "bob answered not_acknowledged, baresip") || strings.Count(got, ",") != 3 {
		t.Errorf("calls: %s", got)
	}
	records(t, h, mark, 5)
}

// One number and a text: said once, then hung up.
func TestAnnounce(t *testing.T) {
	h, a := ivr(t, nil)
	mark, rings := h.Mark(), a.Mark()
	sent := h.Send("call", a.Address(), map[string]any{"say": "The washing machine is done.", "play": "tone.wav", "repeat": 1})
	a.WaitEvent(rings, "CALL_INCOMING", patience)
	if r := h.WaitResult(sent); !r.OK {
		t.Fatalf("%+v", r)
	}
	a.Do("accept", "")
	a.WaitTone(1200, patience)
	doc := outcome(t, h, mark)
	want(t, doc, map[string]any{"acknowledged_by": a.Address(), "cause": "completed", "reason": "heard by " + a.Address()})
	a.WaitEvent(rings, "CALL_CLOSED", patience)
	records(t, h, mark, 2)
	if n := len(h.Since(mark, h.Topic("result"))); n != 1 {
		t.Errorf("%d results", n)
	}
}

// hangup ends it all: while it rings, while it speaks, and in the pause between two rounds.
func TestAlarmCallCancelled(t *testing.T) {
	h, a := ivr(t, nil)
	start := func() peers.Mark {
		mark, rings := h.Mark(), a.Mark()
		body, _ := json.Marshal(map[string]any{"value": []string{a.Address()}, "play": "tone.wav", "ack": "1", "pause": 60})
		if r := h.Raw("call", string(body)); !r.OK {
			t.Fatalf("%+v", r)
		}
		a.WaitEvent(rings, "CALL_INCOMING", patience)
		return mark
	}
	for name, then := range map[string]func(){
		"ringing":  func() {},
		"speaking": func() { a.Do("accept", ""); a.WaitTone(1200, patience) },
		"pause":    func() { a.Do("hangup", ""); h.Idle() },
	} {
		mark := start()
		then()
		h.Do("call", "hangup")
		if doc := outcome(t, h, mark); doc["acknowledged_by"] != "" || doc["cause"] != "cancelled" {
			t.Errorf("%s: %v", name, doc)
		}
		h.Idle()
	}
	h.Refused("call", "hangup", "refused") // nothing is left
}

func TestAlarmCallBusyLine(t *testing.T) {
	h, a, b := alarmPhones(t, nil)
	a.Do("dial", "sip:phone@"+h.SIPAddr)
	h.State("status", "active")
	// without a key it is refused, as a call is
	if r := h.Try("call", b.Address(), map[string]any{"say": "Hello"}); r.OK || r.Code != "busy" {
		t.Errorf("%+v", r)
	}
	mark, rings := h.Mark(), b.Mark()
	sent := h.Send("call", b.Address(), map[string]any{"play": "tone.wav", "ack": "1"})
	a.Do("hangup", "") // the line is free
	b.WaitEvent(rings, "CALL_INCOMING", patience)
	if r := h.WaitResult(sent); !r.OK {
		t.Fatalf("%+v", r)
	}
	b.Do("accept", "")
	b.WaitTone(1200, patience)
	b.Do("sndcode", "1")
	want(t, outcome(t, h, mark), map[string]any{"acknowledged_by": b.Address()})
}

// The broker goes while it rings. The call goes on, and what came of it is told when the broker is back.
func TestAlarmCallWithoutBroker(t *testing.T) {
	t.Parallel()
	ports := peers.NewPorts(t)
	broker := peers.NewMosquitto(t, ports, peers.MosquittoConfig{})
	h := peers.NewHousephone(t, ports, peers.HousephoneConfig{Program: program, Broker: broker, Env: env{"PHONE_MODE": "ivr", "AUDIO_CAPTURE": "none"}})
	a := peers.NewBaresip(t, ports, peers.BaresipConfig{})
	rings := a.Mark()
	if r := h.Try("call", a.Address(), map[string]any{"say": "Fire.", "ack": "1"}); !r.OK {
		t.Fatalf("%+v", r)
	}
	a.WaitEvent(rings, "CALL_INCOMING", patience)
	broker.Kill()
	a.Do("accept", "")
	a.WaitEvent(rings, "CALL_ESTABLISHED", patience)
	broker.Start()
	h.State("status", "active") // both ends are connected again
	mark := h.Mark()
	a.Do("sndcode", "1")
	want(t, outcome(t, h, mark), map[string]any{"acknowledged_by": a.Address()})
}

// What makes no sense calls nobody, and is answered once.
func TestAlarmCallBadInput(t *testing.T) {
	h, a := ivr(t, env{"SIP_ALLOW_TO": "baresip@*,60?"})
	mark, rings := h.Mark(), a.Mark()
	address := a.Address()
	many, _ := json.Marshal(slices.Repeat([]string{address}, 100))
	for payload, code := range map[string]string{
		`{"value":[],"say":"x","ack":"1"}`:                                         "invalid",
		`{"value":` + string(many) + `,"say":"x"}`:                                 "invalid",
		`{"value":[["` + address + `"]],"say":"x"}`:                                "invalid",
		`{"value":{"to":"601"},"say":"x"}`:                                         "invalid",
		`{"value":"` + address + `","say":"x","ack":"1x"}`:                         "invalid",
		`{"value":"` + address + `","say":"x","ack":["1"]}`:                        "invalid",
		`{"value":"` + address + `","ack":"1"}`:                                    "invalid",
		`{"value":"` + address + `","say":"..."}`:                                  "invalid",
		`{"value":"` + address + `","say":{"text":"x"}}`:                           "invalid",
		`{"value":"` + address + `","say":"` + strings.Repeat("a ", 50<<10) + `"}`: "invalid",
		`{"value":"` + address + `","say":"` + strings.Repeat("a ", 3<<10) + `"}`:  "invalid",
		`{"value":"` + address + `","say":"x","attempts":0}`:                       "invalid",
		`{"value":"` + address + `","say":"x","attempts":1000000}`:                 "invalid",
		`{"value":"` + address + `","say":"x","ring":0}`:                           "invalid",
		`{"value":"` + address + `","say":"x","together":"perhaps"}`:               "invalid",
		`{"value":"` + address + `","say":"x","voice":"nosuchvoice"}`:              "invalid",
		`{"value":"` + address + `","play":"missing.wav","say":"x"}`:               "invalid",
		`{"value":"` + address + `","play":"text.wav"}`:                            "invalid",
		`{"value":"` + address + `","play":"../tone.wav"}`:                         "invalid",
		`{"value":"hangup","say":"x"}`:                                             "invalid",
		`{"value":["` + address + `","eve@127.0.0.1:5999"],"say":"x"}`:             "refused", // SIP_ALLOW_TO
	} {
		if r := h.Raw("call", payload); r.OK || r.Code != code || r.Error == "" {
			t.Errorf("%.120s: %+v", payload, r)
		}
	}
	if got := a.Since(rings, "CALL_INCOMING"); len(got) > 0 {
		t.Errorf("%d calls were dialled", len(got))
	}
	if got := h.Since(mark, h.Topic("call/ended")); len(got) > 0 {
		t.Errorf("calls ended: %v", got)
	}
	h.Do("call", address)
	h.Do("call", "hangup")
}

func TestAnnounceInPhoneMode(t *testing.T) {
	h, b := pair(t, nil, peers.BaresipConfig{})
	rings := b.Mark()
	if r := h.Try("call", b.Address(), map[string]any{"say": "Hello"}); r.OK || r.Code != "not_supported" || !strings.Contains(r.Error, "PHONE_MODE=ivr") {
		t.Errorf("%+v", r)
	}
	if got := b.Since(rings, "CALL_INCOMING"); len(got) > 0 {
		t.Error("it was dialled")
	}
}

// The end of the service is an outcome too.
func TestAlarmCallAtTheEnd(t *testing.T) {
	h, a := ivr(t, nil)
	mark, rings := h.Mark(), a.Mark()
	if r := h.Try("call", a.Address(), map[string]any{"say": "Fire.", "ack": "1"}); !r.OK {
		t.Fatalf("%+v", r)
	}
	h.Terminate()
	a.WaitEvent(rings, "CALL_CLOSED", patience)
	want(t, outcome(t, h, mark), map[string]any{"acknowledged_by": "", "cause": "cancelled"})
}

// Who is busy at once never rings: the answer says so, and the outcome too.
func TestAnnounceToABusyPhone(t *testing.T) {
	h, _ := ivr(t, nil)
	p := phonetest.NewPeer(t)
	p.Handle("INVITE", func(m *phonetest.Msg) { p.Reply(m, 486, "Busy Here") })
	p.Handle("ACK", func(*phonetest.Msg) {})
	to := "bob@" + p.Addr().String()
	for range 20 { // the two ends of a call come in any order
		mark := h.Mark()
		if r := h.Try("call", to, map[string]any{"play": "tone.wav"}); r.OK || r.Code != "busy" || r.SIP != 486 {
			t.Fatalf("%+v", r)
		}
		doc := outcome(t, h, mark)
		want(t, doc, map[string]any{"acknowledged_by": "", "cause": "busy", "reason": "nobody heard it"})
		if got := calls(doc); got != "bob busy" {
			t.Errorf("calls: %s", got)
		}
	}
	mark := h.Mark()
	if r := h.Try("call", to, map[string]any{"play": "tone.wav", "ack": "1", "attempts": 2, "pause": 1}); r.OK || r.Code != "busy" {
		t.Errorf("%+v", r)
	}
	if got := calls(outcome(t, h, mark)); got != "bob busy, bob busy" {
		t.Errorf("calls: %s", got)
	}
}
