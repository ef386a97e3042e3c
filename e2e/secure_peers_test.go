package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"housephone/e2e/peers"
)

// linphone with TLS and encrypted sound, through a registrar.
func TestLinphoneTLSAndSRTP(t *testing.T) {
	t.Parallel()
	ports, k, h := registered(t, "tls", peers.KamailioConfig{TLS: true}, env{"SIP_SRTP": "required"})
	l := peers.NewLinphone(t, ports, peers.LinphoneConfig{Registrar: k, Transport: "tls", SRTP: true})
	sent := h.Send("call", "alice", nil)
	l.Expect("Receiving new incoming call", patience)
	h.WaitResult(sent)
	l.Do("answer")
	info := h.JSON("call/info", "an active call", func(m map[string]any) bool { return m["status"] == "active" })
	want(t, info, map[string]any{"secure": true})
	l.WaitTone(peers.HousephoneTone, patience)
	h.WaitTone(700, patience)
	h.Do("hold", "1") // a re-INVITE with the same keys
	l.Expect("(?i)paused", patience)
	h.Do("hold", "0")
	l.Expect("(?i)(resumed|streams established)", patience)
	l.WaitTone(peers.HousephoneTone, patience)
	h.WaitTone(700, patience)
	l.Do("pause") // linphone's re-INVITE
	h.JSON("call/info", "still secure", func(m map[string]any) bool { return m["secure"] == true })
	l.Do("resume")
	h.WaitTone(700, patience)
	h.Do("call", "hangup")
	l.Expect("ended", patience)

	l.Do("call sip:house@" + k.Server("tls"))
	h.State("status", "ring")
	h.Do("call", "answer")
	h.JSON("call/info", "a secure call", func(m map[string]any) bool { return m["secure"] == true && m["status"] == "active" })
	l.WaitTone(peers.HousephoneTone, patience)
	h.WaitTone(700, patience)
	l.Do("terminate")
	h.Idle()
}

// The key of a server is pinned, so that no authority is needed; another key is refused, and the hint tells which it is.
func TestPinnedServer(t *testing.T) {
	t.Parallel()
	ports := peers.NewPorts(t)
	k := peers.NewKamailio(t, ports, peers.KamailioConfig{TLS: true})
	e := k.Env("house", "tls")
	e["SIP_TLS_CA_FILE"] = ""
	e["SIP_TLS_PIN"] = "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	wrong := start(t, ports, e)
	info := wrong.JSON("registration/info", "failed", func(m map[string]any) bool { return m["state"] == "failed" })
	found := regexp.MustCompile(`sha256//[A-Za-z0-9+/]{43}=`).FindString(fmt.Sprint(info["hint"]))
	if found == "" || found == e["SIP_TLS_PIN"] {
		t.Fatalf("the hint names no key: %v", info)
	}
	wrong.Terminate()

	e["SIP_TLS_PIN"] = e["SIP_TLS_PIN"] + "," + found
	h := start(t, ports, e)
	h.State("registration", "1")
	h.Terminate()

	e["SIP_TLS_CA_FILE"] = peers.NewCertificates(t).CAFile // a named authority counts as well
	both := start(t, ports, e)
	info = both.JSON("registration/info", "failed", func(m map[string]any) bool { return m["state"] == "failed" })
	if text := strings.ToLower(fmt.Sprint(info["reason"])); !strings.Contains(text, "certificate") {
		t.Errorf("a key that is right with an authority that is wrong: %v", info)
	}
}

// Without pin and authority a certificate that nobody here trusts is refused.
func TestCertificatesAreVerified(t *testing.T) {
	t.Parallel()
	ports := peers.NewPorts(t)
	k := peers.NewKamailio(t, ports, peers.KamailioConfig{TLS: true})
	e := k.Env("house", "tls")
	e["SIP_TLS_CA_FILE"] = ""
	h := start(t, ports, e)
	info := h.JSON("registration/info", "failed", func(m map[string]any) bool { return m["state"] == "failed" })
	if hint := fmt.Sprint(info["hint"]); !strings.Contains(hint, "authority") || !strings.Contains(hint, "SIP_TLS_CA_FILE") || !strings.Contains(hint, "SIP_TLS_PIN") {
		t.Errorf("hint %q", hint)
	}
}

// Wide-band codecs with peers of the other kind.
func TestOpusWithBaresip(t *testing.T) {
	h, b := pair(t, env{"PHONE_CODECS": "opus,pcma", "SIP_SRTP": "required"},
		peers.BaresipConfig{ToneHz: 1000, Codecs: "opus/48000/2", Rate: 48000, Channels: 2, Account: ";regint=0;mediaenc=srtp-mand"})
	talk(t, h, b)
	info := h.JSON("call/info", "an active call", func(m map[string]any) bool { return m["status"] == "active" })
	want(t, info, map[string]any{"codec": "opus", "secure": true})
	b.WaitTone(peers.HousephoneTone, patience)
	h.WaitTone(1000, patience)
}

func TestCodecsWithLinphone(t *testing.T) {
	t.Parallel()
	for _, codec := range []string{"opus 48000 2", "G722 8000 1"} {
		name := strings.Fields(codec)[0]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ports := peers.NewPorts(t)
			h := start(t, ports, env{"PHONE_CODECS": strings.ToLower(name)})
			l := peers.NewLinphone(t, ports, peers.LinphoneConfig{Codec: codec})
			sent := h.Send("call", l.Address(), nil)
			l.Expect("Receiving new incoming call", patience)
			h.WaitResult(sent)
			l.Do("answer")
			info := h.JSON("call/info", "an active call", func(m map[string]any) bool { return m["status"] == "active" })
			want(t, info, map[string]any{"codec": name})
			l.WaitTone(peers.HousephoneTone, patience)
			h.WaitTone(700, patience)
			h.Do("call", "hangup")
		})
	}
}
