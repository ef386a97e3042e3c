//go:build asterisk

package peers_test

import (
	"testing"

	"housephone/e2e/peers"
)

// Two softphones through the switch, and its own tone: proves the peer before it judges the service.
func TestBaresipThroughAsterisk(t *testing.T) {
	ports := peers.NewPorts(t)
	a := peers.NewAsterisk(t, ports, peers.AsteriskConfig{})
	caller := peers.NewBaresip(t, ports, a.BaresipAccount("alice", "udp"))
	bob := a.BaresipAccount("bob", "tcp")
	bob.ToneHz = 600
	callee := peers.NewBaresip(t, ports, bob)
	caller.WaitRegistered()
	callee.WaitRegistered()

	caller.Do("dial", "sip:bob@"+a.Address())
	callee.WaitEvent(0, "CALL_INCOMING", patience)
	callee.Do("accept", "")
	caller.WaitEvent(0, "CALL_ESTABLISHED", patience)
	caller.WaitTone(600, patience)
	callee.WaitTone(1000, patience)
	caller.Do("hangup", "")
	callee.WaitEvent(0, "CALL_CLOSED", patience)

	mark := caller.Mark()
	caller.Do("dial", "sip:601@"+a.Address())
	caller.WaitEvent(mark, "CALL_ESTABLISHED", patience)
	caller.WaitTone(800, patience)
}
