package hw

import (
	"fmt"
	"strings"
	"time"

	"housephone/hw/display"
)

// CallState is what a display says of the phone line.
type CallState int

// The states of the line.
const (
	CallIdle CallState = iota
	CallRinging
	CallDialing
	CallActive
)

// Status is what the display shows by itself and what wakes the light.
type Status struct {
	Call         CallState
	Remote       string    // who rings, is dialled or is spoken to
	Since        time.Time // when the call was answered
	Unregistered bool      // the line is not usable
}

// Scroll says how a text moves.
type Scroll int

// The ways in which a text moves.
const (
	ScrollAuto  Scroll = iota // when it is too long
	ScrollOn                  // always
	ScrollNever               // what is too long is cut off
)

// Text is a text for the display. With For it is shown for that time whatever happens, without it until the next text,
// but a call goes first. An empty Text takes the one before away.
type Text struct {
	Text   string
	Scroll Scroll
	For    time.Duration
}

// clockStyle is how the display tells the time.
type clockStyle string

const (
	clock24  clockStyle = "24h"
	clock12  clockStyle = "12h"
	clockOff clockStyle = "off"
)

// scene is what a display shows at a moment.
type scene struct {
	lines  []string
	detail []string  // for displays with several rows
	label  string    // the constant part, as an event tells it
	scroll Scroll    // how it moves
	until  time.Time // when the next scene begins by itself; zero = never
}

// stage decides what is shown: it is the pure model of the display.
type stage struct {
	clock  clockStyle
	status Status
	text   Text
	ends   time.Time // of a text with For
}

// show takes a text at now.
func (s *stage) show(t Text, now time.Time) {
	s.text = t
	if t.For > 0 {
		s.ends = now.Add(t.For)
	}
}

// scene is what is shown at now.
func (s *stage) scene(now time.Time) scene {
	timed := s.text.Text != "" && s.text.For > 0
	if timed && !now.Before(s.ends) {
		s.text, timed = Text{}, false
	}
	written := scene{lines: []string{s.text.Text}, label: s.text.Text, scroll: s.text.Scroll}
	switch {
	case timed:
		written.until = s.ends
		return written
	case s.status.Call == CallRinging:
		return named("RING", s.status.Remote)
	case s.status.Call == CallDialing:
		return named("DIAL", s.status.Remote)
	case s.status.Call == CallActive:
		return s.talking(now)
	case s.text.Text != "":
		return written
	case s.status.Unregistered:
		return named("NOT REGISTERED", "")
	}
	return s.telling(now)
}

// named is a scene of a word and a name.
func named(word, name string) scene {
	if name == "" {
		return scene{lines: []string{word}, label: word}
	}
	return scene{lines: []string{word, name}, label: word + " " + name}
}

// talking shows how long the call has lasted.
func (s *stage) talking(now time.Time) scene {
	lasted := max(0, now.Sub(s.status.Since)).Truncate(time.Second)
	text := fmt.Sprintf("%d:%02d", int(lasted.Minutes()), int(lasted.Seconds())%60)
	if lasted >= time.Hour {
		text = fmt.Sprintf("%d:%02d:%02d", int(lasted.Hours()), int(lasted.Minutes())%60, int(lasted.Seconds())%60)
	}
	return scene{
		lines:  []string{text},
		detail: []string{s.status.Remote},
		label:  strings.TrimSpace("CALL " + s.status.Remote),
		until:  now.Add(time.Second - max(0, now.Sub(s.status.Since))%time.Second),
	}
}

// telling shows the time of day.
func (s *stage) telling(now time.Time) scene {
	// not Truncate, which goes by the wall clock: when that is set back, the display would not change for as long
	next := now.Add(time.Minute - time.Duration(now.Second())*time.Second - time.Duration(now.Nanosecond()))
	switch s.clock {
	case clockOff:
		return scene{}
	case clock12:
		return scene{lines: []string{now.Format("3:04")}, until: next}
	}
	return scene{lines: []string{now.Format("15:04")}, until: next}
}

// rows lays the scene out on d and tells how it moves there.
func (s scene) rows(d display.Display) (view display.View, moves bool) {
	lines := s.lines
	if d.Geometry().Rows > 1 {
		lines = append(append([]string(nil), lines...), s.detail...)
	}
	view = display.View{Rows: display.Layout(d, lines), Still: s.scroll == ScrollNever, Moving: s.scroll == ScrollOn}
	return view, !view.Still && (view.Moving || display.Scrolls(d, view.Rows))
}
