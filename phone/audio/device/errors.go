package device

import (
	"errors"
	"strconv"
	"strings"

	"housephone/phone/audio"
)

var (
	// ErrHangs means that a driver did not end within a second; it is left
	// behind and ends when the driver lets go.
	ErrHangs = errors.New("sound device hangs")
	// ErrSilent means that a device does not open within two seconds, as one
	// that another program holds.
	ErrSilent = errors.New("sound device does not open, perhaps another program holds it")

	errEnded = errors.New("sound device has ended by itself")
)

// UnknownError tells that a device is not there, and which are.
type UnknownError struct {
	Name   string
	Known  []Info
	Faults []error // of systems that could not be asked
}

func (e *UnknownError) Error() string {
	names := []string{"default", "none"}
	for _, d := range e.Known {
		names = append(names, d.Name)
	}
	text := "no sound device " + strconv.Quote(e.Name) + "; there is " + strings.Join(names, ", ")
	for _, err := range e.Faults {
		text += "; " + err.Error()
	}
	return text
}

// Unwrap makes it an [audio.ErrNoDevice].
func (*UnknownError) Unwrap() error { return audio.ErrNoDevice }
