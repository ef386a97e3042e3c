package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"housephone/e2e/peers"
)

// ivr starts the service in ivr mode with a folder of sounds: tone.wav is 1200 Hz.
func ivr(t *testing.T, e env) (*peers.Housephone, *peers.Baresip) {
	t.Helper()
	t.Parallel()
	ports := peers.NewPorts(t)
	media := t.TempDir()
	tone, err := os.ReadFile(peers.WriteTone(t, 1200, 5e9))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(media, "tone.wav"), tone, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(media, "text.wav"), []byte("no sound"), 0o600); err != nil {
		t.Fatal(err)
	}
	settings := env{"PHONE_MODE": "ivr", "MEDIA_DIR": media, "AUDIO_CAPTURE": "none", "PHONE_AUTOANSWER": "1"}
	for k, v := range e {
		settings[k] = v
	}
	return start(t, ports, settings), peers.NewBaresip(t, ports, peers.BaresipConfig{})
}

func TestIVRPlays(t *testing.T) {
	h, b := ivr(t, nil)
	h.State("mode", "ivr")
	h.State("play", "idle")
	h.Refused("play/file", "tone.wav", "refused") // no call
	b.Do("dial", "sip:phone@"+h.SIPAddr)
	h.State("status", "active")

	mark := h.Mark()
	h.Do("play/file", "tone.wav")
	h.State("play", "tone.wav")
	b.WaitTone(1200, patience)
	h.Do("play", "stop")
	h.State("play", "idle")
	b.WaitSilence(patience)

	h.Refused("play/file", "../secret.wav", "invalid")
	h.Refused("play/file", "missing.wav", "invalid")
	h.Refused("play/file", "text.wav", "invalid")
	if r := h.Try("play/file", "tone.wav", map[string]any{"repeat": 0}); r.OK {
		t.Errorf("repeat 0 was accepted: %+v", r)
	}
	// a key stops it
	if r := h.Try("play/file", "tone.wav", map[string]any{"repeat": 3, "interrupt": "#"}); !r.OK {
		t.Fatalf("%+v", r)
	}
	h.State("play", "tone.wav")
	b.Do("sndcode", "#")
	h.State("play", "idle")
	h.Event(mark, "dtmf", func(v string) bool { return v == "#" })
	b.Do("hangup", "")
	h.Idle()
}

func TestIVRSpeaksAndCollects(t *testing.T) {
	if _, err := exec.LookPath("espeak-ng"); err != nil {
		t.Fatal("espeak-ng is missing: scripts/deps installs it")
	}
	h, b := ivr(t, env{"TTS_CACHE_DIR": t.TempDir()})
	b.Do("dial", "sip:phone@"+h.SIPAddr)
	h.State("status", "active")
	h.Do("play/voice/default", "There is somebody at the front door.")
	h.State("play", "There is somebody at the front door.")
	h.State("play", "idle")

	mark := h.Mark()
	if r := h.Raw("dtmf/collect", `{"max":4,"timeout":10,"prompt":"Please enter your code now, and take the time you need."}`); !r.OK {
		t.Fatalf("%+v", r)
	}
	if r := h.Raw("dtmf/collect", `{"max":4}`); r.OK || r.Code != "busy" {
		t.Errorf("a second collection: %+v", r)
	}
	b.Do("sndcode", "12#") // barge-in: the prompt is still being spoken
	got := h.Event(mark, "dtmf/collected", nil)
	if !strings.Contains(got, `"digits":"12"`) || !strings.Contains(got, `"reason":"terminator"`) {
		t.Errorf("collected %s", got)
	}
	h.State("play", "idle")
	h.Refused("play/voice/nosuchvoice", "hello", "invalid", "failed")
	b.Do("hangup", "")
	h.Idle()
}

func TestPhoneModeDoesNotPlay(t *testing.T) {
	t.Parallel()
	h := start(t, peers.NewPorts(t), nil)
	h.Refused("play/file", "tone.wav", "not_supported")
}

// Two calls at a time: sounds and keys of one never touch the other.
func TestIVRTwoCalls(t *testing.T) {
	h, b := ivr(t, env{"PHONE_MAX_CALLS": "2"})
	ports := peers.NewPorts(t)
	other := peers.NewBaresip(t, ports, peers.BaresipConfig{User: "other"})
	b.Do("dial", "sip:phone@"+h.SIPAddr)
	h.State("calls/1/status", "active")
	other.Do("dial", "sip:phone@"+h.SIPAddr)
	h.State("calls/2/status", "active")
	h.State("calls/1/call", b.Address())
	h.State("calls/2/call", other.Address())
	h.State("call", other.Address()) // the one that became active last

	h.Do("calls/1/play/file", "tone.wav")
	h.State("calls/1/play", "tone.wav")
	h.State("calls/2/play", "idle")
	b.WaitTone(1200, patience)
	other.WaitSilence(patience)

	mark := h.Mark()
	b.Do("sndcode", "7")
	h.Event(mark, "calls/1/dtmf", func(v string) bool { return v == "7" })
	h.Do("calls/2/call", "hangup")
	h.State("calls/2/status", "hangup")
	h.State("calls/1/status", "active")
	h.State("call", b.Address())
	h.Refused("calls/3/call", "answer", "invalid", "refused")
	b.Do("hangup", "")
	h.State("status", "hangup")
	h.State("calls/1/play", "idle")
}
