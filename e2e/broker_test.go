package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"housephone/e2e/peers"
)

func onBroker(t *testing.T, ports *peers.Ports, c peers.MosquittoConfig, e env) (*peers.Mosquitto, *peers.Housephone) {
	t.Helper()
	broker := peers.NewMosquitto(t, ports, c)
	return broker, peers.NewHousephone(t, ports, peers.HousephoneConfig{Program: program, Broker: broker, Env: e})
}

func TestBrokerWithPasswordAndTLS(t *testing.T) {
	t.Parallel()
	for name, tls := range map[string]bool{"password": false, "password and TLS": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ports := peers.NewPorts(t)
			_, h := onBroker(t, ports, peers.MosquittoConfig{Username: "house", Password: "broker-secret-4410", TLS: tls}, nil)
			b := peers.NewBaresip(t, ports, peers.BaresipConfig{})
			talk(t, h, b)
			b.WaitTone(peers.HousephoneTone, patience)
			h.Terminate()
			h.State("connection", "offline")
		})
	}
}

func TestBrokerRefusesPassword(t *testing.T) {
	t.Parallel()
	ports := peers.NewPorts(t)
	broker := peers.NewMosquitto(t, ports, peers.MosquittoConfig{Username: "house", Password: "broker-secret-4410"})
	e := env(broker.Env())
	e["MQTT_PASSWORD"] = "wrong-secret-2231"
	h := peers.NewHousephone(t, ports, peers.HousephoneConfig{Program: program, Env: e, Broker: broker, Down: true})
	h.WaitLog("(?i)(not authori[sz]ed|bad user ?name or password|credentials)", patience)
	if code, _ := h.Get("/readyz"); code == http.StatusOK {
		t.Error("ready without a broker")
	}
	if code, _ := h.Get("/healthz"); code != http.StatusOK {
		t.Errorf("/healthz: %d; a missing broker is no reason to be restarted", code)
	}
}

// The last will tells of a service that was killed; everything is published anew when it is back.
func TestKilledService(t *testing.T) {
	t.Parallel()
	_, h := onBroker(t, peers.NewPorts(t), peers.MosquittoConfig{}, nil)
	h.Do("dnd", "1")
	h.Kill()
	h.State("connection", "offline")
	h.Start()
	h.State("connection", "online")
	h.State("status", "hangup")
	h.State("call/info", "{}")
}

// The broker goes away during a call: the call stays, and on return all states are there again.
func TestBrokerRestartsInCall(t *testing.T) {
	t.Parallel()
	ports := peers.NewPorts(t)
	broker, h := onBroker(t, ports, peers.MosquittoConfig{}, nil)
	b := peers.NewBaresip(t, ports, peers.BaresipConfig{ToneHz: 1000})
	talk(t, h, b)
	h.WaitTone(1000, patience)
	broker.Kill()
	time.Sleep(time.Second)
	b.WaitTone(peers.HousephoneTone, patience)
	mark := h.Mark()
	broker.Start()
	h.WaitEvent(mark, h.Topic("status"), patience, func(v string) bool { return v == "active" })
	h.WaitEvent(mark, h.Topic("connection"), patience, func(v string) bool { return v == "online" })
	h.WaitEvent(mark, h.Topic("call"), patience, func(v string) bool { return v == b.Address() })
	h.WaitTone(1000, patience)

	// the call ends while the broker is away: the state says so afterwards
	broker.Kill()
	b.Do("hangup", "")
	time.Sleep(time.Second)
	mark = h.Mark()
	broker.Start()
	h.WaitEvent(mark, h.Topic("status"), patience, func(v string) bool { return v == "hangup" })
	// A new subscriber sees no call: the broker had kept the address, so it must have been cleared. (One that was there
	// before cannot tell, when it came back after the clearing.)
	fresh := peers.NewMQTT(t, broker.URL(), "", "", "")
	fresh.WaitState(h.Topic("call/info"), "{}", patience)
	if !peers.Eventually(patience, func() bool { v, _ := fresh.Last(h.Topic("call")); return v == "" }) {
		t.Error("the call is still there")
	}
}

func TestRingsWithoutBroker(t *testing.T) {
	t.Parallel()
	ports := peers.NewPorts(t)
	broker, h := onBroker(t, ports, peers.MosquittoConfig{}, env{"PHONE_AUTOANSWER": "true"})
	b := peers.NewBaresip(t, ports, peers.BaresipConfig{})
	broker.Kill()
	b.Do("dial", "sip:phone@"+h.SIPAddr)
	b.WaitEvent(0, "CALL_ESTABLISHED", patience)
	b.WaitTone(peers.HousephoneTone, patience)
}

// A retained command would dial at each restart of the broker, one from a minute ago surprises, one that comes twice
// acts twice.
func TestCommandsThatMustNotAct(t *testing.T) {
	t.Parallel()
	ports := peers.NewPorts(t)
	_, h := onBroker(t, ports, peers.MosquittoConfig{}, nil)
	b := peers.NewBaresip(t, ports, peers.BaresipConfig{})

	h.Stop()
	h.State("connection", "offline")
	h.PublishRetained(h.Topic("call/set"), b.Address())
	h.Publish(h.Topic("call/set"), b.Address())
	mark := h.Mark()
	h.Start()
	h.WaitEvent(mark, h.Topic("result"), patience, func(v string) bool { return strings.Contains(v, `"refused"`) })

	mark = h.Mark()
	for range 2 {
		h.Publish(h.Topic("autoanswer/set"), `{"value":1,"id":"same"}`)
	}
	h.Do("dnd", "0") // its result comes after both
	var answers int
	for _, m := range h.Since(mark, h.Topic("result")) {
		if strings.Contains(m.Payload, `"same"`) {
			answers++
		}
	}
	if answers != 1 {
		t.Errorf("%d results for the same id, want one", answers)
	}
	if n := len(b.Since(0, "CALL_INCOMING")); n != 0 {
		t.Errorf("the softphone was called %d times", n)
	}
}

func TestHomeAssistantBirth(t *testing.T) {
	t.Parallel()
	_, h := onBroker(t, peers.NewPorts(t), peers.MosquittoConfig{}, nil)
	config := "homeassistant/device/housephone_phone/config"
	h.WaitStateFunc(config, "a discovery document", patience, func(v string) bool { return strings.Contains(v, h.Topic("connection")) })
	mark := h.Mark()
	h.Publish("homeassistant/status", "online")
	h.WaitEvent(mark, config, patience, nil)
	for _, datapoint := range []string{"status", "volume", "registration", "call/info", "connection"} {
		h.WaitEvent(mark, h.Topic(datapoint), patience, nil)
	}
}
