package phone

import (
	"time"

	"housephone/phone/account"
)

// Event is one of StateChanged, Ended, RefusedCall, Key, Transfer, MessageReceived, Incoming, Outgoing.
type Event interface{ event() }

// Status is the state of a call as HSYCO names it.
type Status string

// The states of a call; a phone without a call is StatusIdle.
const (
	StatusIdle   Status = "hangup"
	StatusRing   Status = "ring"   // a call comes in and is not answered
	StatusDial   Status = "dial"   // a call goes out and is not answered
	StatusActive Status = "active" // answered
)

// Direction tells who called.
type Direction string

// The directions of a call.
const (
	In  Direction = "incoming"
	Out Direction = "outgoing"
)

// Party is a far end.
type Party struct {
	URI  string // sip:user@host, without parameters that change from call to call
	User string
	Name string // display name
}

// Call is a snapshot of one call.
type Call struct {
	Slot      int // 1 for the first line
	ID        string
	Direction Direction
	Remote    Party
	Local     string
	Status    Status
	Started   time.Time
	Answered  time.Time // zero until then
	Codec     string    // "" until media is negotiated
	Rate      int       // samples a second of its PCM, 0 until media is negotiated
	Secure    bool
	Muted     bool
	Held      bool // by us
	HeldByFar bool
	Tag       string // of the Order, else empty
	// KeyEvents: keys of the far end come as telephone-events, so none has to be
	// heard in its sound.
	KeyEvents bool
	// Unattended: answered because nobody did (Config.AnswerUnanswered). Neither
	// microphone nor loudspeaker take part.
	Unattended bool
	Quality    Quality
}

// Quality is how the media of a call does, as counted here and told by RTCP.
type Quality struct {
	Codec    string
	Sent     uint64
	Received uint64
	Lost     uint64
	LossPct  float64 // percent of what should have come
	JitterMs float64 // RFC 3550 6.4.1
	RTTMs    float64 // 0 = not known
	MOS      float64 // ITU-T G.107, 0 = not known
	Dropped  uint64  // packets of strangers
	Far      FarQuality
}

// FarQuality is how our sound arrives, in the words of the far end's RTCP (RFC 3550 6.4, RFC 3611 4.7).
type FarQuality struct {
	Known    bool    // it has reported
	LossPct  float64 // percent of our packets since its report before
	JitterMs float64
	MOS      float64 // 0 = not told
}

// State is everything a phone shows at one moment.
type State struct {
	Registration account.Info
	Registered   bool
	Calls        []Call // in order of their slots
	Current      int    // slot of the call that plain commands mean, 0 = none
	AutoAnswer   bool
	DND          bool
	Volume       int // 0 = off, 1..20
	Active       bool
}

// StateChanged tells the whole state after a change.
type StateChanged struct{ State State }

// Cause tells how a call ended.
type Cause string

// The causes of Ended.
const (
	CauseElsewhere Cause = "answered_elsewhere"
	CauseBusy      Cause = "busy"
	CauseDeclined  Cause = "declined"
	CauseNoAnswer  Cause = "no_answer"
	CauseCancelled Cause = "cancelled"
	CauseFailed    Cause = "failed"
	CauseCompleted Cause = "completed"
)

// Ended is the record of a call.
type Ended struct {
	Call   Call // as it last was
	Ended  time.Time
	Cause  Cause
	ByFar  bool   // the far end ended it
	Status int    // SIP status, 0 where none is the cause
	Reason string // its words
}

// RefusedCall tells of a caller sent away because a call is in progress.
type RefusedCall struct{ Remote Party }

// Incoming tells that a call rings in.
type Incoming struct{ Call Call }

// Outgoing tells that a call is dialled.
type Outgoing struct{ Call Call }

// Key is one key pressed by the far end.
type Key struct {
	Slot int
	Key  string
}

// Transfer tells how a transfer gets on.
type Transfer struct {
	Slot   int
	Status TransferStatus
	Code   int // SIP status of TransferFailed
}

// TransferStatus is the state of a transfer.
type TransferStatus string

// The states of a transfer.
const (
	TransferTrying   TransferStatus = "trying"
	TransferAccepted TransferStatus = "accepted"
	TransferFailed   TransferStatus = "failed"
)

// MessageReceived is a SIP MESSAGE (RFC 3428).
type MessageReceived struct {
	From Party
	Body string
}

// Warning is something a person should know that no state shows.
type Warning struct{ Text string }

func (StateChanged) event()    {}
func (Ended) event()           {}
func (RefusedCall) event()     {}
func (Incoming) event()        {}
func (Outgoing) event()        {}
func (Key) event()             {}
func (Transfer) event()        {}
func (MessageReceived) event() {}
func (Warning) event()         {}
