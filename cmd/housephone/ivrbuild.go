package main

import (
	"context"
	"errors"
	"os/exec"
	"strconv"
	"strings"

	"housephone/hw"
	"housephone/phone/ivr/menu"
	"housephone/phone/ivr/prompt"
	"housephone/phone/ivr/speech"
	"housephone/topics"
)

// ivrEnv is the voice of ivr mode.
type ivrEnv struct {
	Menu     string `env:"IVR_MENU_FILE" doc:"YAML file of the menu that callers walk through; read again when it has changed"`
	MediaDir string `env:"MEDIA_DIR" doc:"folder of the WAV and MP3 files that can be played"`
	TTSURL   string `env:"TTS_URL" doc:"speech servers, separated by commas, the preferred one first: wyoming://host:port (Piper), http://host:8123?engine_id=tts.name&language=en (Home Assistant)"`
	TTSToken string `env:"TTS_TOKEN" doc:"long-lived access token for Home Assistant as a speech server" secret:"true"`
	TTSFile  string `env:"TTS_TOKEN_FILE" doc:"file that holds TTS_TOKEN"`
	TTS      string `env:"TTS_COMMAND" doc:"program that speaks: text on standard input, WAV on standard output, {voice} in its arguments (default: espeak-ng when installed)"`
	TTSCache string `env:"TTS_CACHE_DIR" doc:"folder that keeps spoken texts"`
}

// ttsCacheBytes bounds what TTS_CACHE_DIR holds.
const ttsCacheBytes = 256 << 20

// buildDesk makes the voice; without ivr mode there is none.
func (s *service) buildDesk() error {
	ivr := s.cfg.Phone.Mode == topics.ModeIVR
	if s.phone == nil || !ivr && s.cfg.Record.Dir == "" {
		return nil
	}
	d := newDesk(s.phone, s.log.With("part", "ivr"))
	d.voice, d.phrases, d.guard, d.house = ivr, phrasesOf(s.cfg.Lang), menu.NewGuard(menu.GuardConfig{}), s.houseOf()
	d.publish = func(slot int, datapoint, value string) {
		if slot == d.current || s.cfg.Phone.MaxCalls == 1 {
			s.publish(s.tree.Message(datapoint, value))
		}
		if s.cfg.Phone.MaxCalls > 1 {
			s.publish(s.tree.Message(callPath(slot, datapoint), value))
		}
	}
	d.announcer.lines, d.announcer.rate, d.announcer.online = s.cfg.Phone.MaxCalls, s.cfg.Phone.Codecs[0].SampleRate, s.bridge.Connected
	d.announcer.publish = func(doc topics.AnnouncementEnded) {
		doc.Local = s.view.local
		s.publish(s.view.json("call/ended", doc))
	}
	var err error
	if d.files, err = openMedia(s.cfg.IVR.MediaDir); err != nil {
		return err
	}
	if d.speaker, err = s.buildSpeaker(s.cfg.IVR); err != nil {
		return err
	}
	if d.menu, err = s.loadMenu(); err != nil {
		return err
	}
	if err := s.buildStores(d); err != nil {
		return errors.Join(err, d.closeStores())
	}
	s.desk = d
	return nil
}

// checkDesk is what buildDesk refuses, as far as it can be known without making a folder.
func (s *service) checkDesk() error {
	if !s.features.Has(topics.FeatureIVR) && !s.features.Has(topics.FeatureRecord) {
		return nil
	}
	files, err := openMedia(s.cfg.IVR.MediaDir)
	if err != nil {
		return err
	}
	if files != nil {
		if err := files.Close(); err != nil {
			return badVariable("MEDIA_DIR", s.cfg.IVR.MediaDir, err)
		}
	}
	if _, err := s.loadMenu(); err != nil {
		return err
	}
	if !s.features.Has(topics.FeatureVoicemail) {
		return nil
	}
	_, err = newMailman(s.cfg.Mailbox, phrasesOf(s.cfg.Lang), s.log)
	return errors.Join(err, s.checkGreeting())
}

// openMedia opens MEDIA_DIR; nil without one.
func openMedia(dir string) (*prompt.Store, error) {
	if dir == "" {
		return nil, nil
	}
	files, err := prompt.Open(dir, prompt.Config{MP3: decodeMP3})
	if err != nil {
		return nil, badVariable("MEDIA_DIR", dir, err)
	}
	return files, nil
}

