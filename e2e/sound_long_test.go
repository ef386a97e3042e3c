//go:build sound

package e2e

import (
	"testing"

	"housephone/phone/audio/device/pulsetest"
)

// everything is the whole matrix of make e2e-sound.
const everything = true

// PipeWire in PulseAudio's place.
func TestSoundPipeWire(t *testing.T) {
	t.Parallel()
	for _, codec := range []string{"g722", "opus"} {
		t.Run(codec, func(t *testing.T) {
			t.Parallel()
			talkInRooms(t, pulsetest.StartPipeWire(t, "kitchen", "hall"), codec, "required")
		})
	}
}
