package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"housephone/e2e/peers"
)

// tones writes a folder of sounds: NAME.wav for each name, of that frequency and length.
func tones(t *testing.T, length time.Duration, hz map[string]float64) string {
	t.Helper()
	dir := t.TempDir()
	for name, f := range hz {
		data, err := os.ReadFile(peers.WriteTone(t, f, length))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".wav"), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// tone checks that a part of a file is a sine: channel 0 is the left one.
func tone(t *testing.T, path string, channel int, hz float64) {
	t.Helper()
	s, err := peers.ReadChannel(path, channel)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	// the end may be silence: what was put in for an end that had hung up
	if n := len(s.Samples); n > s.Rate {
		s.Samples = s.Samples[n/2-s.Rate/4 : n/2+s.Rate/4]
	}
	if s.RMS() < 300 || s.Power(hz) < 0.8 {
		t.Errorf("%s, channel %d: %v Hz is %.2f of it, level %.0f", filepath.Base(path), channel, hz, s.Power(hz), s.RMS())
	}
}

// secretKeys checks that none of the keys of a PIN were told on topics.
func secretKeys(t *testing.T, h *peers.Housephone, mark peers.Mark, pin string) {
	t.Helper()
	var told strings.Builder
	for _, m := range h.Since(mark, h.Topic("dtmf")) {
		told.WriteString(m.Payload)
	}
	if strings.ContainsAny(told.String(), pin) {
		t.Errorf("keys %q were told, of the PIN %s", told.String(), pin)
	}
	if strings.Contains(h.Dump(), pin) {
		t.Error("the PIN is on a topic")
	}
}

const mailPIN = "58264"

// Nobody answers: the caller is greeted and leaves a message, which is heard and deleted by phone and by topic.
func TestAnsweringMachine(t *testing.T) {
	t.Parallel()
	ports := peers.NewPorts(t)
	media, records := tones(t, 800*time.Millisecond, map[string]float64{"greeting": 1600}), t.TempDir()
	h := peers.NewHousephone(t, ports, peers.HousephoneConfig{Program: program, Secrets: []string{mailPIN}, Env: env{
		"PHONE_MODE": "ivr", "PHONE_RING_TIMEOUT": "1s", "MEDIA_DIR": media, "RECORD_DIR": records, "AUDIO_CAPTURE": "none",
		"MAILBOX_GREETING": "greeting.wav", "MAILBOX_MAX_LENGTH": "3s", "MAILBOX_PIN": mailPIN, "TTS_CACHE_DIR": t.TempDir(),
	}})
	b := peers.NewBaresip(t, ports, peers.BaresipConfig{ToneHz: 700})
	h.State("message/waiting", "0")
	h.JSON("message/list", "empty", func(v map[string]any) bool { return len(v["messages"].([]any)) == 0 })

	mark := h.Mark()
	b.Do("dial", "sip:phone@"+h.SIPAddr)
	h.State("status", "active")
	b.WaitTone(1600, patience) // greeting
	b.WaitTone(1000, patience) // beep
	h.WaitStateFunc(h.Topic("record"), "a file", patience, func(v string) bool { return strings.HasPrefix(v, "voice/") })
	var left struct {
		File, From string
		Seconds    float64
	}
	if err := json.Unmarshal([]byte(h.Event(mark, "message/voice", nil)), &left); err != nil {
		t.Fatal(err)
	}
	if left.From != b.Address() || left.Seconds < 2.5 || left.Seconds > 3.5 {
		t.Errorf("%+v", left)
	}
	tone(t, filepath.Join(records, left.File), 0, 700)
	h.State("message/waiting", "1")
	h.State("record", "")
	h.Idle() // it says goodbye and hangs up

	// who hangs up before the beep, or says nothing, has left no message
	mark = h.Mark()
	b.Do("dial", "sip:phone@"+h.SIPAddr)
	b.WaitTone(1600, patience)
	b.Do("hangup", "")
	h.Ended(mark)
	h.Idle()

	// the messages by phone: a wrong PIN, the right one, listening, deleting
	mark = h.Mark()
	b.Do("dial", "sip:phone@"+h.SIPAddr)
	b.WaitTone(1600, patience)
	b.Do("sndcode", "*")
	h.Event(mark, "dtmf", func(v string) bool { return v == "*" })
	b.Do("sndcode", "58263")
	h.Event(mark, "bridge/log", func(v string) bool { return strings.Contains(v, "wrong PIN") })
	b.Do("sndcode", mailPIN)
	b.WaitTone(700, patience) // his own voice, played
	h.State("message/waiting", "0")
	secretKeys(t, h, mark, mailPIN)
	b.Do("sndcode", "3")
	h.JSON("message/list", "empty", func(v map[string]any) bool { return len(v["messages"].([]any)) == 0 })
	h.Idle()
	if found, _ := filepath.Glob(filepath.Join(records, "voice", "*.wav")); len(found) != 0 {
		t.Errorf("left behind: %v", found)
	}
}

// In phone mode the answering machine takes a call without microphone and loudspeaker, and gives it to who answers.
func TestAnsweringMachineBesideThePhone(t *testing.T) {
	t.Parallel()
	ports := peers.NewPorts(t)
	records := t.TempDir()
	h := start(t, ports, env{
		"PHONE_RING_TIMEOUT": "1s", "RECORD_DIR": records, "MAILBOX": "1", "MAILBOX_MAX_SILENCE": "0",
		"MEDIA_DIR": tones(t, 600*time.Millisecond, map[string]float64{"g": 1600}), "MAILBOX_GREETING": "g.wav",
	})
	b := peers.NewBaresip(t, ports, peers.BaresipConfig{ToneHz: 700})
	b.Do("dial", "sip:phone@"+h.SIPAddr)
	h.State("status", "active")
	b.WaitTone(1600, patience)
	b.WaitTone(1000, patience)
	b.WaitSilence(patience) // not the microphone
	if peers.HearsTone(h.Recording, 700) {
		t.Error("the caller is heard in the room")
	}
	time.Sleep(time.Second) // a message, at last
	mark := h.Mark()
	b.Do("hangup", "")
	h.Event(mark, "message/voice", nil)
	h.State("message/waiting", "1")
	h.Idle()

	list := h.JSON("message/list", "one", func(v map[string]any) bool { return len(v["messages"].([]any)) == 1 })
	file := fmt.Sprint(list["messages"].([]any)[0].(map[string]any)["file"])
	h.Refused("message/voice", "heard voice/other.wav", "invalid")
	h.Refused("message/voice", "delete voice/../"+file, "invalid")
	h.Refused("message/voice", "listen", "refused") // no call
	h.Do("message/voice", "heard "+file)
	h.State("message/waiting", "0")
	h.Do("message/voice", "unheard "+file)
	h.State("message/waiting", "1")

	// the messages survive a restart
	h.Terminate()
	h.Start()
	h.MQTT = peers.NewMQTT(t, "tcp://"+h.Env["MQTT_LISTEN"], "", "", "")
	h.State("connection", "online")
	h.State("message/waiting", "1")

	// somebody answers after all
	b.Do("dial", "sip:phone@"+h.SIPAddr)
	h.State("status", "active")
	b.WaitTone(1000, patience)
	h.WaitStateFunc(h.Topic("record"), "a file", patience, func(v string) bool { return v != "" })
	h.Do("call", "answer")
	b.WaitTone(peers.HousephoneTone, patience)
	h.WaitTone(700, patience)
	h.State("record", "")
	h.Refused("message/voice", "listen", "refused")
	h.Do("message/voice", "delete all")
	h.State("message/waiting", "0")
	b.Do("hangup", "")
	h.Idle()
	if found, _ := filepath.Glob(filepath.Join(records, "voice", "*.wav")); len(found) != 0 {
		t.Errorf("left behind: %v", found)
	}
}

// TestExampleAnsweringMachine runs the settings and the script of examples/answering-machine.
func TestExampleAnsweringMachine(t *testing.T) {
	t.Parallel()
	ports := peers.NewPorts(t)
	file, err := os.ReadFile("../examples/answering-machine/housephone.env")
	if err != nil {
		t.Fatal(err)
	}
	pin := filepath.Join(t.TempDir(), "pin")
	if err := os.WriteFile(pin, []byte(mailPIN+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// what differs between a house and a test
	here := map[string]string{"RECORD_DIR": t.TempDir(), "MAILBOX_PIN_FILE": pin, "PHONE_RING_TIMEOUT": "1s", "MAILBOX_ALLOW_FROM": "own?er@127.*"}
	e := env{"TTS_CACHE_DIR": t.TempDir()}
	for line := range strings.Lines(string(file)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		if e[name] = value; here[name] != "" {
			e[name] = here[name]
			delete(here, name)
		}
	}
	if len(here) > 0 {
		t.Errorf("the example does not set %v", here)
	}
	h := start(t, ports, e)
	b := peers.NewBaresip(t, ports, peers.BaresipConfig{ToneHz: 700})
	script := func(args ...string) string {
		t.Helper()
		c := exec.CommandContext(t.Context(), "../examples/answering-machine/messages.sh", args...)
		c.Env = append(os.Environ(), fmt.Sprint("MQTT_PORT=", h.MQTTPort))
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("messages.sh %v: %v, %s", args, err, out)
		}
		return string(out)
	}
	mark := h.Mark()
	b.Do("dial", "sip:phone@"+h.SIPAddr)
	h.State("status", "active")
	b.Do("sndcode", "#") // no need to hear the greeting
	h.WaitStateFunc(h.Topic("record"), "a file", patience, func(v string) bool { return v != "" })
	time.Sleep(1500 * time.Millisecond)
	b.Do("hangup", "")
	h.Event(mark, "message/voice", nil)
	h.State("message/waiting", "1")
	h.Idle()

	// a telephone of the house needs no PIN
	owner := peers.NewBaresip(t, peers.NewPorts(t), peers.BaresipConfig{User: "own3er"})
	owner.Do("dial", "sip:phone@"+h.SIPAddr)
	h.State("status", "active")
	owner.Do("sndcode", "*")
	owner.WaitTone(700, patience)
	owner.Do("sndcode", "*")
	h.Idle()

	list := script()
	if !strings.Contains(list, b.Address()) || !strings.Contains(list, `"heard":false`) {
		t.Errorf("messages.sh: %s", list)
	}
	script("delete", "all")
	h.State("message/waiting", "0")
}

// Recordings hold this end left and the far end right; those of one call never touch another.
func TestRecord(t *testing.T) {
	records := t.TempDir()
	h, b := ivr(t, env{"PHONE_MAX_CALLS": "2", "RECORD_DIR": records, "MAILBOX": "0"})
	other := peers.NewBaresip(t, peers.NewPorts(t), peers.BaresipConfig{User: "other", ToneHz: 700})
	h.State("record", "")
	h.Refused("record", "start", "refused") // no call
	b.Do("dial", "sip:phone@"+h.SIPAddr)
	h.State("calls/1/status", "active")
	other.Do("dial", "sip:phone@"+h.SIPAddr)
	h.State("calls/2/status", "active")
	h.State("call", other.Address())

	h.Do("calls/1/play/file", "tone.wav")
	h.Do("calls/1/record", "start one")
	h.State("calls/1/record", "one.wav")
	h.State("record", "")
	h.Do("calls/2/record", "start")
	h.WaitStateFunc(h.Topic("record"), "a file", patience, func(v string) bool { return strings.HasSuffix(v, ".wav") })
	second, _ := h.Last(h.Topic("calls/2/record"))
	h.Refused("calls/1/record", "start two", "busy")
	for _, name := range []string{"start ../two", "start .two", "start a/b", `start a\b`, "begin", "stop one"} {
		h.Refused("calls/1/record", name, "invalid")
	}
	time.Sleep(1200 * time.Millisecond)
	h.Do("calls/1/record", "stop")
	h.State("calls/1/record", "")
	h.Refused("calls/1/record", "stop", "refused")
	h.Refused("calls/1/record", "start one", "refused") // a recording of that name is there
	other.Do("hangup", "")                              // the end of a call ends its recording
	h.State("calls/2/record", "")
	h.State("record", "")
	h.State("calls/1/status", "active")

	tone(t, filepath.Join(records, "one.wav"), 0, 1200) // what was played
	tone(t, filepath.Join(records, "one.wav"), 1, 1000) // baresip
	tone(t, filepath.Join(records, second), 1, 700)     // the other one
	if s, err := peers.ReadWAV(filepath.Join(records, second)); err != nil || s.RMS() > 50 {
		t.Errorf("the second call has heard what was played into the first: level %.0f, %v", s.RMS(), err)
	}
	b.Do("hangup", "")
	h.State("status", "hangup")
}

// A phone records too; a full disk is told in one sentence, and the call goes on.
func TestRecordOnThePhone(t *testing.T) {
	t.Parallel()
	records := t.TempDir()
	h, b := pair2(t, env{"RECORD_DIR": records})
	talk(t, h, b)
	h.Do("record", "start talk")
	time.Sleep(time.Second)
	h.Do("record", "stop")
	tone(t, filepath.Join(records, "talk.wav"), 0, peers.HousephoneTone)
	tone(t, filepath.Join(records, "talk.wav"), 1, 1000)
	h.State("message/waiting", "") // no answering machine here
	b.Do("hangup", "")
	h.Idle()

	full, b := pair2(t, env{"RECORD_DIR": t.TempDir(), "RECORD_MIN_FREE": "1000000000"})
	talk(t, full, b)
	if r := full.Refused("record", "start", "failed"); !strings.Contains(r.Error, "room on the disk") {
		t.Errorf("%+v", r)
	}
	full.State("record", "")
	b.WaitTone(peers.HousephoneTone, patience)
	b.Do("hangup", "")
	full.Idle()
}

// A disk that fills up ends the recording; the call goes on, and both are told.
func TestRecordFillsTheDisk(t *testing.T) {
	t.Parallel()
	ports := peers.NewPorts(t)
	records := t.TempDir()
	// a small disk of its own, which ends with the service
	wrapper := filepath.Join(t.TempDir(), "housephone")
	script := "#!/bin/sh\nexec unshare --map-root-user --mount sh -c 'mount -t tmpfs -o size=100k tmpfs \"$RECORD_DIR\" && exec " + program + "'\n"
	if err := os.WriteFile(wrapper, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	h := peers.NewHousephone(t, ports, peers.HousephoneConfig{Program: wrapper, Env: env{"RECORD_DIR": records, "RECORD_MIN_FREE": "0"}})
	b := peers.NewBaresip(t, ports, peers.BaresipConfig{})
	talk(t, h, b)
	mark := h.Mark()
	h.Do("record", "start")
	h.Event(mark, "bridge/log", func(v string) bool {
		return strings.Contains(v, "a recording broke off") && strings.Contains(v, "no space left")
	})
	h.State("record", "")
	if r := h.Refused("record", "start again", "failed"); !strings.Contains(r.Error, "no space left") && !strings.Contains(r.Error, "room on the disk") {
		t.Errorf("%+v", r)
	}
	h.State("record", "")
	h.State("status", "active")
	b.WaitTone(peers.HousephoneTone, patience)
	b.Do("hangup", "")
	h.Idle()
}

// pair2 is pair without making the test parallel again.
func pair2(t *testing.T, e env) (*peers.Housephone, *peers.Baresip) {
	t.Helper()
	ports := peers.NewPorts(t)
	return start(t, ports, e), peers.NewBaresip(t, ports, peers.BaresipConfig{})
}

// menuEnv is a house with the menu of a file, a door and a place for messages.
func menuEnv(t *testing.T, path string) env {
	return env{
		"PHONE_MODE": "ivr", "PHONE_AUTOANSWER": "1", "AUDIO_CAPTURE": "none", "IVR_MENU_FILE": path, "RECORD_DIR": t.TempDir(),
		"HW_DOOR": "sim", "HW_DOOR_PULSE": "1s", "TTS_CACHE_DIR": t.TempDir(),
	}
}

// TestExampleDoorMenu walks through examples/door-menu; the door opens without the broker too.
func TestExampleDoorMenu(t *testing.T) {
	t.Parallel()
	ports := peers.NewPorts(t)
	kitchen := peers.NewBaresip(t, ports, peers.BaresipConfig{User: "kitchen", ToneHz: 700})
	b := peers.NewBaresip(t, ports, peers.BaresipConfig{User: "visitor"})
	file, err := os.ReadFile("../examples/door-menu/menu.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(file, []byte(`"601"`)); n != 1 {
		t.Fatalf("601 stands %d times in the menu", n)
	}
	path := filepath.Join(t.TempDir(), "menu.yaml")
	if err := os.WriteFile(path, bytes.Replace(file, []byte("601"), []byte(kitchen.Address()), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	broker := peers.NewMosquitto(t, ports, peers.MosquittoConfig{})
	h := peers.NewHousephone(t, ports, peers.HousephoneConfig{Program: program, Broker: broker, Secrets: []string{"472915", "6083"}, Env: menuEnv(t, path)})
	call := func() peers.Mark {
		t.Helper()
		mark := h.Mark()
		b.Do("dial", "sip:phone@"+h.SIPAddr)
		h.Event(mark, "menu", func(v string) bool { return v == "main" })
		return mark
	}

	mark := call()
	b.Do("sndcode", "1")
	h.Event(mark, "menu", func(v string) bool { return v == "pin" })
	pin := h.Mark()
	b.Do("sndcode", "4729166083") // six wrong digits, then the PIN of the post
	opened := h.Event(mark, "door/event", nil)
	if !strings.Contains(opened, `"opened"`) || !strings.Contains(opened, b.Address()) || !strings.Contains(opened, `"dtmf"`) {
		t.Errorf("door/event: %s", opened)
	}
	h.Event(mark, "door", func(v string) bool { return v == "unlocked" })
	h.Event(mark, "menu", func(v string) bool { return v == "post" })
	secretKeys(t, h, pin, "472916083")
	h.Ended(mark)

	// three wrong PINs end the call
	mark = call()
	b.Do("sndcode", "1")
	h.Event(mark, "menu", func(v string) bool { return v == "pin" })
	b.Do("sndcode", "111111222222333333")
	h.Ended(mark)
	if n := len(h.Since(mark, h.Topic("door/event"))); n != 0 {
		t.Errorf("%d door events", n)
	}

	// a message
	mark = call()
	b.Do("sndcode", "2")
	b.WaitTone(1000, patience)
	h.WaitStateFunc(h.Topic("record"), "a file", patience, func(v string) bool { return v != "" })
	time.Sleep(1500 * time.Millisecond)
	b.Do("sndcode", "#")
	h.Event(mark, "message/voice", nil)
	h.Ended(mark)

	// transfer
	mark = call()
	ringing := kitchen.Mark()
	b.Do("sndcode", "3")
	kitchen.WaitEvent(ringing, "CALL_INCOMING", patience)
	kitchen.Do("accept", "")
	h.Event(mark, "transfer", func(v string) bool { return v == "accepted" })
	h.Idle()
	b.Do("hangup", "")

	// the broker is gone, the door opens
	broker.Kill()
	mark = h.Mark()
	heard := b.Mark()
	b.Do("dial", "sip:phone@"+h.SIPAddr)
	b.WaitEvent(heard, "CALL_ESTABLISHED", patience)
	b.Do("sndcode", "1")
	time.Sleep(500 * time.Millisecond)
	b.Do("sndcode", "472915")
	b.WaitEvent(heard, "CALL_CLOSED", patience)
	h.HearingFirst(broker.Start)
	h.Event(mark, "door/event", func(v string) bool { return strings.Contains(v, `"opened"`) && strings.Contains(v, b.Address()) })
	h.Event(mark, "visitor/entered", func(v string) bool { return v == "family, called from "+b.Address() })
	h.Idle()
}

// A changed menu holds from the next call on; a broken one changes nothing and is told once, with its line.
func TestMenuFile(t *testing.T) {
	t.Parallel()
	ports := peers.NewPorts(t)
	path := filepath.Join(t.TempDir(), "menu.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e := menuEnv(t, path)
	for text, want := range map[string]string{
		"menu:\n  message: a\n  post_action: jump nowhere":                                                              "line 3: there is no menu with the id \"nowhere\"",
		"menu:\n  id: a\n  message: x\n  post_action: jump b\nmenus:\n  - {id: b, message: y, post_action: jump a}":     "line 4: the menus go in a circle",
		"menu:\n  message: a\n  choices:\n    '1': {action: {publish: {datapoint: door, value: unlocked}}}":             "line 4: publish: door is a datapoint of the phone itself",
		"menu:\n  message: a\n  choices:\n    '1': {audio_file: ../secret.wav}":                                         "line 4: ",
		"menu:\n  message: a\n  choices:\n    '1': {action: messages}":                                                  "line 4: messages: everybody could hear them",
		"menu:\n  message: a\n  choices:\n    '1': {action: {transfer: 'a b'}}":                                         "line 4: transfer: ",
		"menu:\n  message: a\n  choices_are_pin: true\n  choices:\n    '4711': {message: b}\n    '47110': {message: c}": "line 6: this PIN can never be entered",
	} {
		write(text)
		check := exec.CommandContext(t.Context(), program, "-check")
		for k, v := range e {
			check.Env = append(check.Env, k+"="+v)
		}
		out, err := check.CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) || !strings.Contains(string(out), "IVR_MENU_FILE") || strings.Contains(string(out), "4711") {
			t.Errorf("%s\n-check: %v, %s", text, err, out)
		}
	}

	write("menu: {id: one, choices: {'7': {id: seven, post_action: hangup}}}")
	h := peers.NewHousephone(t, ports, peers.HousephoneConfig{Program: program, Env: e})
	b := peers.NewBaresip(t, ports, peers.BaresipConfig{})
	mark := h.Mark()
	b.Do("dial", "sip:phone@"+h.SIPAddr)
	h.Event(mark, "menu", func(v string) bool { return v == "one" })
	write("menu: {id: two,\n  massage: hello}")
	fault := h.Event(mark, "bridge/log", func(v string) bool { return strings.Contains(v, "menu") })
	if !strings.Contains(fault, "line 2") {
		t.Errorf("bridge/log: %s", fault)
	}
	time.Sleep(2200 * time.Millisecond)
	if n := len(h.Since(mark, h.Topic("bridge/log"))); n != 1 {
		t.Errorf("the fault was told %d times", n)
	}

	// keys that are collected are not those of the menu, which goes on behind them
	if r := h.Raw("dtmf/collect", `{"max":2}`); !r.OK {
		t.Fatalf("%+v", r)
	}
	b.Do("sndcode", "77")
	h.Event(mark, "dtmf/collected", func(v string) bool { return strings.Contains(v, `"77"`) })
	b.Do("sndcode", "7")
	h.Event(mark, "menu", func(v string) bool { return v == "seven" })
	h.Idle()

	write("menu: {id: three, post_action: hangup}")
	h.WaitLog("the menu file was read again", patience)
	mark = h.Mark()
	b.Do("dial", "sip:phone@"+h.SIPAddr)
	h.Event(mark, "menu", func(v string) bool { return v == "three" })
	h.Idle()
}

// Keys that are heard in the sound walk through a menu like others, but open no door.
func TestInbandKeys(t *testing.T) {
	t.Parallel()
	ports := peers.NewPorts(t)
	path := filepath.Join(t.TempDir(), "menu.yaml")
	if err := os.WriteFile(path, []byte(`
pin_attempts: 10
menu:
  id: main
  choices:
    "5": {id: five, post_action: return}
    "1":
      id: pin
      choices_are_pin: true
      choices:
        "4728": {id: in, action: [open_door, {publish: {datapoint: visitor/entered, value: "yes"}}]}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	h := peers.NewHousephone(t, ports, peers.HousephoneConfig{Program: program, Env: menuEnv(t, path), Secrets: []string{"4728"}})
	caller := start(t, ports, env{"PHONE_DTMF": "inband", "AUDIO_CAPTURE": "none", "SIP_LISTEN": peers.Loopback(ports.Pair()), "HOUSEPHONE_ID": "visitor"})
	mark := h.Mark()
	caller.Do("call", "phone@"+h.SIPAddr)
	h.Event(mark, "menu", func(v string) bool { return v == "main" })
	// tones have to arrive in time, unlike events: on a busy machine they are sent again
	press := func(keys, place string) {
		t.Helper()
		there := func() bool {
			return slices.ContainsFunc(h.Since(mark, h.Topic("menu")), func(m peers.Message) bool { return m.Payload == place })
		}
		for range 9 {
			caller.Do("dtmf", keys)
			if peers.Eventually(3*time.Second, there) {
				return
			}
			caller.Do("dtmf", "#")
		}
		t.Fatalf("keys %s never led to %s", keys, place)
	}
	press("5", "five")
	press("1", "pin")
	press("4728", "in")
	refused := h.Event(mark, "door/event", nil)
	if !strings.Contains(refused, `"refused"`) || !strings.Contains(refused, "heard in the sound") {
		t.Errorf("door/event: %s", refused)
	}
	h.Ended(mark)
	secretKeys(t, h, mark, "4728")
	if n := len(h.Since(mark, h.Topic("visitor/entered"))); n != 0 {
		t.Error("the menu went on as if the door had opened")
	}
	h.State("door", "locked")
}
