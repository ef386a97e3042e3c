package phone

import (
	"context"
	"errors"
	"fmt"
)

// Kind classifies why a command was not carried out.
type Kind string

// The kinds of Error.
const (
	Invalid      Kind = "invalid"       // the command makes no sense as it stands
	Refused      Kind = "refused"       // not now, or not allowed
	Busy         Kind = "busy"          // this phone or the far end is busy
	Unreachable  Kind = "unreachable"   // no way to the far end
	Timeout      Kind = "timeout"       // no answer
	NotSupported Kind = "not_supported" // this phone or the far end cannot do it
	Failed       Kind = "failed"        // tried, and it went wrong
)

// Error is what a person is told. It is always returned by pointer.
type Error struct {
	Kind   Kind
	Text   string // one sentence
	Status int    // SIP status that is the cause, else 0
	Err    error  // underlying error, may be nil
}

// KindOf is the kind of the Error in err's chain, Failed without one.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Failed
}

// Error returns the sentence.
func (e *Error) Error() string { return e.Text }

// Unwrap returns the underlying error.
func (e *Error) Unwrap() error { return e.Err }

func errf(k Kind, format string, args ...any) *Error {
	return &Error{Kind: k, Text: fmt.Sprintf(format, args...)}
}

// statusError words a final SIP status (RFC 3261 21) that ended a request to target.
func statusError(code int, reason, target string) *Error {
	e := &Error{Status: code, Kind: Failed}
	switch code {
	case 401, 407:
		e.Kind, e.Text = Refused, "the server did not accept the user name or password"
	case 403:
		e.Kind, e.Text = Refused, "the server forbids this call"
	case 404, 410, 604:
		e.Kind, e.Text = Unreachable, target+" does not exist there"
	case 408:
		e.Kind, e.Text = Timeout, target+" did not answer"
	case 480:
		e.Kind, e.Text = Unreachable, target+" is not available"
	case 484:
		e.Kind, e.Text = Invalid, "the number "+target+" is incomplete"
	case 486, 600:
		e.Kind, e.Text = Busy, target+" is busy"
	case 487:
		e.Kind, e.Text = Refused, "the call was cancelled"
	case 405, 501:
		e.Kind, e.Text = NotSupported, "the far end does not support this"
	case 488, 606, 415:
		e.Kind, e.Text = NotSupported, "the far end accepts none of the offered codecs"
	case 481:
		e.Text = "the far end does not know this call any more"
	case 503:
		e.Kind, e.Text = Unreachable, "the server is not available"
	case 603:
		e.Kind, e.Text = Refused, target+" declined"
	default:
		e.Text = fmt.Sprintf("%s answered %d %s", target, code, reason)
	}
	return e
}

// errNotActive is the answer to commands while another instance has the phone.
func errNotActive() *Error { return errf(Refused, "this instance is not the active one") }

// asError makes any error one that a person can read.
func asError(err error, k Kind) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Kind: k, Text: err.Error(), Err: err}
}

// reachError words why a request got no answer.
func (p *Phone) reachError(err error, to Party) *Error {
	name := to.User
	if name == "" {
		name = to.URI
	}
	var own *Error
	switch {
	case errors.As(err, &own):
		return own
	case isTimeout(err):
		return &Error{Kind: Timeout, Text: fmt.Sprintf("%s cannot be reached: no answer", name), Err: err}
	case errors.Is(err, context.Canceled):
		return &Error{Kind: Failed, Text: "the phone is stopping", Err: err}
	}
	return &Error{Kind: Unreachable, Text: fmt.Sprintf("%s cannot be reached: %v", name, err), Err: err}
}
