package e2e

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"housephone/e2e/peers"
)

// Each bad command gets one result with a sentence and a code, and changes nothing.
func TestBadCommands(t *testing.T) {
	t.Parallel()
	ports := peers.NewPorts(t)
	h := start(t, ports, nil)
	before := states(h)
	for _, c := range []struct {
		name, datapoint, payload string
		codes                    string // any of these
	}{
		{"switch that is neither", "mute", "maybe", "invalid"},
		{"switch with a number", "dnd", "2", "invalid"},
		{"hold without a call", "hold", "1", "refused"},
		{"empty switch", "autoanswer", "", "invalid"},
		{"volume above", "volume", "21", "invalid"},
		{"volume below", "volume", "-1", "invalid"},
		{"volume as a word", "volume", "loud", "invalid"},
		{"volume as a fraction", "volume", "3.5", "invalid"},
		{"no value", "volume", `{"id":"x"}`, "invalid"},
		{"value is an object", "volume", `{"value":{"a":1}}`, "invalid"},
		{"broken JSON", "volume", `{"value":`, "invalid"},
		{"two JSON documents", "volume", `{"value":1}{"value":2}`, "invalid"},
		{"empty call", "call", "", "invalid"},
		{"number without a server", "call", "601", "invalid"},
		{"address with a line break", "call", "x@127.0.0.1:5999\r\nVia: evil", "invalid"},
		{"line break in JSON", "call", `{"value":"x@127.0.0.1:5999\r\nX: y"}`, "invalid"},
		{"NUL", "call", "x\x00@127.0.0.1:5999", "invalid"},
		{"brackets", "call", "<sip:x@127.0.0.1>", "invalid"},
		{"another scheme", "call", "http://127.0.0.1/", "invalid"},
		{"answer with nothing ringing", "call", "answer", "refused"},
		{"hang up without a call", "call", "hangup", "refused"},
		{"transfer while idle", "transfer", "x@127.0.0.1:5999", "refused"},
		{"keys without a call", "dtmf", "123", "refused"},
		{"keys that are none", "dtmf", "12x", "invalid"},
		{"no keys", "dtmf", "", "invalid"},
		{"message to nobody", "message", `{"body":"hello"}`, "invalid"},
		{"message as text", "message", "hello", "invalid"},
		{"unknown console command", "generic", "frobnicate", "invalid not_supported refused failed"},
		{"registration off", "registration", "0", "invalid"},
		{"unknown datapoint", "fridge", "1", "invalid"},
		{"datapoint that only reports", "status", "active", "invalid"},
		{"not UTF-8", "display", "\xff\xfe", "invalid"},
		{"not UTF-8 call", "call", "\xc3\x28@127.0.0.1", "invalid"},
		{"17 KiB", "call", strings.Repeat("9", 17<<10), "invalid"},
		{"exec without permission", "exec", "id", "refused not_supported"},
		{"door without a door", "door", "unlock", "refused not_supported"},
		{"nobody listens there", "call", "x@127.0.0.1:" + fmt.Sprint(ports.Next()), "unreachable timeout failed"},
		{"a name that does not exist", "call", "x@pbx.invalid", "unreachable failed"},
	} {
		mark := h.Mark()
		r := h.Raw(c.datapoint, c.payload)
		if r.OK || len(r.Error) < 10 || !contains(c.codes, r.Code) {
			t.Errorf("%s: want code %s and a sentence, got %+v", c.name, c.codes, r)
		}
		if strings.Contains(r.Error, "\n") || strings.Contains(r.Error, "Error{") {
			t.Errorf("%s: %q is no sentence", c.name, r.Error)
		}
		h.Do("dnd", "0") // comes after everything the bad command could cause
		if n := len(h.Since(mark, h.Topic("result"))); n != 2 {
			t.Errorf("%s: %d results, want one for it and one for the command after it", c.name, n)
		}
	}
	h.Idle()
	if after := states(h); after != before {
		t.Errorf("states changed:\nbefore %s\nafter  %s", before, after)
	}
	if !h.Ready() {
		t.Error("not ready any more")
	}
}

