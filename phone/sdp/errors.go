package sdp

import (
	"errors"
	"fmt"
)

// Why a description is refused. ErrNotSDP is worth a 400, ErrOfferPending a 491
// (RFC 3261 14.2), the others a 488.
var (
	ErrNotSDP        = errors.New("not a session description")
	ErrTooLarge      = fmt.Errorf("%w: above 16 KiB or 32 media lines", ErrNotSDP)
	ErrNoAudio       = errors.New("no audio stream")
	ErrNoCommonCodec = errors.New("no common codec")
	ErrSecureOnly    = errors.New("audio is offered with SRTP only")
	ErrPlainOnly     = errors.New("audio is offered without SRTP")
	ErrCrypto        = errors.New("no usable key for SRTP")
)

// Wrong use, or a message out of turn.
var (
	ErrOfferPending = errors.New("an offer of ours is unanswered")
	ErrNoOffer      = errors.New("an answer without an offer")
	ErrLocal        = errors.New("local media description")
)
