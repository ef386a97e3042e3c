package digest

import "errors"

// Errors of [Client.Authorize]; every returned error wraps exactly one of them, or
// [ErrMalformed] when the request or the credentials cannot be written into a header.
var (
	// ErrRejected says that the server refused an answer made from these credentials: the
	// password or the authentication user is wrong.
	ErrRejected = errors.New("the user name or password was refused")
	// ErrNoUsableChallenge says that no challenge can be answered: none is there, or none
	// has a supported scheme, algorithm and qop.
	ErrNoUsableChallenge = errors.New("no usable challenge")
	// ErrForeignRealm says that the only challenges that could be answered name realms that
	// this account does not serve.
	ErrForeignRealm = errors.New("the realm does not belong to this account")
	// ErrTooManyAttempts says that the server goes on asking although each answer was fresh.
	ErrTooManyAttempts = errors.New("the server asks for credentials again and again")
	// ErrMalformed says that a value holds a control character or breaks the grammar.
	ErrMalformed = errors.New("malformed value")
)
