package main

import (
	"context"
	"slices"
	"time"

	"housephone/phone/ivr/mailbox"
	"housephone/phone/ivr/menu"
	"housephone/phone/ivr/player"
	"housephone/phone/ivr/speech"
)

// guide leads a caller: a menu, or the messages of the mailbox. Its actions are
// those of the packages menu and mailbox.
type guide interface {
	Start(now time.Time) []any
	Quiet(now time.Time) []any
	Key(key byte, now time.Time) []any
	Tick(now time.Time) []any
	Rest(now time.Time) // the keys had another purpose until now
	Secret() bool       // what is typed now is a PIN
}

// menuGuide is a menu as a guide.
type menuGuide struct{ m *menu.Machine }

func (g menuGuide) Start(now time.Time) []any         { return anyOf(g.m.Start(now)) }
func (g menuGuide) Quiet(now time.Time) []any         { return anyOf(g.m.Quiet(now)) }
func (g menuGuide) Key(key byte, now time.Time) []any { return anyOf(g.m.Key(key, now)) }
func (g menuGuide) Tick(now time.Time) []any          { return anyOf(g.m.Tick(now)) }
func (g menuGuide) Rest(now time.Time)                { g.m.Rest(now) }
func (g menuGuide) Secret() bool                      { return g.m.Secret() }

// listenerWait is how long a listener waits for a key before it goes on.
const listenerWait = 20 * time.Second

// listenGuide is the listener to the messages as a guide. Without a key it goes on
// to the next message, so that nobody holds the line for ever.
type listenGuide struct {
	l        *mailbox.Listener
	deadline *time.Time
}

func newListenGuide(messages []mailbox.Message) guide {
	return listenGuide{mailbox.NewListener(messages), new(time.Time)}
}

func (g listenGuide) Start(time.Time) []any { return anyOf(g.l.Start()) }

func (g listenGuide) Quiet(now time.Time) []any {
	out := g.l.Quiet()
	if len(out) > 0 {
		g.Rest(now)
	}
	return anyOf(out)
}

func (g listenGuide) Key(key byte, now time.Time) []any {
	g.Rest(now)
	return anyOf(g.l.Key(key))
}

func (g listenGuide) Tick(now time.Time) []any {
	if g.deadline.IsZero() || now.Before(*g.deadline) {
		return nil
	}
	return g.Key('2', now)
}

func (g listenGuide) Rest(now time.Time) { *g.deadline = now.Add(listenerWait) }
func (g listenGuide) Secret() bool       { return false }

func anyOf[A any](actions []A) []any {
	out := make([]any, 0, len(actions))
	for _, a := range actions {
		out = append(out, a)
	}
	return out
}

// visit is a guide at work on one call: what it wants is carried out one after the
// other. It belongs to the desk.
type visit struct {
	s     *session
	guide guide
	tells bool // its places are told

	todo  []any
	busy  bool            // one of them is being prepared
	items map[uint64]bool // sounds whose end is waited for
	after func()          // what is due when they have ended
	pause time.Time       // in place of a sound that failed

	note  *recording // message being taken
	tapes bool       // from the beep to the end of a message: any key ends it

	ctx    context.Context //nolint:containedctx // of the speech that is being made; replaced when it is not wanted any more
	cancel context.CancelFunc
	over   bool
	failed bool // a failure has been told

	unplayed string // the last file, when it could not be played
}

// begin lets a guide lead the caller; one that did so before ends.
func (d *desk) begin(s *session, g guide, tells bool) {
	d.leave(s)
	s.player.Stop()
	v := &visit{s: s, guide: g, tells: tells, items: map[uint64]bool{}}
	v.ctx, v.cancel = context.WithCancel(d.life)
	s.visit = v
	d.follow(v, g.Start(time.Now()))
}

// leave ends the visit of a call.
func (d *desk) leave(s *session) {
	v := s.visit
	if v == nil {
		return
	}
	s.visit = nil
	v.over = true
	v.cancel()
	for id := range v.items {
		s.player.Remove(id)
	}
	if v.note != nil {
		v.note.end()
	}
}

// follow carries out what the guide wants.
func (d *desk) follow(v *visit, actions []any) {
	for _, a := range actions {
		switch a.(type) {
		case menu.Stop, mailbox.Stop:
			d.hush(v)
		default:
			v.todo = append(v.todo, a)
		}
	}
	d.step(v)
}

