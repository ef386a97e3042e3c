package e2e

import (
	"fmt"
	"strings"
	"testing"

	"housephone/e2e/peers"
)

// shell is a user with nothing but mosquitto_pub and mosquitto_sub.
type shell struct {
	t    *testing.T
	port string
	base string
	sub  *peers.Process
	from int // what mosquitto_sub had said before the last step
}

func newShell(t *testing.T, h *peers.Housephone) *shell {
	t.Helper()
	s := &shell{t: t, port: fmt.Sprint(h.MQTTPort), base: h.Base}
	s.sub = peers.Start(t, peers.Command{
		Path:  peers.Program(t, "mosquitto_sub"),
		Args:  []string{"-h", "127.0.0.1", "-p", s.port, "-v", "-t", s.base + "/#"},
		Ready: func(p *peers.Process) bool { return strings.Contains(p.Log(), s.base+"/connection online") },
	})
	return s
}

func (s *shell) pub(datapoint, value string) {
	s.t.Helper()
	s.from = len(s.sub.Log())
	peers.Run(s.t, peers.Program(s.t, "mosquitto_pub"), "-h", "127.0.0.1", "-p", s.port, "-t", s.base+"/"+datapoint+"/set", "-m", value)
}

// see waits for a line of mosquitto_sub after the last pub.
func (s *shell) see(datapoint, value string) {
	s.t.Helper()
	line := s.base + "/" + datapoint + " " + value
	if !peers.Eventually(patience, func() bool { return strings.Contains(s.sub.Log()[s.from:], line) }) {
		s.t.Fatalf("mosquitto_sub never showed %q but:\n%s", line, s.sub.Log()[s.from:])
	}
}

// A new user: no settings but free ports, no sound card, the broker inside, and only mosquitto's two commands. The phone
// is called, answers, calls, is muted, keyed, held, transferred and hung up.
func TestFirstRun(t *testing.T) {
	t.Parallel()
	ports := peers.NewPorts(t)
	h := peers.NewHousephone(t, ports, peers.HousephoneConfig{Program: program, Bare: true})
	b := peers.NewBaresip(t, ports, peers.BaresipConfig{})
	third := peers.NewBaresip(t, ports, peers.BaresipConfig{User: "third", Account: ";regint=0;answermode=auto"})
	for _, hint := range []string{"mosquitto_pub", "sip:", h.Base} {
		if !strings.Contains(h.Log(), hint) {
			t.Errorf("the first start does not show %q", hint)
		}
	}
	s := newShell(t, h)

	s.from = len(s.sub.Log())
	b.Do("dial", "sip:phone@"+h.SIPAddr)
	s.see("status", "ring")
	s.see("call", b.Address())
	s.pub("call", "answer")
	s.see("status", "active")
	s.see("result", `{`)
	b.WaitEvent(0, "CALL_ESTABLISHED", patience)
	s.from = len(s.sub.Log())
	b.Do("sndcode", "5")
	s.see("dtmf", "5")
	s.pub("call", "hangup")
	s.see("status", "hangup")
	s.see("call/ended", `{`)
	b.WaitEvent(0, "CALL_CLOSED", patience)

	mark := b.Mark()
	s.pub("call", b.Address())
	s.see("status", "dial")
	b.WaitEvent(mark, "CALL_INCOMING", patience)
	b.Do("accept", "")
	s.see("status", "active")
	for _, datapoint := range []string{"mute", "hold"} {
		s.pub(datapoint, "1")
		s.see(datapoint, "1")
		s.pub(datapoint, "0")
		s.see(datapoint, "0")
	}
	s.pub("dtmf", "12#")
	if !peers.Eventually(patience, func() bool { return b.Keys(mark) == "12#" }) {
		t.Errorf("the softphone heard %q", b.Keys(mark))
	}
	s.pub("transfer", third.Address())
	s.see("transfer", "accepted")
	s.see("status", "hangup")
	third.WaitEvent(0, "CALL_ESTABLISHED", patience)
	h.Terminate()
}
