package media

import "errors"

var (
	// ErrNoPorts means that every RTP port pair of the range is in use.
	ErrNoPorts = errors.New("no free RTP port")
	// ErrClosed means that the stream or the engine has been closed.
	ErrClosed = errors.New("media closed")
	// ErrRemote means a far address that media is never sent to.
	ErrRemote = errors.New("unusable media address")
	// ErrParams means parameters outside of what is allowed.
	ErrParams = errors.New("invalid media parameters")
	// ErrNoTelephoneEvent means that keys cannot be sent as RFC 4733 events:
	// the far end did not agree to them.
	ErrNoTelephoneEvent = errors.New("telephone-event not negotiated")
	// ErrNotSending means that the stream is on hold or not yet set up.
	ErrNotSending = errors.New("stream does not send")
	// ErrKeys means a key outside 0-9, *, #, A-D and the pause sign, or too many.
	ErrKeys = errors.New("keys not valid")
)
