package main

import (
	"context"
	"time"

	"housephone/phone"
	"housephone/phone/ivr/menu"
	"housephone/phone/ivr/player"
	"housephone/topics"
)

// house is what the desk can reach beside its calls.
type house struct {
	event   func(slot int, datapoint, value string) // of a call
	plain   func(datapoint, value string)           // a state, for the call that the plain topics speak for
	value   func(datapoint, value string)           // of the user's own
	address func(text string) (uri string, err error)
	short   func(uri string) string
	code    func(slot int, key byte) // a key that may be one of a door code
	unlock  func(ctx context.Context, by string) error
	refused func(by, reason string)
}

// open makes the session of a call. One of the same call that had another rate goes on
// in the new one, without what was playing.
func (d *desk) open(c phone.Call, old *session) *session {
	s := &session{
		slot: c.Slot, call: c.ID, rate: c.Rate, player: player.New(), done: map[uint64]func(){},
		from: d.house.short(c.Remote.URI), name: c.Remote.Name,
	}
	s.making, s.cancel = context.WithCancel(d.life)
	switch {
	case old == nil:
	case old.call != c.ID:
		d.close(old)
	default:
		d.stop(old, errStopped)
		old.cancel()
		s.attended, s.unattended, s.playing, s.recording = old.attended, old.unattended, old.playing, old.recording
		s.gather, s.tape, s.byInfo, s.heard = old.gather, old.tape, old.byInfo, old.heard
		if g := s.gather; g != nil && g.prompt != 0 {
			g.prompt = 0
			g.keys.PromptEnded(time.Now())
		}
		if s.visit = old.visit; s.visit != nil {
			s.visit.s = s
			clear(s.visit.items)
		}
	}
	d.sessions[c.Slot] = s
	if d.voice || s.unattended {
		d.speakInto(s)
	}
	if s.attended {
		d.retap(s)
	}
	return s
}

// speakInto lets the far end hear what is played.
func (d *desk) speakInto(s *session) { d.calls.SpeakInto(s.call, d.floor(s.rate).Under(s.player)) }

// attend begins what is due in an active call.
func (d *desk) attend(s *session, c phone.Call) {
	if s.attended {
		if s.unattended && !c.Unattended {
			d.takenOver(s)
		}
		d.listenForKeys(s, c)
		return
	}
	s.attended, s.unattended = true, c.Unattended
	if s.unattended && !d.voice {
		d.speakInto(s)
	}
	d.listenForKeys(s, c)
	who := menu.Caller{Number: s.from, Name: s.name}
	switch {
	case c.Unattended && d.mail != nil:
		d.begin(s, menuGuide{menu.NewMachine(d.mail.menuFor(s.from), d.guard, who)}, false)
	case c.Direction == phone.In && d.menu != nil:
		d.begin(s, menuGuide{menu.NewMachine(d.menu.Menu(), d.guard, who)}, true)
	}
}

// takenOver lets go of a call that somebody has answered after all; a message that was
// being left is not kept.
func (d *desk) takenOver(s *session) {
	s.unattended = false
	if v := s.visit; v != nil && v.note != nil {
		v.note.unwanted = true
	}
	d.leave(s)
	if !d.voice {
		s.ear = nil
		d.calls.SpeakInto(s.call, nil)
	}
	d.retap(s)
}

// nowCurrent lets the plain topics speak for another call.
func (d *desk) nowCurrent(slot int) {
	if d.current == slot {
		return
	}
	d.current = slot
	playing, recording := topics.PlayIdle, ""
	if s := d.sessions[slot]; s != nil {
		recording = s.recording
		if s.playing != "" {
			playing = s.playing
		}
	}
	if d.voice {
		d.house.plain("play", playing)
	}
	if d.archive != nil {
		d.house.plain("record", recording)
	}
}

// leaveAll ends what is going on in a call that has ended.
func (d *desk) leaveAll(s *session) {
	d.leave(s)
	if s.tape != nil {
		s.tape.end()
	}
	if s.recording != "" {
		s.recording = ""
		d.publish(s.slot, "record", "")
	}
}

// watchMenu reads the menu file again when it has changed.
func (d *desk) watchMenu(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		switch changed, err := d.menu.Reload(); {
		case err != nil:
			d.log.Warn("the changed menu is not used, the one before stays in force", "err", err)
		case changed:
			d.log.Info("the menu file was read again")
		}
	}
}

// startJobs begins what runs beside the desk until it ends.
func (d *desk) startJobs() {
	if d.menu != nil {
		d.jobs.Go(func() { d.watchMenu(d.life) })
	}
	if d.mail != nil {
		d.jobs.Go(func() { d.mail.run(d.life) })
	}
	if d.archive != nil {
		d.jobs.Go(func() { d.archive.run(d.life) })
	}
}

// farewell clears what was told of recordings that are over with the desk.
func (d *desk) farewell() {
	for _, s := range d.sessions {
		if s.recording != "" {
			d.publish(s.slot, "record", "")
		}
	}
}
