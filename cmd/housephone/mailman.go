package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"gopkg.in/yaml.v3"

	"housephone/phone/ivr/mailbox"
	"housephone/phone/ivr/menu"
	"housephone/phone/ivr/prompt"
	"housephone/phone/ivr/record"
	"housephone/topics"
)

const (
	// minSpoken is how much must be heard of a message for it to be kept.
	minSpoken = 500 * time.Millisecond
	// mailQueue is how many changes of the mailbox may wait for the disk.
	mailQueue = 64
	// maxListed is how many messages, the newest, message/list shows.
	maxListed = 100
	// sweepEvery is how often old recordings and messages are looked for.
	sweepEvery = time.Hour
)

// mailman keeps the voice messages and leads the callers of the answering machine.
type mailman struct {
	cfg    mailboxEnv
	box    *mailbox.Box
	dir    *record.Dir
	sounds *prompt.Store
	log    *slog.Logger

	greet, greetOwner *menu.Menu // of the answering machine; Owner: of callers who need no PIN
	full, fullOwner   *menu.Menu // while no message can be taken
	ask               *menu.Menu // asks for the PIN; nil = there is none

	publish func(datapoint string, document any)
	waiting func(n int)
	jobs    chan func()
	mu      sync.Mutex // what is told is what is there
}

// newMailman makes what callers hear.
func newMailman(cfg mailboxEnv, w phrases, log *slog.Logger) (*mailman, error) {
	m := &mailman{cfg: cfg, log: log, jobs: make(chan func(), mailQueue)}
	if err := m.menus(w); err != nil {
		return nil, badVariable("MAILBOX_GREETING", cfg.Greeting, err)
	}
	return m, nil
}

// openMailman opens the folder of messages, which is made where it is missing.
func openMailman(dir string, cfg mailboxEnv, minFree uint64, w phrases, log *slog.Logger) (*mailman, error) {
	m, err := newMailman(cfg, w, log)
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(dir, topics.VoiceFolder)
	fail := func(err error) (*mailman, error) { return nil, badVariable("RECORD_DIR", dir, err) }
	if m.dir, err = record.Open(folder, minFree); err != nil {
		return fail(err)
	}
	if m.box, err = mailbox.Open(folder, cfg.MaxMessages); err != nil {
		return fail(errors.Join(err, m.dir.Close()))
	}
	if m.sounds, err = prompt.Open(folder, prompt.Config{CacheBytes: 16 << 20}); err != nil {
		return fail(errors.Join(err, m.box.Close(), m.dir.Close()))
	}
	return m, nil
}

// node is a place of a menu as in its file.
type node map[string]any

// menus makes the menus of the answering machine, out of the same words as in a file.
func (m *mailman) menus(w phrases) error {
	greeting := node{"post_action": "jump message", "default": node{"post_action": "jump message"}}
	switch {
	case isSoundFile(m.cfg.Greeting):
		greeting["audio_file"] = m.cfg.Greeting
	case m.cfg.Greeting != "":
		greeting["message"] = m.cfg.Greeting
	default:
		greeting["message"] = w.greeting
	}
	greeting["choices"] = node{"#": node{"post_action": "jump message"}}
	full := node{"message": w.full, "post_action": "hangup"}
	owner := node{"action": "messages"}
	var pin node
	if m.cfg.PIN != "" {
		pin = node{
			"message": w.askPIN, "choices_are_pin": true, "choices": node{m.cfg.PIN: node{"action": "messages"}},
			"default": node{"message": w.wrongPIN}, "timeout": 15,
		}
	}
	message := node{"id": "message", "action": "record", "message": w.thanks, "post_action": "hangup"}
	for _, part := range []struct {
		to    **menu.Menu
		first node
	}{
		{&m.greet, withStar(greeting, pin)}, {&m.greetOwner, withStar(greeting, owner)},
		{&m.full, withStar(full, pin)}, {&m.fullOwner, withStar(full, owner)}, {&m.ask, pin},
	} {
		if part.first == nil {
			continue
		}
		var err error
		if *part.to, err = parseMenu(node{"menu": part.first, "menus": []node{message}}); err != nil {
			return err
		}
	}
	return nil
}

// withStar is a place with one more that the star key leads to, if there is one.
func withStar(first, star node) node {
	if star == nil {
		return first
	}
	first, choices := maps.Clone(first), node{"*": star}
	if c, ok := first["choices"].(node); ok {
		maps.Copy(choices, c)
	}
	first["choices"] = choices
	return first
}

func parseMenu(file node) (*menu.Menu, error) {
	b, err := yaml.Marshal(file)
	if err != nil {
		return nil, err
	}
	m, err := menu.Parse(b)
	var fault *menu.Error
	if errors.As(err, &fault) {
		return nil, errors.New(fault.Text) // the line is not one that a person has written
	}
	return m, err
}

// allowed tells callers who need no PIN. Patterns are for the whole address as the
// topics show it: 601 is not 601@elsewhere.
func (m *mailman) allowed(from string) bool {
	return from != "" && slices.ContainsFunc(m.cfg.AllowFrom, func(pattern string) bool {
		ok, err := path.Match(strings.ToLower(pattern), strings.ToLower(from))
		return err == nil && ok
	})
}

// menuFor is what a caller of the answering machine hears.
func (m *mailman) menuFor(from string) *menu.Menu {
	switch owner, full := m.allowed(from), m.box.Full(); {
	case owner && full:
		return m.fullOwner
	case owner:
		return m.greetOwner
	case full:
		return m.full
	}
	return m.greet
}

