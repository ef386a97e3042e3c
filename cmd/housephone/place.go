package main

import (
	"context"

	"housephone/topics"
)

// place is that of a command's sound in the order of a call: what is made sooner waits for those before it. It belongs to
// the desk.
type place struct {
	s      *session
	reply  func(error) // of the command; called once
	wanted func() bool // whether it still is, when its turn has come; nil = it is
	ready  bool
	play   func() // nil = it cannot be played
}

// errStopped is the outcome of what was stopped before it was heard.
var errStopped = &topics.Error{Code: topics.Refused, Message: "playing was stopped"}

func (s *session) place(reply func(error)) *place {
	replied := false
	p := &place{s: s, reply: func(err error) {
		if !replied { // what was stopped tells once more that it has ended
			replied = true
			reply(err)
		}
	}}
	s.places = append(s.places, p)
	return p
}

// fill tells once how the sound is played, and plays those whose turn it is.
func (p *place) fill(play func()) {
	if p.ready {
		return
	}
	p.ready, p.play = true, play
	for s := p.s; len(s.places) > 0 && s.places[0].ready; {
		first := s.places[0]
		s.places = s.places[1:]
		switch {
		case first.play == nil:
		case first.wanted != nil && !first.wanted():
			first.reply(nil)
		default:
			first.play()
		}
	}
}

// outcome answers the command; a failure makes the place free.
func (p *place) outcome(err error) {
	if err != nil {
		p.fill(nil)
	}
	p.reply(err)
}

// stop ends all sound of commands in a call, also what is still being made.
func (d *desk) stop(s *session, why error) {
	s.cancel()
	s.making, s.cancel = context.WithCancel(d.life)
	dropped := s.places
	s.places = nil
	s.player.Stop()
	for _, p := range dropped {
		p.reply(why)
	}
}
