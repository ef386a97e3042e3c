//go:build asterisk

package e2e

import (
	"strings"
	"testing"
	"time"

	"housephone/e2e/peers"
)

// onAsterisk starts the switch and the service as its user "house".
func onAsterisk(t *testing.T, transport, algorithms string) (*peers.Ports, *peers.Asterisk, *peers.Housephone) {
	t.Helper()
	ports := peers.NewPorts(t)
	a := peers.NewAsterisk(t, ports, peers.AsteriskConfig{Algorithms: algorithms})
	h := start(t, ports, a.Env("house", transport))
	h.State("registration", "1")
	return ports, a, h
}

func phoneOn(t *testing.T, a *peers.Asterisk, user string, hz float64) *peers.Baresip {
	t.Helper()
	c := a.BaresipAccount(user, "udp")
	c.ToneHz = hz
	b := peers.NewBaresip(t, peers.NewPorts(t), c)
	b.WaitRegistered()
	return b
}

// Registration with each digest and over each transport, and calls to the switch's own extensions.
func TestAsteriskRegisters(t *testing.T) {
	for _, c := range []struct{ transport, algorithms string }{
		{"udp", "MD5"}, {"udp", "SHA-256"}, {"tcp", "SHA-256,MD5"}, {"udp", "MD5,SHA-256"},
	} {
		t.Run(c.transport+" "+c.algorithms, func(t *testing.T) {
			_, _, h := onAsterisk(t, c.transport, c.algorithms)
			h.Do("call", "601")
			h.State("status", "active")
			h.WaitTone(800, patience)
			h.Do("call", "hangup")
			h.Idle()
			mark := h.Mark()
			h.Try("call", "602", nil)
			want(t, h.Ended(mark), map[string]any{"cause": "busy", "sip": 486})
			h.Refused("call", "699", "unreachable")
		})
	}
}

// Calls both ways with direct media: the switch moves the media by re-INVITE right after the answer.
func TestAsteriskCalls(t *testing.T) {
	_, a, h := onAsterisk(t, "udp", "MD5")
	b := phoneOn(t, a, "bob", 1000)

	mark := h.Mark()
	sent := h.Send("call", "bob", nil)
	b.WaitEvent(0, "CALL_INCOMING", patience)
	if r := h.WaitResult(sent); !r.OK {
		t.Fatalf("result %+v", r)
	}
	b.Do("accept", "")
	h.State("status", "active")
	time.Sleep(time.Second) // the media has moved
	b.WaitTone(peers.HousephoneTone, patience)
	h.WaitTone(1000, patience)
	h.Do("dtmf", "42")
	if !peers.Eventually(patience, func() bool { return b.Keys(0) == "42" }) {
		t.Errorf("the softphone heard %q", b.Keys(0))
	}
	h.Do("hold", "1")
	h.State("hold", "1")
	time.Sleep(500 * time.Millisecond)
	h.Do("hold", "0")
	h.State("hold", "0")
	time.Sleep(time.Second)
	b.WaitTone(peers.HousephoneTone, patience)
	h.WaitTone(1000, patience)
	h.Do("call", "hangup")
	b.WaitEvent(0, "CALL_CLOSED", patience)
	want(t, h.Ended(mark), map[string]any{"cause": "completed", "by": "local"})

	mark = h.Mark()
	b.Do("dial", "sip:house@"+a.Address())
	h.State("status", "ring")
	h.State("call", "bob")
	h.Do("call", "answer")
	h.State("status", "active")
	time.Sleep(time.Second)
	b.WaitTone(peers.HousephoneTone, patience)
	h.WaitTone(1000, patience)
	keys := h.Mark()
	b.Do("sndcode", "7")
	h.Event(keys, "dtmf", func(v string) bool { return v == "7" })
	b.Do("hangup", "")
	h.Idle()
	want(t, h.Ended(mark), map[string]any{"cause": "completed", "by": "remote"})
}

