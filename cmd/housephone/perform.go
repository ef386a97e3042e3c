package main

import (
	"context"
	"time"

	"housephone/phone/audio"
	"housephone/phone/ivr/mailbox"
	"housephone/phone/ivr/menu"
	"housephone/topics"
)

// perform begins one action of a guide.
func (d *desk) perform(v *visit, a any) {
	switch a := a.(type) {
	case menu.Entered:
		if v.tells {
			d.house.event(v.s.slot, "menu", a.ID)
		}
	case menu.Say:
		d.say(v, a.Text, a.Voice)
	case menu.Play:
		d.playSound(v, d.media(), a.File)
	case menu.Publish:
		d.house.value(a.Datapoint, a.Value)
	case menu.Record:
		d.takeMessage(v, a)
	case beepNow:
		d.clip(v, "beep", beep(v.s.rate))
	case takeNote:
		v.busy = true
		v.after = func() { d.startNote(v, a.Record) }
	case menu.OpenDoor:
		d.openDoor(v)
	case menu.Messages:
		d.silently(v, func() { d.listen(v.s, a.Behind) })
	case menu.Transfer:
		d.silently(v, func() { d.handOver(v, a.To) })
	case menu.WrongPIN:
		d.log.Warn("a wrong PIN was entered", "from", v.s.from, "left", a.Left, "locked", a.Locked)
	case menu.Hangup, mailbox.Hangup:
		d.silently(v, func() { d.calls.HangupCall(v.s.call) })
	case mailbox.Announce:
		d.say(v, d.phrases.phrase(a, time.Now()), "")
	case mailbox.Play:
		d.playSound(v, d.mail.sounds, a.File)
	case mailbox.MarkHeard:
		if a.File == v.unplayed {
			return // it was not
		}
		d.mail.post(func() error { return d.mail.box.MarkHeard(a.File, true) }, nil)
	case mailbox.Remove:
		d.mail.post(func() error { return d.mail.box.Delete(a.File) }, nil)
	}
}

// openDoor opens the door for a caller whose keys came as such: tones that were heard
// in the sound could have been played at a microphone.
func (d *desk) openDoor(v *visit) {
	if v.s.heard {
		d.house.refused(v.s.from, "the keys were heard in the sound, which opens no door")
		d.sorry(v)
		return
	}
	by := v.s.from
	wanted := v.wait()
	d.jobs.Go(func() {
		ctx, cancel := context.WithTimeout(d.life, 10*time.Second)
		defer cancel()
		err := d.house.unlock(ctx, by)
		d.send(func() {
			if err != nil {
				d.log.Warn("the menu cannot open the door", "from", by, "err", err)
			}
			switch {
			case !wanted():
			case err != nil:
				v.busy = false
				d.sorry(v)
			default:
				v.busy = false
				d.step(v)
			}
		})
	})
}

// handOver transfers the caller; one who cannot be transferred is told so.
func (d *desk) handOver(v *visit, to string) {
	uri, err := d.house.address(to)
	if err != nil {
		d.log.Warn("the menu cannot transfer a caller", "to", to, "err", err)
		d.sorry(v)
		return
	}
	moved := d.calls.TransferCall(v.s.call, uri)
	wanted := v.wait()
	d.jobs.Go(func() {
		ctx, cancel := context.WithTimeout(d.life, commandWait)
		defer cancel()
		err := moved.Wait(ctx)
		d.send(func() {
			if err != nil && wanted() {
				d.log.Warn("the menu cannot transfer a caller", "to", to, "err", err)
				v.busy = false
				d.sorry(v)
			}
		})
	})
}

// The tone that begins a message.
const (
	beepHz     = 1000
	beepLevel  = -12 // dBFS
	beepLength = 400 * time.Millisecond
)

func beep(rate int) []int16 {
	t, err := audio.NewTone(rate, beepLevel, beepHz)
	if err != nil {
		return nil
	}
	pcm := make([]int16, int(beepLength.Seconds()*float64(rate)))
	t.Read(pcm)
	return pcm
}

// What taking a message consists of.
type (
	beepNow  struct{}
	takeNote struct{ menu.Record }
)

// takeMessage waits for the end of what is said, beeps, and takes a message.
func (d *desk) takeMessage(v *visit, a menu.Record) {
	v.tapes = true
	d.silently(v, func() { v.todo = append([]any{beepNow{}, takeNote{a}}, v.todo...) })
}

func (d *desk) startNote(v *visit, a menu.Record) {
	s := v.s
	r := &recording{call: s.call, folder: topics.VoiceFolder, rate: s.rate}
	v.note = r
	message := mailbox.Message{From: s.from, Name: s.name, At: time.Now()}
	r.ended = func() {
		v.note, v.tapes, v.busy = nil, false, false
		d.step(v)
	}
	r.opened = func(err error) {
		if err != nil {
			v.note, v.tapes, v.busy = nil, false, false
			d.fault(v, "a message could not be taken", err)
			if !v.over {
				d.sorry(v)
			}
		}
	}
	conf := d.mail.recordConfig(a, s.rate)
	d.tape(r, d.mail.dir, "", conf, &letter{d.mail, message})
}

// listen lets the caller hear the messages: behind a PIN, or one of those who need none.
func (d *desk) listen(s *session, trusted bool) {
	m := d.mail
	switch {
	case trusted || m.allowed(s.from):
		d.begin(s, newListenGuide(m.box.Messages()), false)
	case m.ask != nil:
		d.begin(s, menuGuide{menu.NewMachine(m.ask, d.guard, menu.Caller{})}, false)
	default:
		d.sorry(s.visit)
	}
}
