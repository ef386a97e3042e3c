package menu

import "time"

// Action is something for the call to do.
type Action interface{ action() }

type (
	// Entered tells that a node was entered; nodes without an id are not told.
	Entered struct{ ID string }
	// Say speaks a text.
	Say struct{ Text, Voice string }
	// Play plays a sound file.
	Play struct{ File string }
	// Stop ends all sound of the call.
	Stop struct{}
	// Publish gives a datapoint a value.
	Publish struct{ Datapoint, Value string }
	// Record takes a message after a beep until silence, a key or the limit.
	Record struct {
		Max     time.Duration // 0 = the default of the recorder
		Silence time.Duration // 0 = the default of the recorder
	}
	// Messages lets the caller listen to the messages of the mailbox and ends the
	// menu. Behind tells that nobody gets there without a PIN of the menu.
	Messages struct{ Behind bool }
	// OpenDoor opens the door; the node tells which choice led to it.
	OpenDoor struct{ Node string }
	// Transfer hands the caller to another address and ends the menu.
	Transfer struct{ To string }
	// Hangup ends the call.
	Hangup struct{}
	// WrongPIN tells that a PIN was refused.
	WrongPIN struct {
		Left   int  // attempts that are left in this call
		Locked bool // too many wrong ones over all calls: none is accepted for now
	}
)

func (Entered) action()  {}
func (Say) action()      {}
func (Play) action()     {}
func (Stop) action()     {}
func (Publish) action()  {}
func (Record) action()   {}
func (Messages) action() {}
func (OpenDoor) action() {}
func (Transfer) action() {}
func (Hangup) action()   {}
func (WrongPIN) action() {}

// sounds tells whether the end of the action is told by Machine.Quiet.
func sounds(a Action) bool {
	switch a.(type) {
	case Say, Play, Record:
		return true
	}
	return false
}
