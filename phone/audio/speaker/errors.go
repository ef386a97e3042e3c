package speaker

import "errors"

// What [Speakerphone.EchoTest] says beside [echo.ErrNotHeard].
var (
	// ErrBusy means that a call or another test has the devices.
	ErrBusy = errors.New("the sound devices are in use")
	// ErrInterrupted means that a call came in between.
	ErrInterrupted = errors.New("a call needed the sound devices")
	// ErrNoSound means that the microphone gives nothing.
	ErrNoSound = errors.New("the microphone gives no sound")
)