// media_encryption=sdes: sound is encrypted both ways, over hold and resume, and a phone without encryption is refused.
func TestAsteriskSRTP(t *testing.T) {
	ports := peers.NewPorts(t)
	a := peers.NewAsterisk(t, ports, peers.AsteriskConfig{SRTP: true})
	e := a.Env("house", "udp")
	e["SIP_SRTP"] = "required"
	h := start(t, ports, e)
	h.State("registration", "1")
	h.Do("call", "601")
	h.JSON("call/info", "a secure call", func(m map[string]any) bool { return m["secure"] == true && m["status"] == "active" })
	h.WaitTone(800, patience)
	h.Do("hold", "1")
	h.Do("hold", "0")
	h.WaitTone(800, patience)
	h.Do("call", "hangup")
	h.Idle()
	h.Do("call", "600") // our own tone comes back
	h.JSON("call/info", "a secure call", func(m map[string]any) bool { return m["secure"] == true && m["status"] == "active" })
	h.WaitTone(peers.HousephoneTone, patience)
	h.Do("call", "hangup")
	h.Idle()

	e = a.Env("alice", "udp")
	plain := start(t, ports, e)
	plain.State("registration", "1")
	plain.Refused("call", "601", "not_supported", "failed")
}

func TestAsteriskTransfer(t *testing.T) {
	_, a, h := onAsterisk(t, "udp", "MD5")
	b := phoneOn(t, a, "bob", 1000)
	third := phoneOn(t, a, "alice", 600)
	h.Do("call", "bob")
	b.Do("accept", "")
	h.State("status", "active")
	time.Sleep(500 * time.Millisecond)
	mark := h.Mark()
	sent := h.Send("transfer", "alice", nil)
	third.WaitEvent(0, "CALL_INCOMING", patience)
	third.Do("accept", "")
	h.Event(mark, "transfer", func(v string) bool { return v == "accepted" })
	if r := h.WaitResult(sent); !r.OK {
		t.Errorf("result %+v", r)
	}
	h.Idle()
	third.WaitTone(1000, patience)
	b.WaitTone(600, patience)
}

func TestAsteriskTransferFails(t *testing.T) {
	_, a, h := onAsterisk(t, "udp", "MD5")
	b := phoneOn(t, a, "bob", 1000)
	h.Do("call", "bob")
	b.Do("accept", "")
	h.State("status", "active")
	time.Sleep(500 * time.Millisecond)
	mark := h.Mark()
	h.Try("transfer", "699", nil)
	h.Event(mark, "transfer", func(v string) bool { return strings.HasPrefix(v, "failed") })
	h.State("status", "active")
	h.WaitTone(1000, patience)
}

// The switch sends a re-INVITE to refresh the session each 45 s; two of them leave the call as it was.
func TestAsteriskSessionTimer(t *testing.T) {
	t.Parallel()
	_, _, h := onAsterisk(t, "udp", "MD5")
	h.Do("call", "601")
	h.State("status", "active")
	time.Sleep(100 * time.Second)
	h.State("status", "active")
	h.WaitTone(800, patience)
}

// The switch is killed during a call and starts again: it knows nothing of the call, but the phone is reachable again
// within seconds, and the call can be ended.
func TestAsteriskRestarts(t *testing.T) {
	t.Parallel()
	_, a, h := onAsterisk(t, "udp", "MD5")
	b := phoneOn(t, a, "bob", 1000)
	h.Do("call", "bob")
	b.Do("accept", "")
	h.State("status", "active")
	time.Sleep(time.Second)
	a.Kill()
	time.Sleep(2 * time.Second)
	a.Start()
	h.State("status", "active")
	begin := time.Now()
	h.Do("call", "hangup")
	h.Idle()
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("hanging up a call that the switch has forgotten took %v", took)
	}
	if !peers.Eventually(60*time.Second, func() bool {
		b.Try("hangup", "")
		b.Try("dial", "sip:house@"+a.Address())
		return peers.Eventually(2*time.Second, func() bool { v, _ := h.Last(h.Topic("status")); return v == "ring" })
	}) {
		t.Error("the phone cannot be called after the restart")
	}
}
