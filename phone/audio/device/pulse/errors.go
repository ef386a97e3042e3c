package pulse

import (
	"errors"
	"fmt"
)

var (
	// ErrNoServer means that no sound server answers.
	ErrNoServer = errors.New("no PulseAudio or PipeWire server")
	// ErrProtocol means that the server sent something that makes no sense.
	ErrProtocol = errors.New("sound server speaks nonsense")
	// ErrDevice means that the server has no such device.
	ErrDevice = errors.New("sound server has no such device")
	// ErrEnded means that the server has ended the stream, for example
	// because the device was unplugged.
	ErrEnded = errors.New("sound server has ended the stream")
)

// refusal is the error code of a server.
type refusal uint32

func (e refusal) Error() string {
	switch e {
	case 1:
		return "sound server: access denied"
	case 9:
		return "sound server: no authentication key"
	case 26:
		return "sound server: device busy"
	}
	return fmt.Sprintf("sound server: error %d", uint32(e))
}

// Is makes "no such entity" an [ErrDevice].
func (e refusal) Is(target error) bool { return e == 5 && target == ErrDevice }
