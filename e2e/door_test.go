package e2e

import (
	"bytes"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"housephone/e2e/peers"
)

// codesFile writes a file with one code, hashed by the service itself.
func codesFile(t *testing.T, name, code, rules string) string {
	t.Helper()
	hash := exec.CommandContext(t.Context(), program, "-hash-code")
	hash.Stdin = strings.NewReader(code + "\n")
	out, err := hash.Output()
	if err != nil {
		t.Fatalf("-hash-code: %v", err)
	}
	path := filepath.Join(t.TempDir(), "codes")
	if err := os.WriteFile(path, []byte(name+" "+strings.TrimSpace(string(out))+" "+rules+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const doorCode = "48151623"

// doorPhone is a whole door station without hardware, and a telephone that it calls.
func doorPhone(t *testing.T, ports *peers.Ports, broker *peers.Mosquitto, b *peers.Baresip) *peers.Housephone {
	t.Helper()
	return peers.NewHousephone(t, ports, peers.HousephoneConfig{
		Program: program, Broker: broker, Secrets: []string{doorCode},
		Env: env{
			"HW_DOORBELL": "sim", "HW_DOOR": "sim", "HW_DOOR_PULSE": "1s", "HW_DISPLAY": "sim", "HW_BACKLIGHT": "sim",
			"HW_DOORBELL_CALL": b.Address(), "HW_DOOR_CODES_FILE": codesFile(t, "alice", doorCode, ""),
		},
	})
}

// The bell rings a telephone, whose owner opens the door by a code; then again with the broker gone.
func TestDoorStation(t *testing.T) {
	t.Parallel()
	ports := peers.NewPorts(t)
	broker := peers.NewMosquitto(t, ports, peers.MosquittoConfig{})
	b := peers.NewBaresip(t, ports, peers.BaresipConfig{})
	h := doorPhone(t, ports, broker, b)
	h.State("door", "locked")

	mark, heard := h.Mark(), b.Mark()
	h.Do("doorbell", "press")
	h.Event(mark, "doorbell", func(v string) bool { return v == "ring" })
	b.WaitEvent(heard, "CALL_INCOMING", patience)
	b.Do("accept", "")
	h.State("status", "active")

	b.Do("sndcode", "1111#")
	h.Event(mark, "door/event", func(v string) bool { return strings.Contains(v, `"refused"`) && strings.Contains(v, `"dtmf"`) })
	h.State("door", "locked")
	b.Do("sndcode", doorCode+"#")
	opened := h.Event(mark, "door/event", func(v string) bool { return strings.Contains(v, `"opened"`) })
	if !strings.Contains(opened, "alice") || strings.Contains(opened, doorCode) {
		t.Errorf("door/event: %s", opened)
	}
	h.Event(mark, "door", func(v string) bool { return v == "unlocked" })
	h.State("door", "locked")
	b.Do("hangup", "")
	h.Idle()

	// who calls in cannot use a code that is not made for that caller
	b.Do("dial", "sip:phone@"+h.SIPAddr)
	h.State("status", "ring")
	mark = h.Mark()
	h.Do("call", "answer")
	b.Do("sndcode", doorCode+"#")
	h.Event(mark, "door/event", func(v string) bool { return strings.Contains(v, `"refused"`) && strings.Contains(v, "caller") })
	h.State("door", "locked")
	b.Do("hangup", "")
	h.Idle()

	// a press while the call rings does not ring twice
	heard = b.Mark()
	h.Do("doorbell", "press")
	b.WaitEvent(heard, "CALL_INCOMING", patience)
	time.Sleep(500 * time.Millisecond)
	_ = h.Try("doorbell", "press", nil)
	time.Sleep(500 * time.Millisecond)
	if n := len(b.Since(heard, "CALL_INCOMING")); n != 1 {
		t.Errorf("the telephone rang %d times", n)
	}

	// everything goes on without the broker
	broker.Kill()
	mark = h.Mark()
	heard = b.Mark()
	b.Do("accept", "")
	b.WaitEvent(heard, "CALL_ESTABLISHED", patience)
	b.Do("sndcode", doorCode+"#")
	time.Sleep(300 * time.Millisecond)
	h.HearingFirst(broker.Start)
	h.Event(mark, "door/event", func(v string) bool { return strings.Contains(v, `"opened"`) && strings.Contains(v, "alice") })
	h.State("door", "locked")
	b.Do("hangup", "")
	h.Idle()
}

// The topics of the hardware act and tell.
func TestPanelTopics(t *testing.T) {
	t.Parallel()
	ports := peers.NewPorts(t)
	h := start(t, ports, env{
		"HW_DOORBELL": "sim", "HW_DOOR": "sim", "HW_DOOR_PULSE": "500ms", "HW_DISPLAY": "sim", "HW_BACKLIGHT": "sim", "SIP_LISTEN": "none",
	})
	mark := h.Mark()
	h.Do("door", "unlock")
	h.Event(mark, "door", func(v string) bool { return v == "unlocked" })
	h.Event(mark, "door/event", func(v string) bool { return strings.Contains(v, `"opened"`) && strings.Contains(v, `"topic"`) })
	h.State("door", "locked")
	h.Do("backlit", "0")
	h.State("backlit", "0")
	h.Do("display/brightness", "15")
	h.State("display/brightness", "15")
	h.Do("display", "HELLO")
	h.State("display", "HELLO")
	code, picture := h.Get("/display.png")
	if code != 200 {
		t.Fatalf("/display.png: %d", code)
	}
	img, err := png.Decode(bytes.NewReader([]byte(picture)))
	if err != nil || img.Bounds().Dx() < 32 {
		t.Errorf("/display.png: %v", err)
	}
	h.Do("display", "")
	h.Refused("door", "explode", "invalid")
	h.Refused("display/brightness", "99", "invalid")
	h.Refused("call", "601", "not_supported")
}
