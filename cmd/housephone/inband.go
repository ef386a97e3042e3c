package main

import (
	"time"

	"housephone/phone"
	"housephone/phone/ivr/keys"
)

// sameHeard is how long after a key was heard an INFO may tell the same press.
const sameHeard = time.Second

// ear listens for keys in what the far end says. The media thread calls it.
type ear struct {
	detector *keys.Detector
	found    func(key byte)
}

// Write takes a frame.
func (e *ear) Write(frame []int16) {
	for _, key := range e.detector.Feed(frame) {
		e.found(key)
	}
}

// listenForKeys begins or ends listening for keys in the sound of a call: there is
// nothing to hear where they come as telephone-events or INFO.
func (d *desk) listenForKeys(s *session, c phone.Call) {
	want := (d.voice || s.unattended) && !c.KeyEvents && !s.byInfo
	if want == (s.ear != nil) {
		return
	}
	s.ear = nil
	if want {
		detector, err := keys.NewDetector(s.rate)
		if err != nil {
			d.log.Warn("keys cannot be heard in this call", "err", err)
			return
		}
		call := s.call
		s.ear = &ear{detector, func(key byte) { d.post(func() { d.hearsKey(call, key, time.Now()) }) }}
	}
	d.retap(s)
}

// hearsKey takes a key that was heard in the sound of a call.
func (d *desk) hearsKey(call string, key byte, now time.Time) {
	s := d.byCall(call)
	if s == nil || s.ear == nil {
		return
	}
	s.heard, s.heardKey, s.heardAt = true, key, now
	d.pressed(s.slot, key, true, now)
}

// keyCame takes a key that the far end of a call has sent.
func (d *desk) keyCame(slot int, key byte, now time.Time) {
	s := d.sessions[slot]
	if s != nil && s.ear != nil { // by INFO, then: from now on the sound need not be listened to
		s.byInfo, s.ear = true, nil
		d.retap(s)
		if s.heardKey == key && now.Sub(s.heardAt) < sameHeard {
			return
		}
	}
	d.pressed(slot, key, false, now)
}

// pressed tells a key and gives it to whom it is for. The keys of a PIN are not told,
// and what is for the menu is no code for the door.
func (d *desk) pressed(slot int, key byte, heard bool, now time.Time) {
	s := d.sessions[slot]
	led := s != nil && s.visit != nil
	if !led || s.gather != nil || !s.visit.guide.Secret() {
		d.house.event(slot, "dtmf", string(rune(key)))
	}
	if !led && !heard {
		d.house.code(slot, key)
	}
	d.key(slot, key, now)
}
