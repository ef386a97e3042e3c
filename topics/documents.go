package topics

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// Time is a moment in a document: RFC 3339 in UTC with milliseconds, "2026-03-01T17:20:05.250Z".
type Time struct{ time.Time }

// At makes a moment for a document. The zero time is left out of documents.
func At(t time.Time) Time { return Time{t} }

// MarshalJSON writes the moment.
func (t Time) MarshalJSON() ([]byte, error) {
	return []byte(t.UTC().Format(`"2006-01-02T15:04:05.000Z"`)), nil
}

// Seconds is a length of time as a number of seconds, to the millisecond.
func Seconds(d time.Duration) float64 {
	return float64(d.Round(time.Millisecond).Milliseconds()) / 1000
}

// Remote is the far end of a call.
type Remote struct {
	URI  string `json:"uri"`  // full SIP URI: sip:601@pbx
	User string `json:"user"` // user part: 601
	Name string `json:"name"` // display name, may be empty
}

// CallInfo is the document of call/info. The zero CallInfo is {}: no call.
type CallInfo struct {
	ID        string `json:"id"`
	Direction string `json:"direction"` // Incoming, Outgoing
	Remote    Remote `json:"remote"`
	Local     string `json:"local"` // address that was called, or calls
	Status    string `json:"status"`
	Started   Time   `json:"started,omitzero"`
	Answered  Time   `json:"answered,omitzero"` // left out until answered
	Codec     string `json:"codec"`             // empty until media is agreed
	Secure    bool   `json:"secure"`            // media is SRTP
	Muted     bool   `json:"muted"`
	Held      bool   `json:"held"`
}

// MarshalJSON writes {} when there is no call.
func (c CallInfo) MarshalJSON() ([]byte, error) {
	type document CallInfo
	return encodeOrEmpty(document(c))
}

// Quality is the document of call/quality and part of call/ended. The zero Quality is {}: nothing measured.
type Quality struct {
	Codec    string  `json:"codec"`
	Loss     float64 `json:"loss"`             // per cent of the packets that should have come, 0..100
	JitterMS float64 `json:"jitter_ms"`        // RFC 3550 6.4.1, in milliseconds
	RTTMS    float64 `json:"rtt_ms,omitempty"` // left out until the far end has reported
	MOS      float64 `json:"mos"`              // 1..4.5, estimated from the others

	Remote *RemoteQuality `json:"remote,omitempty"` // left out until the far end has reported
}

// RemoteQuality is how our sound arrives at the far end, as that reports it.
type RemoteQuality struct {
	Loss     float64 `json:"loss"`          // per cent of our packets since its report before, 0..100
	JitterMS float64 `json:"jitter_ms"`     // in milliseconds
	MOS      float64 `json:"mos,omitempty"` // left out when the far end does not tell
}

// MarshalJSON rounds to what means something, and writes {} when nothing was measured.
func (q Quality) MarshalJSON() ([]byte, error) {
	type document Quality
	q.Loss, q.JitterMS, q.RTTMS, q.MOS = round(q.Loss), round(q.JitterMS), round(q.RTTMS), round(q.MOS)
	if r := q.Remote; r != nil {
		q.Remote = &RemoteQuality{Loss: round(r.Loss), JitterMS: round(r.JitterMS), MOS: round(r.MOS)}
	}
	return encodeOrEmpty(document(q))
}

// round keeps two decimals; what is no number is 0, since JSON has no word for it.
func round(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return math.Round(f*100) / 100
}

// CallEnded is the document of call/ended: the record of a call.
type CallEnded struct {
	ID        string  `json:"id"`
	Direction string  `json:"direction"`
	Remote    Remote  `json:"remote"`
	Local     string  `json:"local"`
	Started   Time    `json:"started,omitzero"`
	Answered  Time    `json:"answered,omitzero"` // left out when nobody answered
	Ended     Time    `json:"ended,omitzero"`
	Duration  float64 `json:"duration_s"` // seconds from answer to end, 0 when nobody answered
	Cause     string  `json:"cause"`      // one of Causes
	By        string  `json:"by"`         // ByLocal, ByRemote
	SIP       int     `json:"sip,omitempty"`
	Reason    string  `json:"reason,omitempty"` // phrase of the SIP status or of a Reason header
	Quality   Quality `json:"quality"`
}

// AnnouncementEnded is the last document of call/ended about an [Announcement], behind the records of its calls: what came
// of it. Remote is who acknowledged, Duration the length of the whole, Cause one of completed, no_answer, cancelled, failed
// or what ended every call.
type AnnouncementEnded struct {
	CallEnded
	AcknowledgedBy string             `json:"acknowledged_by"` // address as it was given; without keys who heard it; empty = nobody
	Calls          []AnnouncementCall `json:"calls"`
}

// AnnouncementCall is what became of one call of an announcement.
type AnnouncementCall struct {
	To       string `json:"to"`    // address as it was given
	Round    int    `json:"round"` // from 1
	Answered bool   `json:"answered"`
	Cause    string `json:"cause,omitempty"` // one of Causes, or CauseNotAcknowledged; empty for who acknowledged
}