// recordConfig says how a message is recorded: the caller alone.
func (m *mailman) recordConfig(a menu.Record, rate int) record.Config {
	c := record.Config{Rate: rate, MaxLength: time.Duration(m.cfg.Longest), MaxSilence: time.Duration(m.cfg.MaxSilence)}
	if a.Max > 0 {
		c.MaxLength = a.Max
	}
	if a.Silence > 0 {
		c.MaxSilence = a.Silence
	}
	return c
}

// letter is a message while it is recorded.
type letter struct {
	mail    *mailman
	message mailbox.Message
}

func (*letter) begun(string)       {}
func (l *letter) complete(t taken) { l.mail.keep(l.message, t) }

// keep takes up a message that has been recorded. It is called aside.
func (m *mailman) keep(message mailbox.Message, t taken) {
	if t.unwanted || t.Spoken < minSpoken {
		if err := m.dir.Remove(t.Name); err != nil {
			m.log.Warn("an empty message could not be removed", "file", t.Name, "err", err)
		}
		return
	}
	message.File, message.Seconds = t.Name, topics.Seconds(t.Length)
	if err := m.box.Add(message); err != nil {
		m.log.Error("a message could not be taken up; its file stays", "file", t.Name, "from", message.From, "err", err)
		return
	}
	m.publish("message/voice", topics.VoiceMessage{File: topics.VoiceFolder + message.File, Seconds: message.Seconds, From: message.From})
	m.tell()
}

// tell publishes what is in the mailbox.
func (m *mailman) tell() {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := topics.VoiceList{Messages: []topics.VoiceEntry{}}
	waiting := 0
	all := m.box.Messages()
	for i, v := range all {
		if !v.Heard {
			waiting++
		}
		if len(all)-i > maxListed {
			continue
		}
		list.Messages = append(list.Messages, topics.VoiceEntry{
			File: topics.VoiceFolder + v.File, From: v.From, Name: v.Name, At: topics.At(v.At), Seconds: v.Seconds, Heard: v.Heard,
		})
	}
	m.waiting(waiting)
	m.publish("message/list", list)
}

// post has a change of the mailbox made, one after the other. Done may be nil.
func (m *mailman) post(change func() error, done func(error)) {
	if done == nil {
		done = func(err error) {
			if err != nil {
				m.log.Warn("the mailbox could not be changed", "err", err)
			}
		}
	}
	job := func() {
		err := change()
		m.tell()
		done(err)
	}
	select {
	case m.jobs <- job:
	default:
		done(&topics.Error{Code: topics.Busy, Message: "too many changes of the mailbox are waiting"})
	}
}

// run makes the changes until ctx ends and nothing is left.
func (m *mailman) run(ctx context.Context) {
	m.tell()
	m.sweep()
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case job := <-m.jobs:
			job()
		case <-tick.C:
			m.sweep()
		case <-ctx.Done():
			select {
			case job := <-m.jobs:
				job()
			default:
				return
			}
		}
	}
}

// sweep removes messages that were heard long ago.
func (m *mailman) sweep() {
	age := time.Duration(m.cfg.OldestHeard)
	if age == 0 {
		return
	}
	gone, err := m.box.Sweep(time.Now(), age)
	if err != nil {
		m.log.Warn("old messages could not be removed", "err", err)
	}
	if len(gone) > 0 {
		m.tell()
	}
}

func (m *mailman) close() error {
	return errors.Join(m.sounds.Close(), m.box.Close(), m.dir.Close())
}

// change carries out heard, unheard and delete for a file, or for several.
func (m *mailman) change(verb, file string) error {
	one := func(name string) error {
		if verb == "delete" {
			return m.box.Delete(name)
		}
		return m.box.MarkHeard(name, verb == "heard")
	}
	if file != "all" && (file != "heard" || verb != "delete") {
		return mailError(one(file), file)
	}
	var all error
	for _, v := range m.box.Messages() {
		if file == "all" || v.Heard {
			all = errors.Join(all, mailError(one(v.File), v.File))
		}
	}
	return all
}

func mailError(err error, file string) error {
	switch {
	case errors.Is(err, mailbox.ErrNotFound):
		return &topics.Error{Code: topics.Invalid, Message: fmt.Sprintf("there is no voice message %q", topics.VoiceFolder+file)}
	case err != nil:
		return &topics.Error{Code: topics.Failed, Message: err.Error()}
	}
	return nil
}

// voiceCommand carries out the commands of message/voice.
func (d *desk) voiceCommand(cmd topics.Command) outcome {
	verb, file := cmd.Voice()
	if verb != "listen" {
		done := make(chan error, 1)
		d.mail.post(func() error { return d.mail.change(verb, file) }, func(err error) { done <- err })
		return func(ctx context.Context) error {
			select {
			case err := <-done:
				return err
			case <-ctx.Done():
				return &topics.Error{Code: topics.Timeout, Message: "no outcome in time"}
			}
		}
	}
	return d.do(func(reply func(error)) {
		s, err := d.session(cmd.Call)
		switch {
		case err != nil:
			reply(err)
		case !s.attended:
			reply(&topics.Error{Code: topics.Refused, Message: "the call is not answered yet"})
		case !d.voice && !s.unattended:
			reply(&topics.Error{Code: topics.Refused, Message: "somebody is talking in this call; messages can be heard in ivr mode or in a call that the answering machine has taken"})
		default:
			d.begin(s, newListenGuide(d.mail.box.Messages()), false)
			reply(nil)
		}
	})
}
