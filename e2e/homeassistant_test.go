//go:build homeassistant

package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"housephone/e2e/peers"
)

// component is what the test needs of a discovered entity.
type component struct {
	Platform string `json:"p"`
	EntityID string `json:"default_entity_id"`
	UniqueID string `json:"unique_id"`
	Enabled  *bool  `json:"enabled_by_default"`
	State    string `json:"state_topic"`
	Command  string `json:"command_topic"`
	Press    string `json:"payload_press"`
}

type discovery struct {
	Components map[string]component `json:"cmps"`
}

// find returns the entity id of a platform with that topic.
func (d discovery) find(t *testing.T, platform string, ok func(component) bool) string {
	t.Helper()
	for _, c := range d.Components {
		if c.Platform == platform && ok(c) {
			return c.EntityID
		}
	}
	t.Fatalf("no such %s in the discovery document", platform)
	return ""
}

func commands(topic string) func(component) bool {
	return func(c component) bool { return c.Command == topic }
}

func shows(topic string) func(component) bool {
	return func(c component) bool { return c.State == topic }
}

const hassPatience = time.Minute

// A real Home Assistant makes every entity of the discovery document without a warning, its buttons act, and it shows
// what happens.
func TestHomeAssistant(t *testing.T) {
	ports := peers.NewPorts(t)
	broker, h := onBroker(t, ports, peers.MosquittoConfig{Username: "house", Password: "broker-secret-4410"}, nil)
	hass := peers.NewHomeAssistant(t, ports, broker, peers.HomeAssistantConfig{})
	b := peers.NewBaresip(t, ports, peers.BaresipConfig{})

	var d discovery
	text := h.WaitStateFunc("homeassistant/device/housephone_phone/config", "a document", patience, func(v string) bool { return v != "" })
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	everyEntity(t, hass, d)

	number := d.find(t, "number", commands(h.Topic("volume/set")))
	hass.Act("number/set_value", number, map[string]any{"value": 7})
	h.State("volume", "7")
	hass.WaitEntity(number, "7", hassPatience, func(e peers.Entity) bool { return strings.HasPrefix(e.State, "7") })
	h.Do("volume", "off")
	hass.WaitEntity(number, "0", hassPatience, func(e peers.Entity) bool { return strings.HasPrefix(e.State, "0") })

	for _, datapoint := range []string{"dnd", "autoanswer"} {
		id := d.find(t, "switch", commands(h.Topic(datapoint+"/set")))
		hass.Act("switch/turn_on", id, nil)
		h.State(datapoint, "1")
		hass.WaitValue(id, "on", hassPatience)
		hass.Act("switch/turn_off", id, nil)
		h.State(datapoint, "0")
		hass.WaitValue(id, "off", hassPatience)
	}

	status := d.find(t, "sensor", shows(h.Topic("status")))
	hass.WaitValue(status, "hangup", hassPatience)
	dial := d.find(t, "text", commands(h.Topic("call/set")))
	hass.Act("text/set_value", dial, map[string]any{"value": b.Address()})
	b.WaitEvent(0, "CALL_INCOMING", patience)
	hass.WaitValue(status, "dial", hassPatience)
	b.Do("accept", "")
	hass.WaitValue(status, "active", hassPatience)

	keys := d.find(t, "event", shows(h.Topic("dtmf")))
	b.Do("sndcode", "8")
	hass.WaitEntity(keys, "the key 8", hassPatience, func(e peers.Entity) bool { return e.Attributes["event_type"] == "8" })

	hass.Act("button/press", d.find(t, "button", func(c component) bool { return c.Command == h.Topic("call/set") && c.Press == "hangup" }), nil)
	h.Idle()
	hass.WaitValue(status, "hangup", hassPatience)

	ring(t, h, b)
	hass.WaitValue(status, "ring", hassPatience)
	hass.Act("button/press", d.find(t, "button", func(c component) bool { return c.Command == h.Topic("call/set") && c.Press == "answer" }), nil)
	h.State("status", "active")
	hass.WaitValue(status, "active", hassPatience)

	h.Terminate()
	hass.WaitValue(status, "unavailable", hassPatience)
	if c := hass.Complaints("components.mqtt"); len(c) > 0 {
		t.Errorf("home assistant complains:\n%s", strings.Join(c, "\n"))
	}
}

// everyEntity compares the document with what Home Assistant made of it.
func everyEntity(t *testing.T, hass *peers.HomeAssistant, d discovery) {
	t.Helper()
	known, wanted := map[string]bool{}, map[string]bool{}
	for key, c := range d.Components {
		known[c.EntityID] = true
		if c.Platform == "device_automation" || c.Enabled != nil && !*c.Enabled {
			continue
		}
		if c.EntityID == "" || c.UniqueID == "" {
			t.Errorf("component %s has no default_entity_id or unique_id", key)
		}
		wanted[c.EntityID] = true
	}
	if len(wanted) < 20 {
		t.Errorf("only %d entities in the document", len(wanted))
	}
	missing := func() string {
		all := hass.Entities()
		var names []string
		for id := range wanted {
			if all[id].ID == "" || all[id].State == "unavailable" {
				names = append(names, id)
			}
		}
		return fmt.Sprint(names)
	}
	if !peers.Eventually(hassPatience, func() bool { return missing() == "[]" }) {
		t.Errorf("home assistant lacks, or shows as unavailable: %s", missing())
	}
	var made []string
	hass.Template("{{ integration_entities('mqtt') | to_json }}", &made)
	for _, id := range made {
		if !known[id] {
			t.Errorf("home assistant made %s, which the document does not name so", id)
		}
	}
}
