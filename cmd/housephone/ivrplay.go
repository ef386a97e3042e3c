package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
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
				d.stop(s, errStopped)
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
		p := s.place(reply)
		d.load(s, cmd.Value, func(pcm []int16, err error) {
			if err != nil {
				p.outcome(soundError(err))
				return
			}
			p.fill(func() { reply(playClip(s, it, pcm)) })
		})
	})
}

func playClip(s *session, it player.Item, pcm []int16) error {
	it.Sound = player.Clip(pcm)
	return playError(s.player.Play(it))
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
				err = errCallEnded()
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
		d.speak(s.place(reply), it, cmd.Value, cmd.Arg)
	})
}

// speak plays a text in its place.
func (d *desk) speak(p *place, it player.Item, text, voice string) {
	d.utter(p.s.making, p.s, it, text, voice, p.fill, p.outcome)
}

// utter speaks a text until ctx ends. When its first sound is there enter is told how to play it, or reply that there
// will be none.
func (d *desk) utter(ctx context.Context, s *session, it player.Item, text, voice string, enter func(play func()), reply func(error)) {
	if d.speaker == nil {
		reply(errNoSpeaker())
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
					if d.sessions[s.slot] != s {
						queued.Store(true)
						reply(errCallEnded())
						return
					}
					enter(func() {
						err := playError(s.player.Play(it))
						queued.Store(true)
						reply(err)
					})
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

func errCallEnded() error { return &topics.Error{Code: topics.Refused, Message: "the call has ended"} }

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
	g.prompt = it.ID
	p := s.place(func(err error) {
		switch asks := s.gather == g; {
		case asks && errors.Is(err, errStopped): // the keys are collected all the same
			g.prompt = 0
			g.keys.PromptEnded(time.Now())
			err = nil
		case asks && err != nil:
			s.gather = nil
		}
		reply(err)
	})
	p.wanted = func() bool { return s.gather == g && g.prompt == it.ID } // no key has come meanwhile
	if d.files == nil {
		d.speak(p, it, text, speech.DefaultVoice)
		return
	}
	d.load(s, text, func(pcm []int16, err error) {
		switch {
		case err == nil:
			p.fill(func() { p.outcome(playClip(s, it, pcm)) })
		case errors.Is(err, prompt.ErrNotFound), errors.Is(err, prompt.ErrName):
			d.speak(p, it, text, speech.DefaultVoice)
		default:
			p.outcome(soundError(err))
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
	return strings.ToValidUTF8(s[:most], "") + "..." // without the half of a letter
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
