//go:build homeassistant

package e2e

import (
	"strings"
	"testing"

	"housephone/e2e/peers"
)

// A text is spoken by a text-to-speech engine of a real Home Assistant; when that one
// does not know the voice, or has gone, the next engine speaks.
func TestHomeAssistantSpeaks(t *testing.T) {
	ports := peers.NewPorts(t)
	broker := peers.NewMosquitto(t, ports, peers.MosquittoConfig{Username: "house", Password: "broker-secret-4410"})
	hass := peers.NewHomeAssistant(t, ports, broker, peers.HomeAssistantConfig{YAML: "tts:\n  - platform: demo\n"})
	h := peers.NewHousephone(t, ports, peers.HousephoneConfig{Program: program, Broker: broker, Secrets: []string{hass.Token()}, Env: env{
		"PHONE_MODE": "ivr", "PHONE_AUTOANSWER": "1", "AUDIO_CAPTURE": "none", "LOG_LEVEL": "debug",
		"TTS_URL": hass.URL + "?engine_id=demo&language=en", "TTS_TOKEN": hass.Token(),
	}})
	b := peers.NewBaresip(t, ports, peers.BaresipConfig{})
	b.Do("dial", "sip:phone@"+h.SIPAddr)
	h.State("status", "active")
	for _, voice := range []string{"default", "de"} {
		h.Do("play/voice/"+voice, "There is somebody at the door.")
		if !peers.Eventually(patience, func() bool { s, err := peers.ReadWAV(b.Recording()); return err == nil && s.Last(5e8).RMS() > 300 }) {
			t.Errorf("%s: nothing is heard", voice)
		}
		h.State("play", "idle")
		b.WaitSilence(patience)
	}
	if got := h.Since(0, h.Topic("bridge/log")); len(got) > 0 {
		t.Errorf("an engine failed: %v", got)
	}
	hass.Stop()
	mark := h.Mark()
	h.Do("play/voice/default", "The next engine speaks.")
	h.Event(mark, "bridge/log", func(v string) bool { return strings.Contains(v, "tts") || strings.Contains(v, "demo") })
	h.State("play", "idle")
}
