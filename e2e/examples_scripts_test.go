package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"housephone/e2e/peers"
)

// startScript starts a script of examples/scripts against the broker of h.
func startScript(t *testing.T, h *peers.Housephone, e []string, name string, args ...string) *peers.Process {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "examples", "scripts", name))
	if err != nil {
		t.Fatal(err)
	}
	return peers.Start(t, peers.Command{Path: path, Args: args, Env: append([]string{"MQTT_PORT=" + strconv.Itoa(h.MQTTPort)}, e...)})
}

func TestExampleAlarmCall(t *testing.T) {
	h, a, b := alarmPhones(t, nil)
	mark := b.Mark()
	s := startScript(t, h, []string{"RING=1"}, "alarm-call.sh", "Water in the cellar. Press 1.", a.Address(), b.Address())
	b.WaitEvent(mark, "CALL_INCOMING", patience) // a does not answer
	b.Do("accept", "")
	h.State("play", "Water in the cellar. Press 1.")
	b.Do("sndcode", "1")
	if exit := s.Wait(patience); exit.Code != 0 || strings.TrimSpace(s.Log()) != "acknowledged by "+b.Address() {
		t.Errorf("exit %d: %s", exit.Code, s.Log())
	}

	mark = a.Mark()
	s = startScript(t, h, []string{"ATTEMPTS=1"}, "alarm-call.sh", "Fire.", a.Address())
	a.WaitEvent(mark, "CALL_INCOMING", patience)
	a.Do("hangup", "")
	if exit := s.Wait(patience); exit.Code != 1 || !strings.Contains(s.Log(), "nobody acknowledged") {
		t.Errorf("exit %d: %s", exit.Code, s.Log())
	}
	s = startScript(t, h, nil, "alarm-call.sh", "...", a.Address())
	if exit := s.Wait(patience); exit.Code != 2 || !strings.Contains(s.Log(), "nothing that can be spoken") {
		t.Errorf("exit %d: %s", exit.Code, s.Log())
	}
	s = startScript(t, h, nil, "alarm-call.sh")
	if exit := s.Wait(patience); exit.Code != 64 || !strings.Contains(s.Log(), "alarm-call.sh TEXT ADDRESS") {
		t.Errorf("exit %d: %s", exit.Code, s.Log())
	}
}

func TestExampleWhoIsCalling(t *testing.T) {
	h, caller := ivr(t, env{"PHONE_MAX_CALLS": "3", "PHONE_AUTOANSWER": "0"})
	hall := peers.NewBaresip(t, peers.NewPorts(t), peers.BaresipConfig{User: "hall"})
	names := filepath.Join(t.TempDir(), "names.txt")
	if err := os.WriteFile(names, []byte("602 Somebody else\nbaresip Grandma and Grandpa\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	startScript(t, h, nil, "who-is-calling.sh", hall.Address(), names)
	mark, rings := h.Mark(), hall.Mark()
	caller.Do("dial", "sip:phone@"+h.SIPAddr)
	hall.WaitEvent(rings, "CALL_INCOMING", patience)
	hall.Do("accept", "")
	h.Event(mark, "calls/2/play", func(v string) bool { return v == "Grandma and Grandpa is calling." })
	caller.Do("hangup", "") // gives up: it is quiet in the hall
	hall.WaitEvent(rings, "CALL_CLOSED", patience)
	h.Idle()

	// a number without a name
	number := peers.NewBaresip(t, peers.NewPorts(t), peers.BaresipConfig{User: "6017"})
	rings = hall.Mark()
	number.Do("dial", "sip:phone@"+h.SIPAddr)
	hall.WaitEvent(rings, "CALL_INCOMING", patience)
	hall.Do("accept", "")
	h.Event(mark, "calls/2/play", func(v string) bool { return v == "6 0 1 7 is calling." })
}

func TestExampleTemperatureByPhone(t *testing.T) {
	h, b := ivr(t, nil)
	h.PublishRetained("zigbee2mqtt/outdoor", `{"battery":90,"temperature":-3.5}`)
	startScript(t, h, nil, "temperature-by-phone.sh", "zigbee2mqtt/outdoor")
	b.Do("dial", "sip:phone@"+h.SIPAddr)
	mark, closed := h.Mark(), b.Mark()
	h.Event(mark, "play", func(v string) bool { return strings.HasPrefix(v, "Press 1") })
	b.Do("sndcode", "1")
	h.Event(mark, "play", func(v string) bool { return v == "It is -3.5 degrees." })
	b.WaitEvent(closed, "CALL_CLOSED", patience) // it hangs up when all is said
	h.Idle()

	h.PublishRetained("zigbee2mqtt/outdoor", "")
	b.Do("dial", "sip:phone@"+h.SIPAddr)
	mark = h.Mark()
	h.Event(mark, "play", func(v string) bool { return strings.HasPrefix(v, "Press 1") })
	b.Do("sndcode", "1")
	h.Event(mark, "play", func(v string) bool { return strings.HasPrefix(v, "I do not know") })
	b.Do("hangup", "")
	h.Idle()
}