// CauseNotAcknowledged tells that somebody, or a machine, answered and pressed no key.
const CauseNotAcknowledged = "not_acknowledged"

// RegistrationInfo is the document of registration/info. The zero value is {}.
type RegistrationInfo struct {
	Registrar string `json:"registrar"`
	AOR       string `json:"aor"`
	State     string `json:"state"`            // registered, registering, failed, unregistered, standalone
	Code      int    `json:"code,omitempty"`   // last SIP status
	Reason    string `json:"reason,omitempty"` // its phrase, or what went wrong before any answer
	Hint      string `json:"hint,omitempty"`   // what to do about it
	Expires   int    `json:"expires"`          // seconds that the registrar granted
	Since     Time   `json:"since,omitzero"`   // when this state began
}

// MarshalJSON writes {} when nothing is known.
func (r RegistrationInfo) MarshalJSON() ([]byte, error) {
	type document RegistrationInfo
	return encodeOrEmpty(document(r))
}

// BridgeInfo is the document of bridge/info.
type BridgeInfo struct {
	Version  string   `json:"version"`
	Started  Time     `json:"started,omitzero"`
	Features []string `json:"features"` // Features.Names
	IDs      []string `json:"ids"`      // of the phones in this process
}

// DTMFCollected is the document of dtmf/collected.
type DTMFCollected struct {
	Digits string `json:"digits"`
	Reason string `json:"reason"` // CollectTerminator, CollectMax, CollectTimeout
}

// SIPMessage is the document of message: a SIP MESSAGE that was received.
type SIPMessage struct {
	From string `json:"from"`
	Body string `json:"body"`
}

// VoiceFolder is where voice messages lie below RECORD_DIR, as it stands before their names in documents.
const VoiceFolder = "voice/"

// VoiceMessage is the document of message/voice.
type VoiceMessage struct {
	File    string  `json:"file"` // below RECORD_DIR
	Seconds float64 `json:"seconds"`
	From    string  `json:"from"`
}

// VoiceList is the document of message/list.
type VoiceList struct {
	Messages []VoiceEntry `json:"messages"` // oldest first, not nil
}

// VoiceEntry is one message of a [VoiceList].
type VoiceEntry struct {
	File    string  `json:"file"` // below RECORD_DIR
	From    string  `json:"from"`
	Name    string  `json:"name,omitempty"` // as the caller shows it
	At      Time    `json:"at"`
	Seconds float64 `json:"seconds"`
	Heard   bool    `json:"heard"`
}

// ExecResult is the document of exec.
type ExecResult struct {
	Command  string  `json:"command"`
	Exit     int     `json:"exit"` // -1 when it did not start or was ended
	Stdout   string  `json:"stdout"`
	Stderr   string  `json:"stderr"`
	Duration float64 `json:"duration_ms"`
}

// The members of a [DoorEvent].
const (
	DoorOpened  = "opened"
	DoorRefused = "refused"

	HowTopic   = "topic"
	HowDTMF    = "dtmf"
	HowMessage = "message"
)

// DoorEvent is the document of door/event. It never holds a code.
type DoorEvent struct {
	Event  string `json:"event"` // DoorOpened, DoorRefused
	By     string `json:"by"`    // name of the code's owner, or address of the caller; may be empty
	How    string `json:"how"`   // HowTopic, HowDTMF, HowMessage
	Reason string `json:"reason,omitempty"`
}

// PBXEvent is the document of pbx/event: a channel event of the switch.
type PBXEvent struct {
	Event   string            `json:"event"`   // name as the switch gives it: CHANNEL_ANSWER, Newchannel
	Channel string            `json:"channel"` // name or UUID of the channel
	Caller  string            `json:"caller,omitempty"`
	Callee  string            `json:"callee,omitempty"`
	State   string            `json:"state,omitempty"`
	Fields  map[string]string `json:"fields,omitempty"` // the rest of the event
}

// LogLine is the document of bridge/log.
type LogLine struct {
	Time  Time
	Level string // LevelWarning, LevelError
	Msg   string
	Attrs map[string]any // become members beside time, level and msg, which they cannot replace
}

// The levels of a [LogLine].
const (
	LevelWarning = "warning"
	LevelError   = "error"
)

// MarshalJSON writes one flat object. A value that JSON has no form for is written as text.
func (l LogLine) MarshalJSON() ([]byte, error) {
	members := make(map[string]any, len(l.Attrs)+3)
	for name, v := range l.Attrs {
		if e, ok := v.(error); ok {
			v = e.Error()
		}
		raw, err := encode(v)
		if err != nil {
			raw, err = encode(fmt.Sprint(v))
		}
		if err != nil {
			return nil, err
		}
		members[name] = json.RawMessage(raw)
	}
	members["time"], members["level"], members["msg"] = l.Time, l.Level, l.Msg
	return encode(members)
}

// encodeOrEmpty writes {} for the zero value.
func encodeOrEmpty[T comparable](document T) ([]byte, error) {
	var zero T
	if document == zero {
		return []byte("{}"), nil
	}
	return encode(document)
}
