package speech

import "errors"

var (
	// ErrVoice means that no engine knows the voice.
	ErrVoice = errors.New("unknown voice")
	// ErrText means a text without anything to speak.
	ErrText = errors.New("nothing to speak")
	// ErrTooLong means a text, or the sound of a sentence, above the limit.
	ErrTooLong = errors.New("text too long")
	// ErrEngine means that an engine did not do its work.
	ErrEngine = errors.New("speech engine failed")
)
