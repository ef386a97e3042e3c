package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"housephone/e2e/peers"
)

func TestCallOut(t *testing.T) {
	h, b := pair(t, nil, peers.BaresipConfig{ToneHz: 1000})
	mark := h.Mark()
	h.Do("call", b.Address())
	h.State("status", "dial")
	h.State("call", b.Address())
	if got := h.Event(mark, "pbx", nil); got != "phone = "+b.Address() {
		t.Errorf("pbx says %q", got)
	}
	b.WaitEvent(0, "CALL_INCOMING", patience)
	b.Do("accept", "")
	h.State("status", "active")
	info := h.JSON("call/info", "an active call", func(m map[string]any) bool { return m["status"] == "active" })
	want(t, info, map[string]any{"direction": "outgoing", "muted": false, "held": false, "secure": false})
	if codec := strings.ToUpper(fmt.Sprint(info["codec"])); codec != "PCMA" && codec != "PCMU" && codec != "G722" {
		t.Errorf("codec %v", info["codec"])
	}
	remote, _ := info["remote"].(map[string]any)
	want(t, remote, map[string]any{"uri": "sip:" + b.Address(), "user": b.User})
	b.WaitTone(peers.HousephoneTone, patience)
	h.WaitTone(1000, patience)

	h.Do("call", "hangup")
	b.WaitEvent(0, "CALL_CLOSED", patience)
	h.Idle()
	record := h.Ended(mark)
	want(t, record, map[string]any{"direction": "outgoing", "cause": "completed", "by": "local", "id": info["id"]})
	if d, _ := record["duration_s"].(float64); d <= 0 || d > 60 {
		t.Errorf("duration_s is %v", record["duration_s"])
	}
	for _, name := range []string{"started", "answered", "ended"} {
		if _, err := time.Parse(time.RFC3339, fmt.Sprint(record[name])); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCallIn(t *testing.T) {
	h, b := pair(t, nil, peers.BaresipConfig{ToneHz: 1000})
	mark := h.Mark()
	ring(t, h, b)
	h.State("call", b.Address())
	if got := h.Event(mark, "pbx", nil); got != b.Address()+" = phone" {
		t.Errorf("pbx says %q", got)
	}
	b.WaitEvent(0, "CALL_RINGING", patience)
	h.Do("call", "answer")
	h.State("status", "active")
	b.WaitEvent(0, "CALL_ESTABLISHED", patience)
	info := h.JSON("call/info", "an active call", func(m map[string]any) bool { return m["status"] == "active" })
	want(t, info, map[string]any{"direction": "incoming"})
	b.WaitTone(peers.HousephoneTone, patience)
	h.WaitTone(1000, patience)
	quality := h.JSON("call/quality", "a report of the far end", func(m map[string]any) bool { return m["codec"] != nil && m["remote"] != nil })
	far, _ := quality["remote"].(map[string]any)
	if loss, ok := far["loss"].(float64); !ok || loss < 0 || loss > 50 {
		t.Errorf("the far end tells of %v", far)
	}
	if mos, _ := quality["mos"].(float64); mos < 3 || mos > 5 {
		t.Errorf("mos on loopback is %v", quality["mos"])
	}
	for _, name := range []string{"loss", "jitter_ms"} {
		if v, ok := quality[name].(float64); !ok || v < 0 || v > 50 {
			t.Errorf("%s is %v", name, quality[name])
		}
	}
	b.Do("hangup", "")
	h.Idle()
	want(t, h.Ended(mark), map[string]any{"direction": "incoming", "cause": "completed", "by": "remote"})
}

func TestDecline(t *testing.T) {
	h, b := pair(t, nil, peers.BaresipConfig{})
	mark := h.Mark()
	ring(t, h, b)
	h.Do("call", "hangup")
	b.WaitEvent(0, "CALL_CLOSED", patience)
	h.Idle()
	want(t, h.Ended(mark), map[string]any{"cause": "declined", "by": "local", "duration_s": 0})
}

func TestCallerGivesUp(t *testing.T) {
	h, b := pair(t, nil, peers.BaresipConfig{})
	mark := h.Mark()
	ring(t, h, b)
	b.Do("hangup", "")
	h.Idle()
	want(t, h.Ended(mark), map[string]any{"cause": "cancelled", "by": "remote"})
}

func TestCancelOwnCall(t *testing.T) {
	h, b := pair(t, nil, peers.BaresipConfig{})
	mark := h.Mark()
	h.Do("call", b.Address())
	h.Do("call", "hangup")
	b.WaitEvent(0, "CALL_CLOSED", patience)
	h.Idle()
	want(t, h.Ended(mark), map[string]any{"direction": "outgoing", "cause": "cancelled", "by": "local"})
}

func TestFarEndDeclines(t *testing.T) {
	h, b := pair(t, nil, peers.BaresipConfig{})
	mark := h.Mark()
	h.Do("call", b.Address())
	b.WaitEvent(0, "CALL_INCOMING", patience)
	b.Do("hangup", "")
	h.Idle()
	record := h.Ended(mark)
	if cause := record["cause"]; cause != "busy" && cause != "declined" {
		t.Errorf("cause is %v", cause)
	}
	want(t, record, map[string]any{"by": "remote"})
}

func TestSecondCaller(t *testing.T) {
	h, b := pair(t, nil, peers.BaresipConfig{})
	second := peers.NewBaresip(t, peers.NewPorts(t), peers.BaresipConfig{User: "second"})
	talk(t, h, b)
	mark := h.Mark()
	second.Do("dial", "sip:phone@"+h.SIPAddr)
	if got := h.Event(mark, "call/refused", nil); got != second.Address() {
		t.Errorf("call/refused says %q, want %q", got, second.Address())
	}
	closed := second.WaitEvent(0, "CALL_CLOSED", patience)
	if !strings.Contains(closed.Param, "486") {
		t.Errorf("the second caller was told %q", closed.Param)
	}
	h.State("status", "active")
	h.State("call", b.Address())
	b.WaitTone(peers.HousephoneTone, patience)
}

func TestDoNotDisturb(t *testing.T) {
	h, b := pair(t, nil, peers.BaresipConfig{})
	h.Do("dnd", "on")
	h.State("dnd", "1")
	b.Do("dial", "sip:phone@"+h.SIPAddr)
	if closed := b.WaitEvent(0, "CALL_CLOSED", patience); !strings.Contains(closed.Param, "486") {
		t.Errorf("the caller was told %q", closed.Param)
	}
	h.Do("dnd", "0")
	h.State("dnd", "0")
	ring(t, h, b)
}

func TestAutoAnswer(t *testing.T) {
	h, b := pair(t, nil, peers.BaresipConfig{})
	h.Do("autoanswer", "TRUE")
	h.State("autoanswer", "1")
	b.Do("dial", "sip:phone@"+h.SIPAddr)
	h.State("status", "active")
	b.WaitTone(peers.HousephoneTone, patience)
}

func TestMuteAndVolume(t *testing.T) {
	h, b := pair(t, nil, peers.BaresipConfig{ToneHz: 1000})
	talk(t, h, b)
	b.WaitTone(peers.HousephoneTone, patience)
	h.Do("mute", "1")
	h.State("mute", "1")
	b.WaitSilence(patience)
	h.JSON("call/info", "muted", func(m map[string]any) bool { return m["muted"] == true })
	h.Do("mute", "0")
	b.WaitTone(peers.HousephoneTone, patience)

	h.WaitTone(1000, patience)
	h.Do("volume", "off")
	h.State("volume", "off")
	if !peers.Eventually(patience, func() bool { return peers.HearsSilence(h.Recording) }) {
		t.Error("volume off is still heard")
	}
	levels := map[string]float64{}
	for _, volume := range []string{"20", "5"} {
		h.Do("volume", volume)
		h.State("volume", volume)
		time.Sleep(700 * time.Millisecond) // longer than what is looked at
		h.WaitTone(1000, patience)
		s, err := peers.ReadWAV(h.Recording)
		if err != nil {
			t.Fatal(err)
		}
		levels[volume] = s.Last(200 * time.Millisecond).RMS()
	}
	if levels["5"] >= levels["20"]/2 {
		t.Errorf("levels %v: 5 is not much quieter than 20", levels)
	}
	h.Do("mute", "1")
	h.Do("call", "hangup")
	h.Idle()
	h.State("mute", "0")
	h.State("volume", "5")
}

func TestKeys(t *testing.T) {
	h, b := pair(t, nil, peers.BaresipConfig{})
	talk(t, h, b)
	mark := b.Mark()
	h.Do("dtmf", "12,34*#A")
	if !peers.Eventually(patience, func() bool { return b.Keys(mark) == "1234*#A" }) {
		t.Errorf("the softphone heard %q", b.Keys(mark))
	}
	heard := h.Mark()
	for _, key := range "5590*#" {
		b.Do("sndcode", string(key))
		time.Sleep(300 * time.Millisecond)
	}
	keys := func() string {
		var all strings.Builder
		for _, m := range h.Since(heard, h.Topic("dtmf")) {
			all.WriteString(m.Payload)
		}
		return all.String()
	}
	if !peers.Eventually(patience, func() bool { return keys() == "5590*#" }) {
		t.Errorf("the service heard %q", keys())
	}
	time.Sleep(500 * time.Millisecond)
	if keys() != "5590*#" {
		t.Errorf("later the service heard %q", keys())
	}
}

func TestHold(t *testing.T) {
	h, b := pair(t, nil, peers.BaresipConfig{ToneHz: 1000})
	talk(t, h, b)
	b.WaitTone(peers.HousephoneTone, patience)
	h.Do("hold", "1")
	h.State("hold", "1")
	h.JSON("call/info", "held", func(m map[string]any) bool { return m["held"] == true })
	h.Do("hold", "0")
	h.State("hold", "0")
	time.Sleep(500 * time.Millisecond)
	b.WaitTone(peers.HousephoneTone, patience)
	h.WaitTone(1000, patience)

	// held by the far end: no command of ours, the call stays
	b.Do("hold", "")
	time.Sleep(300 * time.Millisecond)
	h.State("status", "active")
	b.Do("resume", "")
	time.Sleep(500 * time.Millisecond)
	b.WaitTone(peers.HousephoneTone, patience)
	h.State("hold", "0")
}

func TestTransfer(t *testing.T) {
	h, b := pair(t, nil, peers.BaresipConfig{ToneHz: 1000})
	third := peers.NewBaresip(t, peers.NewPorts(t), peers.BaresipConfig{User: "third", Account: ";regint=0;answermode=auto", ToneHz: 600})
	talk(t, h, b)
	mark := h.Mark()
	h.Do("transfer", third.Address())
	h.Event(mark, "transfer", func(v string) bool { return v == "trying" })
	h.Event(mark, "transfer", func(v string) bool { return v == "accepted" })
	h.Idle()
	third.WaitEvent(0, "CALL_ESTABLISHED", patience)
	third.WaitTone(1000, patience)
	want(t, h.Ended(mark), map[string]any{"cause": "completed"})
}

func TestTransferFails(t *testing.T) {
	h, b := pair(t, nil, peers.BaresipConfig{})
	busy := peers.NewBaresip(t, peers.NewPorts(t), peers.BaresipConfig{User: "busy"})
	talk(t, h, b)
	mark := h.Mark()
	sent := h.Send("transfer", busy.Address(), nil)
	busy.WaitEvent(0, "CALL_INCOMING", patience)
	busy.Do("hangup", "")
	h.Event(mark, "transfer", func(v string) bool { return strings.HasPrefix(v, "failed ") })
	if r := h.WaitResult(sent); r.OK && r.Error != "" {
		t.Errorf("result %+v", r)
	}
	h.State("status", "active")
	h.State("call", b.Address())
}

func TestMessages(t *testing.T) {
	t.Parallel()
	ports, k, h := registered(t, "udp", peers.KamailioConfig{}, nil)
	l := peers.NewLinphone(t, ports, peers.LinphoneConfig{Registrar: k})
	mark := h.Mark()
	l.Do("chat sip:house@127.0.0.1 the gate is open")
	var m struct{ From, Body string }
	if err := json.Unmarshal([]byte(h.Event(mark, "message", nil)), &m); err != nil {
		t.Fatal(err)
	}
	if m.Body != "the gate is open" || m.From != "alice" {
		t.Errorf("message %+v", m)
	}
	l.Do("")
	h.Publish(h.Topic("message/set"), `{"to":"alice","body":"come in","id":"m1"}`)
	l.Expect("come in", patience)
	h.WaitEvent(mark, h.Topic("result"), patience, func(v string) bool {
		return strings.Contains(v, `"m1"`) && strings.Contains(v, `"ok":true`)
	})
}

func TestConsole(t *testing.T) {
	h, b := pair(t, nil, peers.BaresipConfig{})
	mark := h.Mark()
	h.Do("generic", "help")
	h.Event(mark, "generic", func(v string) bool { return strings.Contains(v, "terminate") && strings.Contains(v, "call") })
	mark = h.Mark()
	h.Do("generic", "status")
	h.Event(mark, "generic", func(v string) bool { return v != "" })
	h.Do("generic", "call "+b.Address())
	b.WaitEvent(0, "CALL_INCOMING", patience)
	h.Do("generic", "terminate")
	h.Idle()
}

func TestStopHangsUp(t *testing.T) {
	h, b := pair(t, nil, peers.BaresipConfig{})
	talk(t, h, b)
	h.Terminate()
	b.WaitEvent(0, "CALL_CLOSED", patience)
}

func TestSecondSignal(t *testing.T) {
	h, b := pair(t, nil, peers.BaresipConfig{})
	talk(t, h, b)
	b.Signal(syscall.SIGSTOP) // nobody answers the BYE
	h.Signal(syscall.SIGTERM)
	time.Sleep(200 * time.Millisecond) // two signals at once may arrive as one
	begin := time.Now()
	for !h.Process.Ended() && time.Since(begin) < patience { // as somebody does who is in a hurry
		h.Signal(syscall.SIGTERM)
		time.Sleep(100 * time.Millisecond)
	}
	h.Wait(patience)
	if took := time.Since(begin); took > time.Second {
		t.Errorf("the second signal took %v", took)
	}
	b.Signal(syscall.SIGCONT)
}

func TestFarEndDies(t *testing.T) {
	h, b := pair(t, nil, peers.BaresipConfig{})
	talk(t, h, b)
	b.Kill()
	mark := h.Mark()
	begin := time.Now()
	h.Do("call", "hangup")
	h.Idle()
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("hanging up took %v", took)
	}
	h.Ended(mark)
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	h := start(t, peers.NewPorts(t), nil)
	for _, path := range []string{"/healthz", "/readyz"} {
		if code, body := h.Get(path); code != 200 {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	code, body := h.Get("/metrics")
	if code != 200 || !strings.Contains(body, "# TYPE ") || !strings.Contains(body, "housephone_") {
		t.Errorf("/metrics: %d, %d bytes", code, len(body))
	}
}
