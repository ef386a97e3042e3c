package hw

import (
	"errors"
	"fmt"
	"time"
)

// What a method of Panel may answer, besides errors of devices.
var (
	ErrNotFitted   = errors.New("not set up")
	ErrNoButton    = errors.New("there is no such button")
	ErrTooSoon     = errors.New("pressed again too soon")
	ErrRelay       = errors.New("the relay of the door does not obey")
	ErrStopped     = errors.New("the hardware has stopped")
	ErrTooLong     = errors.New("the text is too long")
	ErrOutOfRange  = errors.New("out of range")
	ErrWrongCode   = errors.New("wrong code")
	ErrNotNow      = errors.New("the code is not valid at this hour")
	ErrNotFromHere = errors.New("the code is not valid from this caller")
	ErrCheckBusy   = errors.New("another code is being checked")
	ErrNoCodes     = errors.New("no usable codes file")
)

// LockedOutError says that a caller has tried too many wrong codes.
type LockedOutError struct{ For time.Duration }

func (e LockedOutError) Error() string {
	return fmt.Sprintf("too many wrong codes, locked out for %s", e.For.Round(time.Second))
}

// ConfigError is a value of a HW_ variable that cannot be used.
type ConfigError struct {
	Variable, Value, Reason, Allowed string
}

func (e ConfigError) Error() string {
	return fmt.Sprintf("%s=%q: %s; allowed: %s", e.Variable, e.Value, e.Reason, e.Allowed)
}