// hush ends all sound of the call, also what is still to come; what makes none is
// done all the same.
func (d *desk) hush(v *visit) {
	v.cancel()
	v.ctx, v.cancel = context.WithCancel(d.life)
	v.todo = slices.DeleteFunc(v.todo, func(a any) bool {
		switch a.(type) {
		case menu.Say, menu.Play, menu.Record, beepNow, takeNote, mailbox.Announce, mailbox.Play:
			return true
		}
		return false
	})
	v.busy, v.after, v.tapes, v.pause = false, nil, false, time.Time{}
	clear(v.items)
	v.s.player.Stop()
}

// step begins the next actions up to one that takes time.
func (d *desk) step(v *visit) {
	for !v.over && !v.busy && len(v.todo) > 0 {
		a := v.todo[0]
		v.todo = v.todo[1:]
		d.perform(v, a)
	}
}

// quiet tells that all sound of the visit has ended.
func (v *visit) quiet(now time.Time) bool { return len(v.items) == 0 && !now.Before(v.pause) }

// lookAt lets a visit go on when its sounds have ended or its time is over.
func (d *desk) lookAt(v *visit, now time.Time) {
	if !v.quiet(now) {
		return
	}
	if f := v.after; f != nil {
		v.after = nil
		f()
		return
	}
	if v.busy || len(v.todo) > 0 {
		return
	}
	if v.s.gather != nil {
		v.guide.Rest(now)
		return
	}
	if out := v.guide.Quiet(now); len(out) > 0 {
		d.follow(v, out)
		return
	}
	d.follow(v, v.guide.Tick(now))
}

// visitKey gives a key to the guide. While a message is taken it only ends that.
func (d *desk) visitKey(v *visit, key byte, now time.Time) {
	if v.tapes {
		if v.note != nil {
			v.note.end()
		}
		return
	}
	d.follow(v, v.guide.Key(key, now))
}

// silently waits until all sound has ended, then does f and goes on.
func (d *desk) silently(v *visit, f func()) {
	v.busy = true
	v.after = func() {
		v.busy = false
		f()
		d.step(v)
	}
}

// wait begins something that takes time; the function that it returns must be called on
// the desk when that is over, and tells whether the visit still wants to know.
func (v *visit) wait() (wanted func() bool) {
	v.busy = true
	ctx := v.ctx
	return func() bool { return !v.over && ctx.Err() == nil }
}

// sound has one sound made and queued; make gets what to put it into.
func (d *desk) sound(v *visit, name string, create func(it player.Item, wanted func() bool, reply func(error))) {
	d.nextID++
	it := player.Item{ID: d.nextID, Name: shorten(name)}
	v.items[it.ID] = true
	wanted := v.wait()
	answered := false
	create(it, wanted, func(err error) {
		if answered || !wanted() {
			return
		}
		answered = true
		v.busy = false
		if err != nil {
			delete(v.items, it.ID)
			d.fault(v, "a sound could not be played to a caller", err)
		}
		d.step(v)
	})
}

// failPause takes the place of a sound that could not be played, so that menus
// that repeat do not run hot.
const failPause = time.Second

// fault tells once a visit what went wrong; the caller goes on.
func (d *desk) fault(v *visit, what string, err error) {
	v.pause = time.Now().Add(failPause)
	if !v.failed {
		v.failed = true
		d.log.Warn(what, "err", err)
	}
}

// say speaks a text.
func (d *desk) say(v *visit, text, voice string) {
	if voice == "" {
		voice = speech.DefaultVoice
	}
	d.sound(v, text, func(it player.Item, wanted func() bool, reply func(error)) {
		d.utter(v.ctx, v.s, it, text, voice, func(play func()) {
			if wanted() {
				play()
			}
		}, reply)
	})
}

// clip queues a sound that is there.
func (d *desk) clip(v *visit, name string, pcm []int16) {
	d.sound(v, name, func(it player.Item, _ func() bool, reply func(error)) {
		reply(playClip(v.s, it, pcm))
	})
}

// playSound plays a file of a folder.
func (d *desk) playSound(v *visit, files soundFiles, name string) {
	d.sound(v, name, func(it player.Item, wanted func() bool, reply func(error)) {
		d.fetch(v.s, files, name, func(pcm []int16, err error) {
			v.unplayed = ""
			if err != nil {
				v.unplayed = name
				reply(soundError(err))
				return
			}
			if wanted() {
				reply(playClip(v.s, it, pcm))
			}
		})
	})
}

// sorry tells the caller that something is not possible, and ends the call.
func (d *desk) sorry(v *visit) {
	v.todo = nil
	v.guide = menuGuide{menu.NewMachine(&menu.Menu{Start: &menu.Node{
		Message: d.phrases.sorry, After: menu.After{Kind: menu.HangUp},
	}}, nil, menu.Caller{})}
	v.tells = false
	d.follow(v, v.guide.Start(time.Now()))
}
