//go:build homeassistant

package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"housephone/e2e/peers"
)

// house is a Home Assistant with a door station, a softphone and a telephone with the app.
type house struct {
	*peers.Housephone
	hass  *peers.HomeAssistant
	b     *peers.Baresip
	app   *peers.MobileApp
	paths map[string]string // of the imported blueprints, by file name
}

const blueprints = "../examples/home-assistant/blueprints"

const houseYAML = `
frontend:
lovelace:
  dashboards:
    house-phone:
      mode: yaml
      title: Telephone
      filename: dashboard.yaml
automation: !include automations.yaml
script: !include scripts.yaml
mobile_app:
input_boolean:
  visitors:
    name: Visitors
  leak:
    name: Leak
schedule:
  always:
    name: Always
    monday: &day [{from: "00:00:00", to: "24:00:00"}]
    tuesday: *day
    wednesday: *day
    thursday: *day
    friday: *day
    saturday: *day
    sunday: *day
`

func newHouse(t *testing.T, e env) house {
	t.Helper()
	ports := peers.NewPorts(t)
	b := peers.NewBaresip(t, ports, peers.BaresipConfig{})
	broker, h := onBroker(t, ports, peers.MosquittoConfig{Username: "house", Password: "broker-secret-4410"}, e)
	dashboard, err := os.ReadFile("../examples/home-assistant/dashboard.yaml")
	if err != nil {
		t.Fatal(err)
	}
	hass := peers.NewHomeAssistant(t, ports, broker, peers.HomeAssistantConfig{
		YAML: houseYAML, Files: map[string]string{"automations.yaml": "[]\n", "scripts.yaml": "{}\n", "dashboard.yaml": string(dashboard)},
	})
	hass.WaitValue("sensor.housephone_phone_status", "hangup", hassPatience)
	return house{Housephone: h, hass: hass, b: b, app: peers.NewMobileApp(t, hass, "Pocket"), paths: importAll(t, hass)}
}

