package ringer

import "time"

const (
	// afterwards is how long busy and congestion tones last.
	afterwards = 5 * time.Second
	beepTime   = 100 * time.Millisecond
	// lead is how much longer the device stays open for a beep alone: one that
	// takes its time to open would be closed before the beep is heard.
	lead = 300 * time.Millisecond
)

// Line is what the phone is doing.
type Line int

// The states of a line.
const (
	Idle       Line = iota
	Incoming        // a call rings in
	Dialling        // a call goes out; the far end rings or does not yet
	EarlyMedia      // as before, and the far end's own tones are heard
	Active          // answered
	Ended           // the last call is over, by Cause
)

// Cause is how a call ended, as far as it is heard.
type Cause int

// The causes of [Ended].
const (
	Done   Cause = iota // hung up, answered elsewhere, cancelled: nothing is heard
	Busy                // the far end is busy or does not want the call
	Failed              // it could not be reached
)

// State is a state of the line. Cause counts with [Ended] only.
type State struct {
	Line  Line
	Cause Cause
}

// Sound is a kind of sound.
type Sound int

// The sounds; Silence needs no device.
const (
	Silence Sound = iota
	Ring
	Ringback
	BusyTone
	Congestion
	Beep
)

// Play is what is to be heard.
type Play struct {
	Sound Sound
	Key   rune // of a Beep
	// Turn is another number whenever a sound begins anew, also the same one.
	Turn uint64
}

// Machine decides what is to be heard. Its zero value is an idle line. Time
// never goes backwards from call to call.
type Machine struct {
	state State
	line  Play
	until time.Time // end of line, zero = without end
	key   Play
	keyTo time.Time
	turn  uint64
	taken int // loudspeakers that calls have open
}

// Show tells the state of the line. The state that it has already changes
// nothing; Idle lets the tone of the call that has just ended play to its end.
func (m *Machine) Show(s State, now time.Time) {
	if s.Line != Ended {
		s.Cause = Done
	}
	if s == m.state {
		return
	}
	m.state = s
	if s.Line == Idle && !m.until.IsZero() {
		return
	}
	m.line, m.until = Play{Sound: s.sound()}, time.Time{}
	if s.Line == Ended {
		m.until = now.Add(afterwards)
	}
	m.line.Turn = m.next()
}

func (s State) sound() Sound {
	switch {
	case s.Line == Incoming:
		return Ring
	case s.Line == Dialling:
		return Ringback
	case s.Line == Ended && s.Cause == Busy:
		return BusyTone
	case s.Line == Ended && s.Cause == Failed:
		return Congestion
	}
	return Silence
}

// Key tells that a key was sent. It returns false when the beep belongs into
// the sound of a call.
func (m *Machine) Key(key rune, now time.Time) bool {
	if m.taken > 0 || m.state.Line == Active || m.state.Line == EarlyMedia {
		return false
	}
	hold := beepTime
	if m.tone(now).Sound == Silence {
		hold += lead
	}
	m.key, m.keyTo = Play{Sound: Beep, Key: key, Turn: m.next()}, now.Add(hold)
	return true
}

// Take tells that a call has opened a loudspeaker; nothing is to be heard until
// as many were given back by Free.
func (m *Machine) Take() { m.taken++ }

// Free tells that a call has closed a loudspeaker.
func (m *Machine) Free() { m.taken = max(m.taken-1, 0) }

// Now is what is to be heard.
func (m *Machine) Now(now time.Time) Play {
	switch {
	case m.taken > 0, m.state.Line == Active, m.state.Line == EarlyMedia:
		return Play{}
	case now.Before(m.keyTo):
		return m.key
	}
	return m.tone(now)
}

// tone is what the line's state asks for.
func (m *Machine) tone(now time.Time) Play {
	if m.line.Sound == Silence || !m.until.IsZero() && !now.Before(m.until) {
		return Play{}
	}
	return m.line
}

func (m *Machine) next() uint64 {
	m.turn++
	return m.turn
}