// states are the values that no bad command may change.
func states(h *peers.Housephone) string {
	var all []string
	for _, datapoint := range []string{"connection", "mode", "mute", "hold", "autoanswer", "dnd", "volume", "status"} {
		v := h.WaitStateFunc(h.Topic(datapoint), "a value", patience, func(v string) bool { return v != "" })
		all = append(all, datapoint+"="+v)
	}
	return strings.Join(all, " ")
}

func contains(list, word string) bool {
	for w := range strings.FieldsSeq(list) {
		if w == word {
			return true
		}
	}
	return false
}

func TestBadCommandsInACall(t *testing.T) {
	h, b := pair(t, nil, peers.BaresipConfig{ToneHz: 1000})
	third := peers.NewBaresip(t, peers.NewPorts(t), peers.BaresipConfig{User: "third"})
	talk(t, h, b)
	h.Refused("call", third.Address(), "busy", "refused")
	h.Refused("call", "answer", "refused")
	h.Refused("transfer", "not an address", "invalid")
	h.Refused("hold", "perhaps", "invalid")
	h.Refused("play/file", "welcome.wav", "refused", "not_supported", "invalid")
	if n := len(third.Since(0, "CALL_INCOMING")); n != 0 {
		t.Errorf("the third phone rang %d times", n)
	}
	h.State("call", b.Address())
	b.WaitTone(peers.HousephoneTone, patience)
	h.WaitTone(1000, patience)
}

// Datagrams that are no SIP do not disturb a call.
func TestGarbageInACall(t *testing.T) {
	h, b := pair(t, nil, peers.BaresipConfig{ToneHz: 1000})
	talk(t, h, b)
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "udp", h.SIPAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for i := range 2000 {
		junk := []string{
			"\r\n\r\n", strings.Repeat("A", 3000), "INVITE", "SIP/2.0 200 OK\r\n\r\n",
			"INVITE sip:phone@" + h.SIPAddr + " SIP/2.0\r\nContent-Length: 99999999\r\n\r\n",
			"BYE sip:phone SIP/2.0\r\nVia: \x00\xff\r\nCSeq: -1 BYE\r\nCall-ID: \r\n\r\n",
		}[i%6]
		_, _ = conn.Write([]byte(junk)) // a refusal by ICMP is an answer too
	}
	time.Sleep(500 * time.Millisecond)
	h.State("status", "active")
	h.WaitTone(1000, patience)
	b.WaitTone(peers.HousephoneTone, patience)
}

// A wrong setting stops the start with one line that names the variable, and -check says the same.
func TestBadSettings(t *testing.T) {
	t.Parallel()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	udp, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = udp.Close() })
	for _, c := range []struct {
		name, value string
		say         string // also in the line
		start       bool   // only seen at the start, not by -check
	}{
		{"SIP_LISTEN", udp.LocalAddr().String(), "in use", true},
		{"MQTT_LISTEN", taken.Addr().String(), "in use", true},
		{"HTTP_LISTEN", taken.Addr().String(), "in use", true},
		{"SIP_TRANSPORT", "pigeon", "udp", false},
		{"SIP_EXPIRES", "soon", "", false},
		{"SIP_SRTP", "perhaps", "required", false},
		{"SIP_RTP_PORTS", "99999", "", false},
		{"SIP_RTP_PORTS", "20000-10000", "", false},
		{"SIP_LISTEN", "nowhere", "", false},
		{"SIP_ALLOW_FROM", "everywhere/33", "", false},
		{"SIP_PASSWORD_FILE", "/nonexistent/secret", "", false},
		{"MQTT_URL", "gopher://x", "mqtt", false},
		{"MQTT_CA_FILE", "/nonexistent/ca.pem", "", false},
		{"PHONE_MODE", "toaster", "ivr", false},
		{"PHONE_AUTOANSWER", "vielleicht", "", false},
		{"PHONE_RING_TIMEOUT", "-3s", "", false},
		{"PHONE_CODECS", "pcma,morse", "pcmu", false},
		{"PHONE_DTMF", "smoke", "rfc4733", false},
		{"LOG_LEVEL", "noisy", "debug", false},
		{"LOG_FORMAT", "xml", "json", false},
		{"HOUSEPHONE_ID", "a/b", "", false},
		{"AUDIO_CAPTURE", "tone:x", "", false},
		{"PAIR_MODE", "triplet", "off", false},
	} {
		t.Run(c.name+"="+c.value, func(t *testing.T) {
			t.Parallel()
			ports := peers.NewPorts(t)
			settings := env{c.name: c.value}
			if c.name == "MQTT_CA_FILE" { // read only where there is TLS
				settings["MQTT_URL"] = "mqtts://127.0.0.1:1"
			}
			h := peers.NewHousephone(t, ports, peers.HousephoneConfig{Program: program, Env: settings, Down: true})
			named(t, h.Wait(patience), h.Log(), c.name, c.value, c.say)
			if c.start {
				return
			}
			var list []string
			for name, value := range settings {
				list = append(list, name+"="+value)
			}
			check := peers.Start(t, peers.Command{Path: program, Args: []string{"-check"}, Env: list, Quiet: true})
			named(t, check.Wait(patience), check.Log(), c.name, c.value, c.say)
		})
	}
}

