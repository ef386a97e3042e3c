package e2e

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"housephone/e2e/peers"
)

// registered starts a registrar and the service as its user "house", and waits for the registration.
func registered(t *testing.T, transport string, c peers.KamailioConfig, e env) (*peers.Ports, *peers.Kamailio, *peers.Housephone) {
	t.Helper()
	ports := peers.NewPorts(t)
	k := peers.NewKamailio(t, ports, c)
	all := k.Env("house", transport)
	maps.Copy(all, e)
	h := start(t, ports, all)
	h.State("registration", "1")
	return ports, k, h
}

func TestLinphoneThroughRegistrar(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ ours, theirs, algorithm string }{
		{"udp", "udp", ""}, {"tcp", "udp", "SHA-256"}, {"tls", "tls", ""},
	} {
		t.Run(c.ours, func(t *testing.T) {
			t.Parallel()
			ports, k, h := registered(t, c.ours, peers.KamailioConfig{TLS: true, Algorithm: c.algorithm}, nil)
			info := h.JSON("registration/info", "registered", func(m map[string]any) bool { return m["state"] == "registered" })
			if expires, _ := info["expires"].(float64); expires <= 0 || expires > 3600 {
				t.Errorf("expires %v", info["expires"])
			}
			if !strings.Contains(fmt.Sprint(info["aor"]), "house@") {
				t.Errorf("aor %v", info["aor"])
			}
			l := peers.NewLinphone(t, ports, peers.LinphoneConfig{Registrar: k, Transport: c.theirs})

			mark := h.Mark()
			sent := h.Send("call", "alice", nil)
			l.Expect("Receiving new incoming call", patience)
			if r := h.WaitResult(sent); !r.OK {
				t.Fatalf("result %+v", r)
			}
			h.State("call", "alice")
			l.Do("answer")
			h.State("status", "active")
			l.WaitTone(peers.HousephoneTone, patience)
			h.WaitTone(700, patience)
			h.Do("dtmf", "5")
			l.Expect("Receiving tone 5", patience)
			l.Do("9")
			h.Event(mark, "dtmf", func(v string) bool { return v == "9" })
			h.Do("hold", "1")
			l.Expect("(?i)paused", patience)
			h.Do("hold", "0")
			l.Expect("(?i)(resumed|streams established)", patience)
			h.Do("call", "hangup")
			l.Expect("ended", patience)
			want(t, h.Ended(mark), map[string]any{"cause": "completed", "by": "local"})

			mark = h.Mark()
			l.Do("call sip:house@" + k.Server(c.theirs))
			h.State("status", "ring")
			l.Expect("(?i)ringing", patience)
			h.Do("call", "answer")
			l.Expect("Media streams established", patience)
			l.WaitTone(peers.HousephoneTone, patience)
			l.Do("terminate")
			h.Idle()
			want(t, h.Ended(mark), map[string]any{"cause": "completed", "by": "remote"})
		})
	}
}

// RFC 3665 3.2: the proxy asks for credentials; a wrong number comes back as such.
func TestProxyAuthentication(t *testing.T) {
	t.Parallel()
	ports, k, h := registered(t, "udp", peers.KamailioConfig{NonceExpire: 1}, nil)
	b := peers.NewBaresip(t, ports, k.BaresipAccount("bob", "tcp"))
	b.WaitRegistered()
	for range 2 {
		h.Do("call", "bob")
		h.Do("call", "hangup")
		h.Idle()
		time.Sleep(1500 * time.Millisecond) // the nonce is stale now
	}
	if r := h.Refused("call", "nobody", "unreachable", "failed"); r.SIP != 404 {
		t.Errorf("result %+v", r)
	}
}

func TestWrongPassword(t *testing.T) {
	t.Parallel()
	ports := peers.NewPorts(t)
	k := peers.NewKamailio(t, ports, peers.KamailioConfig{})
	e := k.Env("house", "udp")
	e["SIP_PASSWORD"] = "wrong-secret-9917"
	h := start(t, ports, e)
	info := h.JSON("registration/info", "failed with a hint", func(m map[string]any) bool { return m["state"] == "failed" })
	want(t, info, map[string]any{"code": 401})
	if hint := fmt.Sprint(info["hint"]); !strings.Contains(hint, "password") {
		t.Errorf("hint %q", hint)
	}
	h.State("registration", "0")
	// the second rejected answer must not be followed by a storm of more: switches lock out who guesses
	before := strings.Count(h.Log(), "REGISTER")
	time.Sleep(3 * time.Second)
	if after := strings.Count(h.Log(), "REGISTER"); after > before+4 {
		t.Errorf("the log names REGISTER %d times more after 3 s", after-before)
	}
	if r := h.Try("registration", "1", nil); r.OK {
		t.Errorf("registering again with the wrong password: %+v", r)
	}
}

func TestWrongAuthority(t *testing.T) {
	t.Parallel()
	ports := peers.NewPorts(t)
	k := peers.NewKamailio(t, ports, peers.KamailioConfig{TLS: true})
	e := k.Env("house", "tls")
	e["SIP_TLS_CA_FILE"] = peers.NewCertificates(t).CAFile
	h := start(t, ports, e)
	info := h.JSON("registration/info", "failed", func(m map[string]any) bool { return m["state"] == "failed" })
	if text := strings.ToLower(fmt.Sprint(info["reason"], info["hint"])); !strings.Contains(text, "certificate") {
		t.Errorf("reason and hint do not name the certificate: %v", info)
	}
}

// The registrar is killed and comes back without its memory: the phone can be called again within seconds.
func TestRegistrarRestarts(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			ports, k, h := registered(t, transport, peers.KamailioConfig{}, nil)
			k.Kill()
			h.State("connection", "online")
			h.WaitState(h.Topic("registration"), "0", 60*time.Second)
			h.JSON("registration/info", "a reason and a hint", func(m map[string]any) bool { return m["reason"] != nil && m["hint"] != nil })
			k.Start()
			begin := time.Now()
			h.WaitState(h.Topic("registration"), "1", 15*time.Second)
			t.Logf("registered again after %v", time.Since(begin))
			b := peers.NewBaresip(t, ports, k.BaresipAccount("bob", "udp"))
			b.WaitRegistered()
			b.Do("dial", "sip:house@"+k.Address())
			h.State("status", "ring")
		})
	}
}

// A call goes on while the registrar is away.
func TestRegistrarGoneInCall(t *testing.T) {
	t.Parallel()
	ports, k, h := registered(t, "udp", peers.KamailioConfig{}, nil)
	b := peers.NewBaresip(t, ports, peers.BaresipConfig{ToneHz: 1000})
	talk(t, h, b)
	h.WaitTone(1000, patience)
	k.Kill()
	time.Sleep(2 * time.Second)
	h.State("status", "active")
	h.WaitTone(1000, patience)
	h.Do("call", "hangup")
	b.WaitEvent(0, "CALL_CLOSED", patience)
}

func TestUnregistersOnStop(t *testing.T) {
	t.Parallel()
	ports, k, h := registered(t, "udp", peers.KamailioConfig{}, nil)
	h.Terminate()
	b := peers.NewBaresip(t, ports, k.BaresipAccount("bob", "udp"))
	b.WaitRegistered()
	b.Do("dial", "sip:house@"+k.Address())
	if closed := b.WaitEvent(0, "CALL_CLOSED", patience); !strings.Contains(closed.Param, "404") {
		t.Errorf("after the stop the registrar answers %q, want 404", closed.Param)
	}
}
