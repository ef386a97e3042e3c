package topics

import (
	"math"
	"strconv"
	"strings"
)

// The values of status.
const (
	StatusRing   = "ring"   // a call rings here
	StatusDial   = "dial"   // a call is being set up from here
	StatusActive = "active" // a call lasts
	StatusHangup = "hangup" // idle
)

// The causes of call/ended.
const (
	CauseAnsweredElsewhere = "answered_elsewhere"
	CauseBusy              = "busy"
	CauseDeclined          = "declined"
	CauseNoAnswer          = "no_answer"
	CauseCancelled         = "cancelled"
	CauseFailed            = "failed"
	CauseCompleted         = "completed"
)

// Causes lists every cause of call/ended.
func Causes() []string {
	return []string{CauseAnsweredElsewhere, CauseBusy, CauseDeclined, CauseNoAnswer, CauseCancelled, CauseFailed, CauseCompleted}
}

// Who ended a call, and which way it went.
const (
	ByLocal  = "local"
	ByRemote = "remote"

	Incoming = "incoming"
	Outgoing = "outgoing"
)

// The texts of transfer; a failure carries its SIP status, see [TransferFailed].
const (
	TransferTrying   = "trying"
	TransferAccepted = "accepted"
)

// TransferFailed is the text of transfer for a SIP status: "failed 486".
func TransferFailed(status int) string { return "failed " + strconv.Itoa(status) }

// Values of the other datapoints that have a closed list.
const (
	Online  = "online"
	Offline = "offline"

	ModePhone = "phone"
	ModeIVR   = "ivr"

	PlayIdle = "idle"

	PairActive  = "active"
	PairStandby = "standby"

	DoorLocked   = "locked"
	DoorUnlocked = "unlocked"

	DoorbellRing      = "ring"
	DoorbellLongPress = "long_press"

	CollectTerminator = "terminator"
	CollectMax        = "max"
	CollectTimeout    = "timeout"
)

// Bool is how a yes or no is published: 1 or 0.
func Bool(v bool) string {
	if v {
		return "1"
	}
	return "0"
}

// ParseBool reads 0, 1, on, off, true, false in any case.
func ParseBool(s string) (v, ok bool) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "1", "on", "true":
		return true, true
	case "0", "off", "false":
		return false, true
	}
	return false, false
}

// MaxVolume is the loudest volume; 0 is off.
const MaxVolume = 20

// Volume is how a volume of 0..20 is published: "off" or the number. Values outside are taken as the nearest one.
func Volume(v int) string {
	if v <= 0 {
		return "off"
	}
	return strconv.Itoa(min(v, MaxVolume))
}

// ParseVolume reads off, 0 (the same) or 1..20 and gives 0..20; the error is an [*Error].
func ParseVolume(s string) (int, error) {
	if strings.EqualFold(strings.TrimSpace(s), "off") {
		return 0, nil
	}
	n, ok := parseInt(s)
	if !ok || n < 0 || n > MaxVolume {
		return 0, invalid("volume must be off or a number from 1 to %d, not %s", MaxVolume, quote(s))
	}
	return n, nil
}

// parseInt reads a whole number, also in the clothes of a float (7.0), as some dashboards send it.
func parseInt(s string) (int, bool) {
	s = strings.TrimSpace(s)
	if n, err := strconv.Atoi(s); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !onlyOf(s, "0123456789.eE+-") || f != math.Trunc(f) || math.Abs(f) > 1e9 {
		return 0, false
	}
	return int(f), true
}

// quote shows a value of a user in a sentence, short and on one line.
func quote(s string) string { return strconv.Quote(cut(s, 60)) }
