package chaos

import (
	"strconv"
	"testing"
	"time"

	"housephone/e2e/peers"
)

// A router forgets the TCP connection to the switch. The service notices by itself, and can be called again.
func TestHalfOpenSwitch(t *testing.T) {
	t.Parallel()
	h := &house{ports: peers.NewPorts(t)}
	h.pbx = peers.NewKamailio(t, h.ports, peers.KamailioConfig{})
	w := peers.NewTCPRelay(t, h.ports, h.pbx.Port)
	e := h.pbx.Env("house", "tcp")
	e["SIP_PORT"] = strconv.Itoa(w.Port)
	h.Housephone = peers.NewHousephone(t, h.ports, peers.HousephoneConfig{Program: chaos.program, Env: e})
	h.State("registration", "1")
	h.bob = peers.NewBaresip(t, h.ports, h.pbx.BaresipAccount("bob", "udp"))
	h.bob.WaitRegistered()
	h.works(t)
	time.Sleep(6 * time.Second) // a switch that has answered a ping is known to answer them

	mark := h.Mark()
	w.Forget()
	within(t, "the loss is noticed", time.Minute, func() bool {
		for _, m := range h.Since(mark, h.Topic("registration")) {
			if m.Payload == "0" {
				return true
			}
		}
		return false
	})
	within(t, "registered over a new connection", backLimit, func() bool {
		v, _ := h.Last(h.Topic("registration"))
		return v == "1"
	})
	h.works(t)
	atRest(t, h.Housephone)
}

// A router forgets the TCP connection to the broker in a call. States that change meanwhile are told over a new one.
func TestHalfOpenBroker(t *testing.T) {
	t.Parallel()
	h := &house{ports: peers.NewPorts(t)}
	h.mq = peers.NewMosquitto(t, h.ports, peers.MosquittoConfig{})
	w := peers.NewTCPRelay(t, h.ports, h.mq.Port)
	h.Housephone = peers.NewHousephone(t, h.ports, peers.HousephoneConfig{
		Program: chaos.program, Broker: h.mq, Env: env{"MQTT_URL": "mqtt://" + peers.Loopback(w.Port)},
	})
	h.bob = peers.NewBaresip(t, h.ports, peers.BaresipConfig{})
	h.talk(t)
	mark := h.Mark()
	w.Forget()
	h.bob.Do("hangup", "")
	within(t, "the end of the call is told over a new connection", 90*time.Second, func() bool {
		v, _ := h.Last(h.Topic("status"))
		return v == "hangup" && len(h.Since(mark, h.Topic("call/ended"))) == 1
	})
	atRest(t, h.Housephone)
	h.works(t)
}
