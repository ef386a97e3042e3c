package e2e

import (
	"testing"

	"housephone/e2e/peers"
)

// Encrypted sound both ways, with a telephone that insists on it.
func TestSRTP(t *testing.T) {
	h, b := pair(t, env{"SIP_SRTP": "required"}, peers.BaresipConfig{ToneHz: 1000, Account: ";regint=0;mediaenc=srtp-mand"})
	talk(t, h, b)
	info := h.JSON("call/info", "an active call", func(m map[string]any) bool { return m["status"] == "active" })
	want(t, info, map[string]any{"secure": true})
	b.WaitTone(peers.HousephoneTone, patience)
	h.WaitTone(1000, patience)
	h.Do("hold", "1")
	h.Do("hold", "0") // the keys go on
	b.WaitTone(peers.HousephoneTone, patience)
	h.Do("call", "hangup")
	h.Idle()

	ring(t, h, b)
	h.Do("call", "answer")
	h.JSON("call/info", "a secure call", func(m map[string]any) bool { return m["secure"] == true })
	h.WaitTone(1000, patience)
}

// Who requires encryption talks to nobody without, in either direction.
func TestSRTPRequired(t *testing.T) {
	h, b := pair(t, env{"SIP_SRTP": "required"}, peers.BaresipConfig{})
	h.Refused("call", b.Address(), "not_supported", "failed")
	mark := b.Mark()
	b.Do("dial", "sip:phone@"+h.SIPAddr)
	b.WaitEvent(mark, "CALL_CLOSED", patience)
	h.Idle()
}

// Who only prefers it falls back, and says so.
func TestSRTPOptional(t *testing.T) {
	h, b := pair(t, env{"SIP_SRTP": "optional"}, peers.BaresipConfig{ToneHz: 1000})
	talk(t, h, b)
	info := h.JSON("call/info", "an active call", func(m map[string]any) bool { return m["status"] == "active" })
	want(t, info, map[string]any{"secure": false})
	h.WaitTone(1000, patience)
}

// Wide-band sound.
func TestG722(t *testing.T) {
	h, b := pair(t, env{"PHONE_CODECS": "g722"}, peers.BaresipConfig{ToneHz: 1000, Codecs: "g722/16000/1", Rate: 16000})
	talk(t, h, b)
	info := h.JSON("call/info", "an active call", func(m map[string]any) bool { return m["status"] == "active" })
	want(t, info, map[string]any{"codec": "G722"})
	b.WaitTone(peers.HousephoneTone, patience)
	h.WaitTone(1000, patience)
}
