package pair

import "time"

// Record is what the instances leave for each other.
type Record struct {
	Holder   string        // who is active, or was
	Epoch    uint64        // grows with each change of the holder
	TTL      time.Duration // the holder may be active for so long without another sign of life
	Released bool          // the holder has stepped down and waits for nothing
}

// Outcome is what has become of a write.
type Outcome int

// The outcomes of a write.
const (
	Stored  Outcome = iota + 1 // the store has it, and whoever reads sees it
	Refused                    // somebody else was faster
	Failed                     // it is not known whether the store has it
)

// Timing is how long things take. All follow from the first.
type Timing struct {
	TTL   time.Duration // silence after which another instance takes over
	Hold  time.Duration // the active one steps down when no renewal was confirmed for so long, counted from its sending
	Renew time.Duration // between two renewals
	Poll  time.Duration // between two looks at a store that has to be asked
}

// NewTiming derives the timing from the silence after which another one takes over. A quarter of it lies between the end
// of the active one and the beginning of the next: for clocks that differ, and for the last words of the old one.
func NewTiming(ttl time.Duration) Timing {
	return Timing{TTL: ttl, Hold: ttl * 3 / 4, Renew: ttl / 4, Poll: ttl / 8}
}

// Action is what the machine wants done.
type Action interface{ action() }

// Write asks the store to write a record. Its outcome is told by [Machine.Wrote].
type Write struct {
	Token  uint64
	Record Record
}

// Changed tells that the machine has become active or has ceased to be so.
type Changed struct{ Active bool }

func (Write) action()   {}
func (Changed) action() {}
