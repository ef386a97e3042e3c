package main

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"time"

	"housephone/phone/ivr/keys"
	"housephone/phone/ivr/player"
	"housephone/phone/ivr/prompt"
	"housephone/phone/ivr/speech"
	"housephone/topics"
)

const (
	maxRepeat  = 1000
	speechRoom = 30 * 60 // seconds of speech that one text may make
)

// command carries out the commands of the ivr's datapoints; nil for others.
func (d *desk) command(cmd topics.Command) outcome {
	switch cmd.Datapoint {
	case "play":
		return d.do(func(reply func(error)) {
			s, err := d.session(cmd.Call)
			if err == nil {
				s.player.Stop()
			}
			reply(err)
		})
	case "play/file":
		return d.playFile(cmd)
	case "play/voice":
		return d.playVoice(cmd)
	case "dtmf/collect":
		return d.collect(cmd)
	case "record":
		return d.record(cmd)
	case "message/voice":
		return d.voiceCommand(cmd)
	}
	return nil
}

// do runs f on the desk, in the order of the commands, and waits for its reply.
func (d *desk) do(f func(reply func(error))) outcome {
	done := make(chan error, 1)
	reply := func(err error) {
		select {
		case done <- err:
		default:
		}
	}
	if !d.post(func() { f(reply) }) {
		return failed(topics.Busy, "too many commands are waiting")
	}
	return func(ctx context.Context) error {
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
			return &topics.Error{Code: topics.Timeout, Message: "no outcome in time"}
		}
	}
}

// item makes an entry for the player from the options of a command.
func (d *desk) item(cmd topics.Command, name string) (player.Item, error) {
	d.nextID++
	it := player.Item{ID: d.nextID, Name: name}
	if _, given := cmd.Options["repeat"]; given {
		n, ok := cmd.OptionInt("repeat")
		if !ok || n < 1 || n > maxRepeat {
			return it, &topics.Error{Code: topics.Invalid, Message: "repeat is a number from 1 to 1000"}
		}
		it.Repeat = n
	}
	if text, ok := cmd.Option("interrupt"); ok {
		for i := range len(text) {
			if !keys.Valid(text[i]) {
				return it, &topics.Error{Code: topics.Invalid, Message: "interrupt lists keys: 0-9, *, #, A-D"}
			}
		}
		it.Interrupt = text
	}
	return it, nil
}

func (d *desk) playFile(cmd topics.Command) outcome {
	return d.do(func(reply func(error)) {
		s, err := d.session(cmd.Call)
		if err != nil {
			reply(err)
			return
		}
		it, err := d.item(cmd, cmd.Value)
		if err != nil {
			reply(err)
			return
		}
		d.load(s, cmd.Value, func(pcm []int16, err error) {
			if err != nil {
				reply(soundError(err))
				return
			}
			it.Sound = player.Clip(pcm)
			reply(playError(s.player.Play(it)))
		})
	})
}

// load reads a file aside and comes back to the desk while the call is the same.
func (d *desk) load(s *session, name string, then func([]int16, error)) {
	d.fetch(s, d.media(), name, then)
}

// soundFiles is a folder of sounds.
type soundFiles interface {
	Load(name string, rate int) ([]int16, error)
}

// media is MEDIA_DIR, nil without one.
func (d *desk) media() soundFiles {
	if d.files == nil {
		return nil
	}
	return d.files
}

// fetch is load for any folder.
func (d *desk) fetch(s *session, files soundFiles, name string, then func([]int16, error)) {
	if files == nil {
		then(nil, &topics.Error{Code: topics.NotSupported, Message: "MEDIA_DIR is not set"})
		return
	}
	d.jobs.Go(func() {
		pcm, err := files.Load(name, s.rate)
		d.send(func() {
			if d.sessions[s.slot] != s {
				err = &topics.Error{Code: topics.Refused, Message: "the call has ended"}
			}
			then(pcm, err)
		})
	})
}

func (d *desk) playVoice(cmd topics.Command) outcome {
	return d.do(func(reply func(error)) {
		s, err := d.session(cmd.Call)
		if err != nil {
			reply(err)
			return
		}
		it, err := d.item(cmd, shorten(cmd.Value))
		if err != nil {
			reply(err)
			return
		}
		d.speak(s, it, cmd.Value, cmd.Arg, reply)
	})
}

