package hw

import "time"

// Event is one of Pressed, DoorState, DoorAccess, BacklightState, DisplayText, DisplayBrightness and Fault.
type Event interface{ event() }

// Pressed says that a button was pressed, by a finger or by Press. A button that is held comes twice:
// at once, and with Long when it has been held for its time.
type Pressed struct {
	Button string // "" for the only button without a name
	Long   bool
	At     time.Time
}

// DoorState says that the relay was switched.
type DoorState struct{ Unlocked bool }

// DoorAccess is the record of an attempt to open the door. It never holds a code.
type DoorAccess struct {
	Opened bool
	By     string // whose code it was, or who asked; "" where that is unknown
	From   string // the address of the caller, "" for How topic
	How    How
	Reason string // why it was refused
	At     time.Time
}

// BacklightState says whether the light is on.
type BacklightState struct{ On bool }

// DisplayText is what the display says, without what changes by itself: "" while it shows the clock or nothing.
type DisplayText struct{ Text string }

// DisplayBrightness is a level from 0 to 15.
type DisplayBrightness struct{ Level int }

// Fault says that a part has stopped working, or with a nil Err that it works again.
type Fault struct {
	Part string // "doorbell", "door", "display", "backlight"
	Err  error
}

func (Pressed) event()           {}
func (DoorState) event()         {}
func (DoorAccess) event()        {}
func (BacklightState) event()    {}
func (DisplayText) event()       {}
func (DisplayBrightness) event() {}
func (Fault) event()             {}

// How is the way in which someone asked for the door.
type How string

// The ways in which a door is asked for. There is none for tones heard in the sound: they never open a door.
const (
	HowTopic   How = "topic"
	HowDTMF    How = "dtmf"
	HowMessage How = "message"
)
