package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"housephone/topics"
)

// recordEnv says where recordings lie and how much they may take.
type recordEnv struct {
	Dir       string   `env:"RECORD_DIR" doc:"folder of recordings; voice messages lie in voice/ below it"`
	MaxLength duration `env:"RECORD_MAX_LENGTH" envDefault:"1h" doc:"longest recording of a call"`
	MinFree   int      `env:"RECORD_MIN_FREE" envDefault:"64" doc:"MiB that recordings and messages leave free on the disk"`
	MaxAge    duration `env:"RECORD_MAX_AGE" envDefault:"0" doc:"recordings older than that are removed; 0 = kept"`
	MaxSize   int      `env:"RECORD_MAX_SIZE" envDefault:"0" doc:"MiB that all recordings may take, the oldest are removed; 0 = no limit"`
}

// mailboxEnv is the answering machine.
type mailboxEnv struct {
	On          tristate `env:"MAILBOX" doc:"1 = an answering machine takes the calls that nobody answers within PHONE_RING_TIMEOUT, wants RECORD_DIR (default: 1 in ivr mode with RECORD_DIR, else 0)"`
	Greeting    string   `env:"MAILBOX_GREETING" doc:"what callers hear before the beep: a .wav or .mp3 below MEDIA_DIR, or a text to speak (default: a sentence in HOUSEPHONE_LANG)"`
	Longest     duration `env:"MAILBOX_MAX_LENGTH" envDefault:"120s" doc:"longest message"`
	MaxSilence  duration `env:"MAILBOX_MAX_SILENCE" envDefault:"6s" doc:"silence that ends a message; 0 = none does"`
	MaxMessages int      `env:"MAILBOX_MAX_MESSAGES" envDefault:"100" doc:"messages that are kept; the oldest one that was heard makes room for another"`
	OldestHeard duration `env:"MAILBOX_MAX_AGE" envDefault:"0" doc:"messages that were heard and are older than that are removed; 0 = kept"`
	PIN         string   `env:"MAILBOX_PIN" doc:"4 to 16 digits behind * that let a caller of the answering machine hear the messages (default: nobody)" secret:"true"`
	PINFile     string   `env:"MAILBOX_PIN_FILE" doc:"file that holds MAILBOX_PIN"`
	AllowFrom   patterns `env:"MAILBOX_ALLOW_FROM" doc:"callers who need no PIN for that, as the topic call shows them: patterns, separated by commas (default: nobody)"`
}

// checkHouse is check for menus, recordings and messages; the PIN has been read.
func (c *config) checkHouse() error {
	var wrong error
	if c.IVR.Menu != "" && c.Phone.Mode != topics.ModeIVR {
		wrong = fmt.Errorf("IVR_MENU_FILE=%q: menus need PHONE_MODE=ivr", c.IVR.Menu)
	}
	return errors.Join(wrong, c.Record.check(), c.Mailbox.check(c.Record.Dir, c.IVR.MediaDir))
}

// check refuses what makes no sense.
func (e recordEnv) check() error {
	var out []error
	for _, n := range []struct {
		name  string
		value int
	}{{"RECORD_MIN_FREE", e.MinFree}, {"RECORD_MAX_SIZE", e.MaxSize}} {
		if n.value < 0 || n.value > 1<<30 {
			out = append(out, fmt.Errorf("%s=%q: want a number of MiB from 0", n.name, fmt.Sprint(n.value)))
		}
	}
	if d := time.Duration(e.MaxLength); d < time.Second || d > 24*time.Hour {
		out = append(out, fmt.Errorf("RECORD_MAX_LENGTH=%q: want one second to 24 hours", d))
	}
	if info, err := os.Stat(e.Dir); e.Dir != "" && err == nil && !info.IsDir() {
		out = append(out, fmt.Errorf("RECORD_DIR=%q: want a folder", e.Dir))
	}
	return errors.Join(out...)
}

// decide settles what the answering machine is when nobody has said so.
func (e *mailboxEnv) decide(mode, dir string) {
	if !e.On.set {
		e.On = tristate{set: true, on: mode == topics.ModeIVR && dir != ""}
	}
}

// check refuses what makes no sense. The PIN is never named.
func (e mailboxEnv) check(record, media string) error {
	var out []error
	if e.On.on && record == "" {
		out = append(out, errors.New(`MAILBOX="1": RECORD_DIR is not set, so there is no place for messages`))
	}
	if e.PIN != "" && (len(e.PIN) < 4 || len(e.PIN) > 16 || strings.Trim(e.PIN, "0123456789") != "") {
		out = append(out, errors.New("MAILBOX_PIN=\"...\": want 4 to 16 digits"))
	}
	if isSoundFile(e.Greeting) && media == "" {
		out = append(out, fmt.Errorf("MAILBOX_GREETING=%q: MEDIA_DIR is not set, want a text to speak", e.Greeting))
	}
	if d := time.Duration(e.Longest); d < time.Second || d > time.Hour {
		out = append(out, fmt.Errorf("MAILBOX_MAX_LENGTH=%q: want one second to one hour", d))
	}
	if e.MaxMessages < 1 || e.MaxMessages > 10000 {
		out = append(out, fmt.Errorf("MAILBOX_MAX_MESSAGES=%q: want 1 to 10000", fmt.Sprint(e.MaxMessages)))
	}
	return errors.Join(out...)
}

// isSoundFile tells the name of a sound file from a text to speak.
func isSoundFile(s string) bool {
	s = strings.ToLower(s)
	return strings.HasSuffix(s, ".wav") || strings.HasSuffix(s, ".mp3")
}

// tristate is a boolean that may have been left open.
type tristate struct{ set, on bool }

func (b *tristate) UnmarshalText(t []byte) error {
	var on boolean
	if err := on.UnmarshalText(t); err != nil {
		return err
	}
	*b = tristate{set: true, on: bool(on)}
	return nil
}