// speak plays a text; reply is told when the first sound is there, or that there will be none.
func (d *desk) speak(s *session, it player.Item, text, voice string, reply func(error)) {
	d.utter(d.life, s, it, text, voice, func() bool { return true }, reply)
}

// utter is speak until ctx ends; what is not wanted any more when its first sound is
// there is not played.
func (d *desk) utter(ctx context.Context, s *session, it player.Item, text, voice string, wanted func() bool, reply func(error)) {
	if d.speaker == nil {
		reply(&topics.Error{Code: topics.NotSupported, Message: "nothing speaks here: install espeak-ng, or set TTS_URL or TTS_COMMAND"})
		return
	}
	feed := player.NewFeed(s.rate * speechRoom)
	it.Sound = feed
	var queued atomic.Bool
	d.jobs.Go(func() {
		started := false
		err := d.speaker.Speak(ctx, speech.Request{Text: text, Voice: voice, Rate: s.rate}, func(pcm []int16) error {
			if queued.Load() && !s.player.Queued(it.ID) {
				return context.Canceled // stopped: what is left of the text is not made
			}
			if err := feed.Append(pcm); err != nil {
				return err
			}
			if !started {
				started = true
				d.send(func() {
					defer queued.Store(true)
					if d.sessions[s.slot] != s {
						reply(&topics.Error{Code: topics.Refused, Message: "the call has ended"})
						return
					}
					if !wanted() {
						return
					}
					reply(playError(s.player.Play(it)))
				})
			}
			return nil
		})
		feed.Finish(err)
		if err != nil {
			d.send(func() { reply(soundError(err)) })
		}
	})
}

func (d *desk) collect(cmd topics.Command) outcome {
	return d.do(func(reply func(error)) {
		s, err := d.session(cmd.Call)
		if err != nil {
			reply(err)
			return
		}
		if s.gather != nil {
			reply(&topics.Error{Code: topics.Busy, Message: "keys are being collected already"})
			return
		}
		want := cmd.Collect()
		conf := keys.CollectConfig{
			Max: want.Max, Timeout: time.Duration(want.Timeout * float64(time.Second)), Terminator: want.Terminator,
		}
		c, err := keys.NewCollector(conf, want.Prompt != "", time.Now())
		if err != nil {
			reply(&topics.Error{Code: topics.Invalid, Message: err.Error()})
			return
		}
		s.gather = &gathering{keys: c}
		if want.Prompt == "" {
			reply(nil)
			return
		}
		d.ask(s, want.Prompt, reply)
	})
}

// ask plays the prompt of a collection: a file of that name, or else the text is spoken.
func (d *desk) ask(s *session, text string, reply func(error)) {
	g := s.gather
	d.nextID++
	it := player.Item{ID: d.nextID, Name: shorten(text)}
	answer := func(err error) {
		if err != nil && s.gather == g {
			s.gather = nil
		}
		reply(err)
	}
	g.prompt = it.ID
	if d.files == nil {
		d.speak(s, it, text, speech.DefaultVoice, answer)
		return
	}
	d.load(s, text, func(pcm []int16, err error) {
		switch {
		case err == nil:
			it.Sound = player.Clip(pcm)
			answer(playError(s.player.Play(it)))
		case errors.Is(err, prompt.ErrNotFound), errors.Is(err, prompt.ErrName):
			d.speak(s, it, text, speech.DefaultVoice, answer)
		default:
			answer(soundError(err))
		}
	})
}

func collectedText(r keys.Collected) string {
	b, err := json.Marshal(topics.DTMFCollected{Digits: r.Digits, Reason: string(r.Reason)})
	if err != nil {
		return "{}"
	}
	return string(b)
}

// shorten makes a text fit to be shown as what plays.
func shorten(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	r := []rune(s[:most])
	return string(r[:len(r)-1]) + "..."
}

func playError(err error) error {
	if err == nil {
		return nil
	}
	return &topics.Error{Code: topics.Busy, Message: err.Error()}
}

// soundError words why something cannot be played.
func soundError(err error) error {
	var te *topics.Error
	if errors.As(err, &te) {
		return te
	}
	code := topics.Failed
	for _, bad := range []error{prompt.ErrName, prompt.ErrNotFound, prompt.ErrFormat, prompt.ErrTooLong, prompt.ErrNoDecoder, speech.ErrVoice, speech.ErrText, speech.ErrTooLong} {
		if errors.Is(err, bad) {
			code = topics.Invalid
		}
	}
	return &topics.Error{Code: code, Message: err.Error()}
}
