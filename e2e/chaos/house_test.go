package chaos

import (
	"maps"
	"testing"

	"housephone/e2e/peers"
)

type env map[string]string

// house is a service and a softphone, and what lies between them.
type house struct {
	*peers.Housephone
	ports *peers.Ports
	bob   *peers.Baresip
	pbx   *peers.Kamailio  // nil without a switch
	mq    *peers.Mosquitto // nil = the embedded broker
}

// atSwitch starts a switch, the service as its user house and a softphone as its user bob.
func atSwitch(t *testing.T, transport string, c peers.KamailioConfig, e env) *house {
	t.Helper()
	h := &house{ports: peers.NewPorts(t)}
	h.pbx = peers.NewKamailio(t, h.ports, c)
	all := env(h.pbx.Env("house", transport))
	maps.Copy(all, e)
	h.Housephone = peers.NewHousephone(t, h.ports, peers.HousephoneConfig{Program: chaos.program, Env: all})
	h.State("registration", "1")
	h.bob = peers.NewBaresip(t, h.ports, h.pbx.BaresipAccount("bob", "udp"))
	h.bob.WaitRegistered()
	return h
}

// atBroker starts a broker, the service and a softphone that is called directly.
func atBroker(t *testing.T, e env) *house {
	t.Helper()
	h := &house{ports: peers.NewPorts(t)}
	h.mq = peers.NewMosquitto(t, h.ports, peers.MosquittoConfig{})
	h.Housephone = peers.NewHousephone(t, h.ports, peers.HousephoneConfig{Program: chaos.program, Broker: h.mq, Env: e})
	h.bob = peers.NewBaresip(t, h.ports, peers.BaresipConfig{})
	return h
}

// alone starts the service with its own broker and a softphone.
func alone(t *testing.T, e env) *house {
	t.Helper()
	h := &house{ports: peers.NewPorts(t)}
	h.Housephone = peers.NewHousephone(t, h.ports, peers.HousephoneConfig{Program: chaos.program, Env: e})
	h.bob = peers.NewBaresip(t, h.ports, peers.BaresipConfig{})
	return h
}

// dialled is how bob calls the house.
func (h *house) dialled() string {
	if h.pbx != nil {
		return "sip:house@" + h.pbx.Address()
	}
	return "sip:phone@" + h.SIPAddr
}

// callOut lets the house call bob and waits until bob rings.
func (h *house) callOut(t *testing.T) {
	t.Helper()
	to := h.bob.Address()
	if h.pbx != nil {
		to = "bob"
	}
	mark := h.bob.Mark()
	h.Do("call", to)
	h.bob.WaitEvent(mark, "CALL_INCOMING", patience)
	h.State("status", "dial")
}

// talk lets the house call bob, who answers; both hear each other.
func (h *house) talk(t *testing.T) {
	t.Helper()
	mark := h.bob.Mark()
	h.callOut(t)
	h.bob.Do("accept", "")
	h.State("status", "active")
	h.bob.WaitEvent(mark, "CALL_ESTABLISHED", patience)
	h.hears(t)
}

// hears waits until both hear each other.
func (h *house) hears(t *testing.T) {
	t.Helper()
	h.bob.WaitTone(peers.HousephoneTone, patience)
	h.WaitTone(1000, patience)
}

// ring lets bob call the house.
func (h *house) ring(t *testing.T) {
	t.Helper()
	h.bob.Do("dial", h.dialled())
	h.State("status", "ring")
}

// works proves that a call still works, from bob to the house.
func (h *house) works(t *testing.T) {
	t.Helper()
	mark := h.bob.Mark()
	h.ring(t)
	h.Do("call", "answer")
	h.State("status", "active")
	h.bob.WaitEvent(mark, "CALL_ESTABLISHED", patience)
	h.hears(t)
	h.Do("call", "hangup")
	h.bob.WaitEvent(mark, "CALL_CLOSED", patience)
	h.Idle()
}
