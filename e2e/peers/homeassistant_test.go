//go:build homeassistant

package peers_test

import (
	"testing"
	"time"

	"housephone/e2e/peers"
)

// A switch described by hand: proves the peer before it judges the service.
func TestHomeAssistantItself(t *testing.T) {
	ports := peers.NewPorts(t)
	broker := peers.NewMosquitto(t, ports, peers.MosquittoConfig{Username: "house", Password: "broker-secret-4410"})
	client := peers.NewMQTT(t, broker.URL(), broker.Username, broker.Password, "")
	hass := peers.NewHomeAssistant(t, ports, broker, peers.HomeAssistantConfig{})
	client.PublishRetained("homeassistant/device/lamp/config", `{"dev":{"ids":["lamp"],"name":"Lamp"},"o":{"name":"test"},
		"cmps":{"a":{"p":"switch","unique_id":"lamp_a","default_entity_id":"switch.lamp","command_topic":"lamp/set","state_topic":"lamp/state","qos":1}}}`)
	hass.WaitEntity("switch.lamp", "there", time.Minute, func(peers.Entity) bool { return true })
	hass.Act("switch/turn_on", "switch.lamp", nil)
	client.WaitState("lamp/set", "ON", patience)
	client.PublishRetained("lamp/state", "ON")
	hass.WaitValue("switch.lamp", "on", patience)
	if c := hass.Complaints("components.mqtt"); len(c) > 0 {
		t.Errorf("complaints: %v", c)
	}

	// a document with a mistake must be complained about, else the silence above means nothing
	client.PublishRetained("homeassistant/device/bad/config", `{"dev":{"ids":["bad"],"nonsense":1},"o":{"name":"test"},"cmps":{"a":{"p":"switch"}}}`)
	if !peers.Eventually(30*time.Second, func() bool { return len(hass.Complaints("components.mqtt")) > 0 }) {
		t.Error("no complaint about a bad document")
	}
}