// buildStores opens the folders of recordings and messages.
func (s *service) buildStores(d *desk) (err error) {
	if s.cfg.Record.Dir == "" {
		return nil
	}
	if d.archive, err = openArchive(s.cfg.Record, d.log); err != nil {
		return err
	}
	if !s.features.Has(topics.FeatureVoicemail) {
		return nil
	}
	if err := s.checkGreeting(); err != nil {
		return err
	}
	d.mail, err = openMailman(s.cfg.Record.Dir, s.cfg.Mailbox, s.cfg.Record.minFree(), d.phrases, d.log)
	if err != nil {
		return err
	}
	d.mail.publish = func(datapoint string, doc any) { s.publish(s.view.json(datapoint, doc)) }
	d.mail.waiting = func(n int) { s.publish(s.tree.Message("message/waiting", strconv.Itoa(n))) }
	return nil
}

// houseOf is what the desk can reach.
func (s *service) houseOf() house {
	h := house{
		event: func(slot int, datapoint, value string) {
			for _, m := range s.view.perCall(slot, datapoint, value) {
				s.publish(m)
			}
		},
		plain:   func(datapoint, value string) { s.publish(s.tree.Message(datapoint, value)) },
		value:   func(datapoint, value string) { s.publish(s.tree.Message(datapoint, value)) },
		code:    func(slot int, key byte) { s.doorKey(slot, string(rune(key))) },
		address: s.view.addresses.Full, short: s.view.addresses.Short,
		refused: func(by, reason string) {
			s.publish(s.view.json("door/event", topics.DoorEvent{Event: topics.DoorRefused, By: by, How: topics.HowDTMF, Reason: reason}))
		},
	}
	if p := s.panel; p != nil {
		h.unlock = func(ctx context.Context, by string) error { return p.Unlock(ctx, by, hw.HowDTMF) }
	}
	return h
}

// buildSpeaker lines the engines up: the server, the program, espeak-ng.
func (s *service) buildSpeaker(c ivrEnv) (*speech.Speaker, error) {
	conf := speech.Config{Failed: func(engine string, err error) {
		s.log.Warn("the text was not spoken by its engine", "engine", engine, "err", err)
	}}
	var err error
	if conf.Engines, err = speechEngines(c); err != nil {
		return nil, err
	}
	if path, err := exec.LookPath("espeak-ng"); err == nil {
		conf.Engines = append(conf.Engines, speech.Espeak{Path: path, Language: s.cfg.Lang})
	}
	if len(conf.Engines) == 0 {
		return nil, nil
	}
	if c.TTSCache != "" {
		cache, err := speech.OpenCache(c.TTSCache, ttsCacheBytes)
		if err != nil {
			return nil, badVariable("TTS_CACHE_DIR", c.TTSCache, err)
		}
		conf.Cache = cache
	}
	return speech.New(conf)
}

// speechEngines are those of TTS_URL and TTS_COMMAND, in their order.
func speechEngines(c ivrEnv) ([]speech.Engine, error) {
	engines, err := speechServers(c)
	if err != nil || c.TTS == "" {
		return engines, err
	}
	e, err := speech.ParseCommand(c.TTS)
	if err != nil {
		return nil, badVariable("TTS_COMMAND", c.TTS, err)
	}
	return append(engines, e), nil
}

// speechServers are those of TTS_URL, in their order.
func speechServers(c ivrEnv) ([]speech.Engine, error) {
	var engines []speech.Engine
	for address := range strings.SplitSeq(c.TTSURL, ",") {
		address = strings.TrimSpace(address)
		switch {
		case address == "" && c.TTSURL == "":
			return nil, nil
		case strings.HasPrefix(address, "http:"), strings.HasPrefix(address, "https:"):
			e, err := speech.NewHomeAssistant(address, c.TTSToken, decodeMP3)
			if err != nil {
				return nil, badVariable("TTS_URL", withoutPassword(address), err)
			}
			if c.TTSToken == "" {
				return nil, badVariable("TTS_TOKEN", "", errors.New("want a long-lived access token of Home Assistant, from the page of its user"))
			}
			engines = append(engines, e)
		default:
			e, err := speech.NewServer(address)
			if err != nil {
				return nil, badVariable("TTS_URL", withoutPassword(address), err)
			}
			engines = append(engines, e)
		}
	}
	return engines, nil
}

// runDesk serves and then gives back what the desk holds open.
func (s *service) runDesk(ctx context.Context) error {
	s.desk.run(ctx)
	return s.desk.closeStores()
}
