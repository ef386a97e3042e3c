package media

import "time"

// EventKind says what an [Event] is about.
type EventKind int

// Kinds of events.
const (
	// DTMF is a key pressed at the far end; it is reported once, at its start.
	DTMF EventKind = iota + 1
	// FirstPacket is the first sound packet accepted after the far address
	// became known or changed.
	FirstPacket
	// Silence means that nothing arrived for [Config.SilenceAfter]; it is
	// reported once, until something arrives again.
	Silence
)

// String is the kind in one word.
func (k EventKind) String() string {
	switch k {
	case DTMF:
		return "dtmf"
	case FirstPacket:
		return "first packet"
	case Silence:
		return "silence"
	}
	return "none"
}

// Event is something that happened on a stream.
type Event struct {
	Kind EventKind
	// Key is one of 0-9 * # A-D for DTMF.
	Key byte
	// Duration is how long a DTMF key had been down when its first packet was
	// read, or for how long nothing had arrived when Silence was reported.
	Duration time.Duration
}