// importAll imports every blueprint from a web server, and returns their paths in Home Assistant.
func importAll(t *testing.T, hass *peers.HomeAssistant) map[string]string {
	t.Helper()
	server := httptest.NewServer(http.FileServer(http.Dir(blueprints)))
	defer server.Close()
	files, err := filepath.Glob(blueprints + "/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	paths := map[string]string{}
	for _, file := range files {
		name, domain := filepath.Base(file), "automation"
		if name == "announce.yaml" {
			domain = "script"
		}
		paths[name] = hass.Import(server.URL+"/"+name, domain)
	}
	if len(paths) != 5 {
		t.Errorf("there are %d blueprints, and 5 are tried", len(paths))
	}
	return paths
}

// automate makes an automation or a script from a blueprint, or makes it anew.
func (h house) automate(domain, id, blueprint string, input map[string]any) {
	h.hass.Configure(domain, id, h.paths[blueprint], input)
}

// Each blueprint is imported into a real Home Assistant, triggered, and seen to act on a real telephone.
func TestHomeAssistantBlueprints(t *testing.T) {
	h := newHouse(t, env{
		"HW_DOORBELL": "sim", "HW_DOOR": "sim", "HW_DOOR_PULSE": "1s", "PHONE_MODE": "ivr", "PHONE_RING_TIMEOUT": "20s",
	})
	h.dashboard(t)
	h.deviceTriggers(t)
	h.page(t)
	h.doorbell(t)
	h.autoOpen(t)
	h.autoOpenByKeys(t)
	h.missedCalls(t)
	h.alarmCall(t)
	h.announce(t)
	// an automation that fails says so in the log
	for _, component := range []string{"components.automation", "components.script", "homeassistant.helpers", "components.mqtt"} {
		if c := h.hass.Complaints(component); len(c) > 0 {
			t.Errorf("home assistant complains:\n%s", strings.Join(c, "\n"))
		}
	}
}

func (h house) doorbell(t *testing.T) {
	h.automate("automation", "doorbell", "doorbell.yaml", map[string]any{
		"bell":      []string{"event.housephone_phone_doorbell", "binary_sensor.housephone_phone_ringing"},
		"devices":   []string{h.app.Device},
		"open_door": []string{"button.housephone_phone_open_door"}, "answer": []string{"button.housephone_phone_answer"},
		"dial": []string{"text.housephone_phone_dial"}, "number": h.b.Address(),
	})
	push := func(mark peers.Mark, message string) peers.Push {
		return h.app.WaitPush(mark, hassPatience, func(p peers.Push) bool { return strings.Contains(p.Message, message) })
	}

	// the bell: the door is opened from the notification, which then goes away
	mark, events := h.app.Mark(), h.Mark()
	h.Do("doorbell", "press")
	p := push(mark, "Doorbell")
	if p.Title != "Somebody is at the door" {
		t.Errorf("title %q", p.Title)
	}
	h.app.Press(p.Action("Open the door"))
	h.Event(events, "door", func(v string) bool { return v == "unlocked" })
	push(mark, "clear_notification")
	h.State("door", "locked")

	// the bell again: the door station calls who wants to talk
	mark = h.app.Mark()
	calls := h.b.Mark()
	h.Do("doorbell", "press")
	h.app.Press(push(mark, "Doorbell").Action("Answer"))
	h.b.WaitEvent(calls, "CALL_INCOMING", patience)
	h.b.Do("accept", "")
	h.State("status", "active")
	h.Do("call", "hangup")
	h.Idle()
	push(mark, "clear_notification")

	// a telephone rings here: the notification says who it is, and its button answers
	mark = h.app.Mark()
	ring(t, h.Housephone, h.b)
	h.app.Press(push(mark, h.b.User).Action("Answer"))
	h.State("status", "active")
	h.Do("call", "hangup")
	h.Idle()
	push(mark, "clear_notification")
	h.off(t, "doorbell")
}

// off ends an automation, so that it does not act in the next test.
func (h house) off(t *testing.T, automation string) {
	t.Helper()
	h.hass.Act("automation/turn_off", "automation."+automation, nil)
	h.hass.WaitValue("automation."+automation, "off", patience)
}

func (h house) autoOpen(t *testing.T) {
	h.automate("automation", "auto_open", "auto_open.yaml", map[string]any{
		"bell": []string{"event.housephone_phone_doorbell"}, "schedule": []string{"schedule.always", "input_boolean.visitors"},
		"open_door": []string{"lock.housephone_phone_door"}, "pause": map[string]int{"seconds": 0},
		"tell": []map[string]any{{"action": "notify.mobile_app_pocket", "data": map[string]string{"message": "let in: {{ caller }}"}}},
	})
	rings := func() {
		mark := h.Mark()
		h.Do("doorbell", "press")
		h.Event(mark, "doorbell", nil)
	}
	// not now: a visitor who rings stays outside
	last := h.hass.Entities()["automation.auto_open"].Attributes["last_triggered"]
	events := h.Mark()
	rings()
	time.Sleep(2 * time.Second)
	for _, m := range h.Since(events, h.Topic("door")) {
		if m.Payload != "locked" {
			t.Errorf("outside of the hours the door is %s", m.Payload)
		}
	}
	if h.hass.Entities()["automation.auto_open"].Attributes["last_triggered"] != last {
		t.Error("the automation ran outside of the hours")
	}
	h.hass.Act("input_boolean/turn_on", "input_boolean.visitors", nil)
	h.hass.WaitValue("input_boolean.visitors", "on", patience)
	mark := h.app.Mark()
	rings()
	h.Event(events, "door", func(v string) bool { return v == "unlocked" })
	h.app.WaitPush(mark, patience, func(p peers.Push) bool {
		return strings.HasPrefix(p.Message, "let in: ") && strings.Contains(p.Message, "Doorbell")
	})
	h.State("door", "locked")
	h.off(t, "auto_open")
}

// A door station that calls, and opens by keys: only the one that is listed is let in.
func (h house) autoOpenByKeys(t *testing.T) {
	input := map[string]any{
		"bell": []string{"binary_sensor.housephone_phone_ringing"}, "schedule": []string{"schedule.always"},
		"callers": "600, 601", "keys": "#9", "pause": map[string]int{"seconds": 0},
	}
	h.automate("automation", "auto_keys", "auto_open.yaml", input)
	ring(t, h.Housephone, h.b)
	time.Sleep(4 * time.Second)
	h.State("status", "ring")
	h.b.Do("hangup", "")
	h.Idle()

	input["callers"] = "601, " + h.b.User
	h.automate("automation", "auto_keys", "auto_open.yaml", input)
	h.hass.WaitValue("binary_sensor.housephone_phone_ringing", "off", patience)
	mark := h.b.Mark()
	h.b.Do("dial", "sip:phone@"+h.SIPAddr)
	if !peers.Eventually(hassPatience, func() bool { return h.b.Keys(mark) == "#9" }) {
		t.Errorf("the door station heard %q", h.b.Keys(mark))
	}
	h.Idle()
	h.off(t, "auto_keys")
}

func (h house) missedCalls(t *testing.T) {
	const list = "todo.shopping_list"
	h.hass.WaitEntity(list, "there", hassPatience, func(peers.Entity) bool { return true })
	input := map[string]any{
		"list": list, "at": "00:00:00", "empty": true,
		"tell": []map[string]any{{"action": "notify.mobile_app_pocket", "data": map[string]string{"title": "{{ count }} missed", "message": "{{ digest }}"}}},
	}
	h.automate("automation", "missed_calls", "missed_calls.yaml", input)
	ring(t, h.Housephone, h.b)
	h.b.Do("hangup", "")
	h.Idle()
	h.hass.WaitValue(list, "1", hassPatience)
	// one that was answered is not missed
	talk(t, h.Housephone, h.b)
	h.b.Do("hangup", "")
	h.Idle()

	input["at"] = time.Now().UTC().Add(4 * time.Second).Format("15:04:05")
	mark := h.app.Mark()
	h.automate("automation", "missed_calls", "missed_calls.yaml", input)
	p := h.app.WaitPush(mark, hassPatience, func(peers.Push) bool { return true })
	if p.Title != "1 missed" || !strings.HasSuffix(p.Message, " "+h.b.Address()) && !strings.Contains(p.Message, h.b.User) {
		t.Errorf("%+v", p)
	}
	h.hass.WaitValue(list, "0", hassPatience)
	h.off(t, "missed_calls")
}

// An alarm that nobody hears at first begins again, until somebody presses the key; one that ends by itself does not.
func (h house) alarmCall(t *testing.T) {
	notify := func(text string) []map[string]any {
		return []map[string]any{{"action": "notify.mobile_app_pocket", "data": map[string]string{"message": text}}}
	}
	h.automate("automation", "alarm_call", "alarm_call.yaml", map[string]any{
		"sensors": []string{"input_boolean.leak"}, "numbers": h.b.Address(), "ring": 10, "attempts": 1, "pause": map[string]int{"seconds": 1},
		"again": 5, "acknowledged": notify("{{ name }}: {{ by }} knows"), "nobody": notify("{{ name }}: nobody knows"),
	})
	mark, calls := h.app.Mark(), h.b.Mark()
	h.hass.Act("input_boolean/turn_on", "input_boolean.leak", nil)
	h.b.WaitEvent(calls, "CALL_INCOMING", patience)
	calls = h.b.Mark()
	h.b.Do("hangup", "")
	h.b.WaitEvent(calls, "CALL_INCOMING", hassPatience) // it begins again
	h.b.Do("accept", "")
	h.State("play", "Attention. Leak. Press 1 to acknowledge.")
	h.b.Do("sndcode", "1")
	h.app.WaitPush(mark, hassPatience, func(p peers.Push) bool { return p.Message == "Leak: "+h.b.Address()+" knows" })
	h.Idle()
	h.hass.Act("input_boolean/turn_off", "input_boolean.leak", nil)
	h.hass.WaitValue("input_boolean.leak", "off", patience)

	mark, calls = h.app.Mark(), h.b.Mark()
	h.hass.Act("input_boolean/turn_on", "input_boolean.leak", nil)
	h.b.WaitEvent(calls, "CALL_INCOMING", patience)
	h.hass.Act("input_boolean/turn_off", "input_boolean.leak", nil)
	h.hass.WaitValue("input_boolean.leak", "off", patience)
	h.b.Do("hangup", "")
	h.app.WaitPush(mark, hassPatience, func(p peers.Push) bool { return p.Message == "Leak: nobody knows" })
	h.Idle()
	h.off(t, "alarm_call")
}

// Two announcements, of which the second waits for the first.
func (h house) announce(t *testing.T) {
	h.automate("script", "announce", "announce.yaml", map[string]any{"number": h.b.Address()})
	h.b.Do("dial", "sip:phone@"+h.SIPAddr) // the line is taken
	h.State("status", "ring")
	calls := h.b.Mark()
	for _, message := range []string{"The washing machine is done.", "And dinner is ready."} {
		h.hass.Act("script/turn_on", "script.announce", map[string]any{"variables": map[string]string{"message": message}})
	}
	time.Sleep(time.Second)
	h.State("status", "ring")
	h.b.Do("hangup", "")
	for _, message := range []string{"The washing machine is done.", "And dinner is ready."} {
		h.b.WaitEvent(calls, "CALL_INCOMING", hassPatience)
		calls = h.b.Mark()
		h.b.Do("accept", "")
		h.State("play", message)
		h.b.WaitEvent(calls, "CALL_CLOSED", hassPatience)
	}
	h.Idle()
}

// The dashboard is served as it is in the file.
func (h house) dashboard(t *testing.T) {
	var served struct {
		Views []struct {
			Path     string `json:"path"`
			Sections []any  `json:"sections"`
		} `json:"views"`
	}
	if failure := h.hass.Ask("lovelace/config", map[string]any{"url_path": "house-phone"}, &served); failure != "" {
		t.Fatalf("no dashboard: %s", failure)
	}
	if len(served.Views) != 2 || len(served.Views[0].Sections) != 3 {
		t.Errorf("the dashboard has %+v", served.Views)
	}
}

// Home Assistant offers the device triggers, and one of them starts an automation.
func (h house) deviceTriggers(t *testing.T) {
	var id string
	h.hass.Template("{{ device_id('sensor.housephone_phone_status') | to_json }}", &id)
	var offered []map[string]any
	if failure := h.hass.Ask("device_automation/trigger/list", map[string]any{"device_id": id}, &offered); failure != "" {
		t.Fatal(failure)
	}
	found := map[string]map[string]any{}
	for _, o := range offered {
		if o["domain"] == "mqtt" {
			found[fmt.Sprint(o["type"], " ", o["subtype"])] = o
		}
	}
	for _, want := range []string{"ringing call", "missed call", "button_short_press doorbell", "button_long_press doorbell", "opened door"} {
		if found[want] == nil {
			t.Errorf("the trigger %q is not offered, but %v", want, slices.Sorted(maps.Keys(found)))
		}
	}
	h.hass.Save("automation", "missed", map[string]any{
		"triggers": []any{found["missed call"]},
		"actions":  []map[string]any{{"action": "notify.mobile_app_pocket", "data": map[string]string{"message": "a call was missed"}}},
	})
	mark := h.app.Mark()
	ring(t, h.Housephone, h.b)
	h.b.Do("hangup", "")
	h.app.WaitPush(mark, hassPatience, func(p peers.Push) bool { return p.Message == "a call was missed" })
	h.Idle()
	h.off(t, "missed")
}

// Every automation of the manual's page is one that Home Assistant takes.
func (h house) page(t *testing.T) {
	taken := 0
	for _, b := range blocks(t, "../docs/home-assistant.md") {
		if b.language != "yaml" {
			continue
		}
		var body map[string]any
		if err := yaml.Unmarshal([]byte(b.text), &body); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		taken++
		id := fmt.Sprintf("page_%d", taken)
		h.hass.Save("automation", id, body)
		h.off(t, id)
	}
	if taken < 3 {
		t.Errorf("%d automations found: the search is broken", taken)
	}
}
