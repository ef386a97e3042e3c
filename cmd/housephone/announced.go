package main

import (
	"context"
	"encoding/json"
	"time"

	"housephone/phone"
	"housephone/phone/ivr/alarm"
	"housephone/phone/ivr/player"
	"housephone/phone/ivr/speech"
	"housephone/topics"
)

// Silence around the sound: who picks up is not at the ear yet, and it may come again.
const (
	leadIn  = 300 * time.Millisecond
	leadOut = 700 * time.Millisecond
)

// sound is what is heard at a rate. It is made once, all calls share it. first, which may
// be nil, is told when there is something to hear, or that there will be nothing.
func (n *announcer) sound(a *announcement, rate int, first func(error)) *player.Feed {
	if f := a.sounds[rate]; f != nil {
		return f
	}
	d := n.desk
	f := player.NewFeed(rate * speechRoom)
	a.sounds[rate] = f
	told := false
	tell := func(err error) {
		if !told && first != nil {
			d.send(func() { first(err) })
		}
		told = true
	}
	d.jobs.Go(func() {
		err := d.compose(a.life, a.want, rate, f, tell)
		tell(err)
		f.Finish(err)
	})
	return f
}

// compose makes the sound: the file, then the text.
func (d *desk) compose(ctx context.Context, w topics.Announcement, rate int, f *player.Feed, first func(error)) error {
	silence := func(length time.Duration) []int16 { return make([]int16, int(length.Seconds()*float64(rate))) }
	if err := f.Append(silence(leadIn)); err != nil {
		return err
	}
	if w.Play != "" {
		if d.files == nil {
			return &topics.Error{Code: topics.NotSupported, Message: "MEDIA_DIR is not set"}
		}
		pcm, err := d.files.Load(w.Play, rate)
		if err == nil {
			err = f.Append(pcm)
		}
		if err != nil {
			return err
		}
		if w.Say != "" && d.speaker == nil {
			return errNoSpeaker()
		}
		first(nil)
	}
	if w.Say != "" {
		if d.speaker == nil {
			return errNoSpeaker()
		}
		err := d.speaker.Speak(ctx, speech.Request{Text: w.Say, Voice: w.Voice, Rate: rate}, func(pcm []int16) error {
			if err := f.Append(pcm); err != nil {
				return err
			}
			first(nil)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return f.Append(silence(leadOut))
}

func errNoSpeaker() error {
	return &topics.Error{Code: topics.NotSupported, Message: "nothing speaks here: install espeak-ng, or set TTS_URL or TTS_COMMAND"}
}

// say plays the announcement on a call that was answered.
func (n *announcer) say(c *announcedCall) {
	d, a, s := n.desk, c.of, c.session
	d.nextID++
	it := player.Item{ID: d.nextID, Name: a.name, Sound: n.sound(a, s.rate, nil)}
	c.item = it.ID
	heard := func() {
		if c.item == it.ID { // not played anew, and not over
			c.item = 0
			n.carryOut(a, a.machine.Said(c.leg, time.Now()))
		}
	}
	if err := s.player.Play(it); err != nil {
		d.log.Warn("the announcement cannot be played", "call", s.call, "err", err)
		heard()
		return
	}
	s.done[it.ID] = heard
}

// settle tells the outcome behind the records of all calls.
func (n *announcer) settle(a *announcement) {
	if a.done == nil || a.open > 0 {
		return
	}
	var none error = &topics.Error{Code: topics.Refused, Message: "the call was cancelled"}
	if a.last != nil {
		none = a.last
	}
	running := len(n.running)
	n.drop(a, none)
	if a.dialled && running > len(n.running) {
		n.tell(outcomeOf(a, time.Now()))
	}
}

// tell publishes an outcome, when the broker is back: it must not be lost.
func (n *announcer) tell(doc topics.AnnouncementEnded) {
	if len(n.unsaid) == 0 && n.online() {
		n.publish(doc)
		return
	}
	n.unsaid = append(n.unsaid, doc)
	if len(n.unsaid) > 100 {
		n.unsaid = n.unsaid[1:]
	}
}

// stop tells what would be lost with the end of the service.
func (n *announcer) stop() {
	for _, a := range n.running {
		a.reply(&topics.Error{Code: topics.Refused, Message: "the phone is stopping"})
		if !a.dialled {
			continue
		}
		if a.done == nil {
			n.cancelQuietly(a)
		}
		n.unsaid = append(n.unsaid, outcomeOf(a, time.Now()))
	}
	n.running = nil
	for _, doc := range n.unsaid {
		n.publish(doc)
	}
}

// cancelQuietly finds the outcome without telling the phone, which ends all calls by itself.
func (n *announcer) cancelQuietly(a *announcement) {
	for _, action := range a.machine.Cancel() {
		if done, ok := action.(alarm.Done); ok {
			a.done = &done
		}
	}
}

// outcomeOf words the outcome.
func outcomeOf(a *announcement, now time.Time) topics.AnnouncementEnded {
	doc := topics.AnnouncementEnded{AcknowledgedBy: a.done.By, Calls: []topics.AnnouncementCall{}}
	doc.ID, doc.Direction, doc.By = a.id, topics.Outgoing, topics.ByLocal
	lasted := now.Sub(a.started) // whatever the wall clock did meanwhile
	doc.Started, doc.Ended, doc.Duration = topics.At(now.Add(-lasted)), topics.At(now), topics.Seconds(lasted)
	for _, t := range a.done.Tries {
		doc.Calls = append(doc.Calls, topics.AnnouncementCall{To: t.To, Round: t.Round, Answered: t.Answered, Cause: string(t.Cause)})
	}
	switch {
	case a.done.By != "":
		doc.Cause, doc.By = topics.CauseCompleted, topics.ByRemote
		doc.Reason = "acknowledged by " + a.done.By
		if a.want.Ack == "" {
			doc.Reason = "heard by " + a.done.By
		}
		p := phone.PartyOf(a.uris[a.done.By])
		doc.Remote = topics.Remote{URI: p.URI, User: p.User}
	case !a.machine.GaveUp():
		doc.Cause, doc.Reason = topics.CauseCancelled, "cancelled"
	default:
		doc.Cause = commonCause(a.done.Tries)
		doc.Reason = "nobody acknowledged"
		if a.want.Ack == "" {
			doc.Reason = "nobody heard it"
		}
	}
	return doc
}

// commonCause is why nobody acknowledged: what ended every call, or else that nobody answered as was hoped.
func commonCause(tries []alarm.Try) string {
	cause := ""
	for _, t := range tries {
		if t.Cause == alarm.NotAcknowledged || cause != "" && cause != string(t.Cause) {
			return topics.CauseNoAnswer
		}
		cause = string(t.Cause)
	}
	if cause == "" {
		return topics.CauseNoAnswer
	}
	return cause
}

// scalarText is an id as text; false when there is none, or it is no plain value.
func scalarText(raw json.RawMessage) (string, bool) {
	var v any
	if len(raw) == 0 || json.Unmarshal(raw, &v) != nil {
		return "", false
	}
	switch v := v.(type) {
	case string:
		return v, true
	case float64, bool:
		return string(raw), true
	}
	return "", false
}

// hangup ends a call. The plain command ends an announcement as a whole.
func (d *desk) hangup(slot int, otherwise func() *phone.Pending) outcome {
	if slot != 0 || d.announcer.busy.Load() == 0 {
		return otherwise().Wait
	}
	return d.do(func(reply func(error)) {
		if d.announcer.cancel() {
			reply(nil)
			return
		}
		hung := otherwise()
		d.jobs.Go(func() { reply(hung.Wait(d.life)) })
	})
}
