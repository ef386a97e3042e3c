package speaker_test

import (
	"testing"

	"housephone/phone/audio"
	"housephone/phone/audio/speaker"
)

// anything is a device whose microphone turns out to be something else once it is open.
type anything struct {
	audio.Device
	name string
}

type namedSource struct {
	audio.SourceCloser
	name string
}

func (s namedSource) DeviceName() string { return s.name }

func (d anything) OpenSource(rate int) (audio.SourceCloser, error) {
	s, err := d.Device.OpenSource(rate)
	return namedSource{s, d.name}, err
}

// The default microphone may be the output of the sound server's canceller: then ours stands back.
func TestDefaultIsClean(t *testing.T) {
	const rate = 16000
	for name, want := range map[string]bool{"": true, "alsa_input.usb": true, "alsa_input.usb.echo-cancel": false} {
		none, err := audio.Open("none")
		if err != nil {
			t.Fatal(err)
		}
		phone := speaker.New(speaker.Config{Capture: anything{none, name}, Playback: none, Echo: true})
		source, err := phone.Capture().OpenSource(rate)
		if err != nil {
			t.Fatal(err)
		}
		frame := make([]int16, rate/50)
		for range 25 {
			source.Read(frame)
		}
		if got := phone.Stats().Cancelling; got != want {
			t.Errorf("%q: cancelling is %v", name, got)
		}
		if err := source.Close(); err != nil {
			t.Error(err)
		}
	}
}
