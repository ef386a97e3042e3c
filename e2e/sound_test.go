package e2e

import (
	"maps"
	"testing"
	"time"

	"housephone/e2e/peers"
	"housephone/phone/audio/device/pulsetest"
)

// room starts two phones: one in a quiet place that sends a tone, and a speakerphone
// whose microphone hears its own loudspeaker, through a real sound server.
func room(t *testing.T, settings env) (quiet, speakerphone *peers.Housephone) {
	t.Helper()
	t.Parallel()
	server := pulsetest.Start(t, pulsetest.Wire)
	ports := peers.NewPorts(t)
	quiet = startAsShipped(t, ports, env{"PHONE_AUTOANSWER": "1"})
	e := env{"PULSE_SERVER": server.Env("PULSE_SERVER"), "AUDIO_CAPTURE": "default", "AUDIO_PLAYBACK": "default", "HOUSEPHONE_ID": "hall"}
	maps.Copy(e, settings)
	return quiet, startAsShipped(t, ports, e)
}

// What one end says goes through the other's loudspeaker, microphone and back.
func TestSpeakerphoneBothWays(t *testing.T) {
	quiet, hall := room(t, env{"AUDIO_ECHO_CANCEL": "0"})
	hall.Do("call", "phone@"+quiet.SIPAddr)
	hall.State("status", "active")
	quiet.WaitTone(peers.HousephoneTone, patience)
	hall.Do("call", "hangup")
	quiet.Idle()
}

// The echo canceller takes it out again.
func TestSpeakerphoneCancelsEcho(t *testing.T) {
	quiet, hall := room(t, nil)
	hall.Do("call", "phone@"+quiet.SIPAddr)
	hall.State("status", "active")
	silent := peers.Eventually(patience, func() bool {
		s, err := peers.ReadWAV(quiet.Recording)
		if err != nil || s.Length() < 5*time.Second {
			return false
		}
		return s.Last(time.Second).RMS() < 300 // the tone comes back with some thousands
	})
	if !silent {
		s, _ := peers.ReadWAV(quiet.Recording)
		t.Errorf("the echo is still there: level %.0f", s.Last(time.Second).RMS())
	}
}