// named checks an exit that complains of a setting.
func named(t *testing.T, exit peers.Exit, log, name, value, say string) {
	t.Helper()
	if exit.Code <= 0 {
		t.Errorf("exit %d, want a failure", exit.Code)
	}
	var complaint string
	for line := range strings.Lines(log) {
		if strings.Contains(line, name) {
			complaint = line
		}
	}
	if complaint == "" || !strings.Contains(complaint, value) || !strings.Contains(complaint, say) {
		t.Errorf("no line names %s, %q and %q; it said:\n%s", name, value, say, log)
	}
	if strings.Contains(log, "goroutine ") || strings.Count(log, "\n") > 5 {
		t.Errorf("more than a line or two:\n%s", log)
	}
}

// A registrar that cannot be found is no reason to stop: registration/info says what is wrong.
func TestUnknownServer(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]env{
		"no such name":   {"SIP_SERVER": "pbx.invalid", "SIP_USER": "601", "SIP_PASSWORD": "secret-88121"},
		"nobody listens": {"SIP_SERVER": "127.0.0.1", "SIP_PORT": "1", "SIP_TRANSPORT": "tcp", "SIP_USER": "601", "SIP_PASSWORD": "secret-88121"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := start(t, peers.NewPorts(t), e)
			info := h.JSON("registration/info", "failed in words", func(m map[string]any) bool {
				return m["state"] == "failed" && m["hint"] != nil && m["reason"] != nil
			})
			if !strings.Contains(fmt.Sprint(info["registrar"]), e["SIP_SERVER"]) {
				t.Errorf("registrar is %v", info["registrar"])
			}
			h.State("registration", "0")
			h.Refused("call", "600", "unreachable", "failed", "refused", "timeout")
		})
	}
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		arg  string
		says []string
	}{
		{"-h", []string{"SIP_SERVER", "MQTT_URL", "PHONE_RING_TIMEOUT", "60s"}},
		{"-version", []string{"housephone"}},
		{"-check", nil},
		{"topics", []string{"call/ended", "registration/info", "volume"}},
	} {
		p := peers.Start(t, peers.Command{Path: program, Args: []string{c.arg}, Quiet: true})
		if exit := p.Wait(patience); exit.Code != 0 {
			t.Errorf("%s: exit %d: %s", c.arg, exit.Code, p.Log())
		}
		for _, word := range c.says {
			if !strings.Contains(p.Log(), word) {
				t.Errorf("%s does not name %s", c.arg, word)
			}
		}
	}
	p := peers.Start(t, peers.Command{Path: program, Args: []string{"-nonsense"}, Quiet: true})
	if exit := p.Wait(patience); exit.Code <= 0 {
		t.Errorf("an unknown option: exit %d", exit.Code)
	}
}
