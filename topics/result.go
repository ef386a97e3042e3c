package topics

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Code says in one word, for programs, why a command was not carried out.
type Code string

// The codes of a [Result].
const (
	Invalid      Code = "invalid"       // the command itself is wrong
	Refused      Code = "refused"       // not now, or not for you
	Busy         Code = "busy"          // here or at the far end
	Unreachable  Code = "unreachable"   // nobody there, or no way to get there
	Timeout      Code = "timeout"       // no answer in time
	NotSupported Code = "not_supported" // not built in, or not switched on
	Failed       Code = "failed"        // anything else
)

// Codes lists every code.
func Codes() []Code {
	return []Code{Invalid, Refused, Busy, Unreachable, Timeout, NotSupported, Failed}
}

// Error is a command that was not carried out. It is always used as a pointer.
type Error struct {
	Code    Code
	Message string // one sentence, lower case, that says what is allowed
	SIP     int    // the SIP status that was the cause, else 0
}

// Error is the sentence alone.
func (e *Error) Error() string { return e.Message }

func invalid(format string, args ...any) error {
	return &Error{Code: Invalid, Message: fmt.Sprintf(format, args...)}
}

// Result is the one answer to a command, published on <base>/result (not retained). In JSON, members that say nothing are
// left out: id when the command had none, value when it is empty, error and code when ok is true, sip when no SIP status
// was the cause. A value is repeated up to 200 characters.
type Result struct {
	ID        json.RawMessage `json:"id,omitempty"`
	Datapoint string          `json:"datapoint"`
	Value     string          `json:"value,omitempty"`
	OK        bool            `json:"ok"`
	Error     string          `json:"error,omitempty"`
	Code      Code            `json:"code,omitempty"`
	SIP       int             `json:"sip,omitempty"`
}

// maxEcho is how much of a value comes back in the answer, in characters.
const maxEcho = 200

// Result answers the command: nil means done; an [*Error] anywhere in the chain of err gives its code and SIP status; any
// other error is "failed". It works as well for the command that came with the error of [Decode].
func (c Command) Result(err error) Result {
	r := Result{ID: c.ID, Datapoint: c.Path(), Value: cut(c.Value, maxEcho), OK: err == nil}
	if err == nil {
		return r
	}
	r.Code, r.Error = Failed, err.Error()
	var e *Error
	if errors.As(err, &e) {
		r.Code, r.SIP = e.Code, e.SIP
		if r.Code == "" {
			r.Code = Failed
		}
	}
	r.Error = strings.Join(strings.Fields(cleanText(r.Error)), " ")
	return r
}

// cut shortens a text to n runes, with an ellipsis when something is missing.
func cut(s string, n int) string {
	count := 0
	for i := range s {
		if count == n-1 && len([]rune(s[i:])) > 1 {
			return s[:i] + "…"
		}
		count++
	}
	return s
}
