package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"housephone/phone"
	"housephone/phone/audio"
	"housephone/phone/audio/device"
	"housephone/phone/audio/ringer"
	"housephone/phone/audio/speaker"
)

// audioEnv is the sound of this end of a call.
type audioEnv struct {
	Capture  string  `env:"AUDIO_CAPTURE" doc:"microphone: default, a name that housephone -devices lists, none, tone:HZ, file:PATH (default: default; none in ivr mode)"`
	Playback string  `env:"AUDIO_PLAYBACK" doc:"loudspeaker: default, a name, none, file:PATH (default: default; none in ivr mode)"`
	RingFile string  `env:"AUDIO_RING_FILE" doc:"WAV that rings (default: a built-in tone)"`
	Echo     boolean `env:"AUDIO_ECHO_CANCEL" envDefault:"1" doc:"1 = take the loudspeaker's echo out of the microphone, turn noise down, level speech"`
	Country  string  `env:"AUDIO_COUNTRY" envDefault:"itu" doc:"ringback and busy tones of: itu, us, gb, de, fr, it" allowed:"itu,us,gb,uk,de,fr,it"`
}

// sound is what this end of a call hears and says, and what rings.
type sound struct {
	capture, playback audio.Device
	speaker           *speaker.Speakerphone // nil without a microphone and loudspeaker in a room
	ringer            *ringer.Ringer        // nil without a loudspeaker
}

// buildSound opens nothing yet.
func buildSound(cfg config, log *slog.Logger) (sound, error) {
	c, keyEvery := cfg.Audio, time.Duration(cfg.Phone.ToneDuration+cfg.Phone.ToneGap)
	var s sound
	var err error
	if s.capture, err = device.Open(c.Capture, log); err != nil {
		return s, badVariable("AUDIO_CAPTURE", c.Capture, err)
	}
	if path, ok := strings.CutPrefix(c.Capture, "file:"); ok {
		if _, err := audio.LoadWAV(path, 8000); err != nil {
			return s, badVariable("AUDIO_CAPTURE", c.Capture, err)
		}
	}
	if s.playback, err = device.Open(c.Playback, log); err != nil {
		return s, badVariable("AUDIO_PLAYBACK", c.Playback, err)
	}
	if !isCard(c.Playback) {
		return s, nil
	}
	s.ringer, err = ringer.New(ringer.Config{Device: s.playback, Country: c.Country, RingFile: c.RingFile, KeyEvery: keyEvery, Log: log})
	if err != nil {
		return s, badVariable("AUDIO_COUNTRY", c.Country, err)
	}
	card := s.playback
	if isCard(c.Capture) && bool(c.Echo) {
		s.speaker = speaker.New(speaker.Config{Capture: s.capture, Playback: card, Echo: true, Noise: true, Gain: true, Log: log})
		s.capture, card = s.speaker.Capture(), s.speaker.Playback()
	}
	s.playback = s.ringer.Share(card) // above the canceller, so that it knows the key beeps
	return s, nil
}

// isCard tells real devices from files and tones.
func isCard(spec string) bool {
	return spec != "none" && !strings.HasPrefix(spec, "file:") && !strings.HasPrefix(spec, "tone:")
}

// show lets the ringer know what the line does.
func (s sound) show(st phone.State) {
	if s.ringer == nil {
		return
	}
	s.ringer.SetVolume(st.Volume)
	c := findCall(st.Calls, st.Current)
	line := ringer.Idle
	switch c.Status {
	case phone.StatusRing:
		line = ringer.Incoming
	case phone.StatusDial:
		line = ringer.Dialling
		if c.Codec != "" {
			line = ringer.EarlyMedia
		}
	case phone.StatusActive:
		line = ringer.Active
	}
	s.ringer.Show(ringer.State{Line: line})
}

// ended lets the caller hear why a call came to nothing.
func (s sound) ended(e phone.Ended) {
	if s.ringer == nil || e.Call.Direction != phone.Out || !e.ByFar || !e.Call.Answered.IsZero() {
		return
	}
	cause := ringer.Failed
	if e.Cause == phone.CauseBusy || e.Cause == phone.CauseDeclined {
		cause = ringer.Busy
	}
	s.ringer.Show(ringer.State{Line: ringer.Ended, Cause: cause})
}

// beep sounds the keys that are sent.
func (s sound) beep(keys string) {
	if s.ringer != nil {
		s.ringer.Keys(keys)
	}
}

// echoTest plays a sweep and words what comes back.
func (s sound) echoTest(ctx context.Context) (string, error) {
	if s.speaker == nil {
		return "", &phone.Error{Kind: phone.NotSupported, Text: "there is no microphone and loudspeaker to test, or AUDIO_ECHO_CANCEL is off"}
	}
	r, err := s.speaker.EchoTest(ctx)
	if err != nil {
		return "", &phone.Error{Kind: phone.Failed, Text: err.Error(), Err: err}
	}
	return fmt.Sprintf("delay %d ms, echo return loss %.1f dB, enhancement %.1f dB, clarity %.1f dB",
		r.Delay.Round(time.Millisecond).Milliseconds(), r.ReturnLoss, r.Enhancement, r.Clarity), nil
}
