package exec

import (
	"errors"
	"fmt"
)

// What Run answers, each wrapped in a sentence with the name of the command.
var (
	ErrOff         = errors.New("commands are off, EXEC_ALLOW or EXEC_SHELL allows them")
	ErrNotAllowed  = errors.New("the command is not allowed")
	ErrAllowFile   = errors.New("the file of allowed commands is not usable")
	ErrInvalid     = errors.New("not a command")            // quotes, controls, length
	ErrArgument    = errors.New("argument not accepted")    // wrong number or wrong kind of arguments
	ErrBusy        = errors.New("still running")            // the same command, or too many of them
	ErrTimeout     = errors.New("took too long")            // and was ended
	ErrStart       = errors.New("did not start")            // no such program, no permission
	ErrEnded       = errors.New("was ended by a signal")    // of somebody else
	ErrUnreachable = errors.New("the host does not answer") // or the connection broke
	ErrHostKey     = errors.New("the host key is not trusted")
	ErrLogin       = errors.New("the host refuses the login")
	ErrClosed      = errors.New("commands have been stopped")
)

// ConfigError is a value of an EXEC_ variable that cannot be used.
type ConfigError struct {
	Variable, Value, Reason, Allowed string
}

func (e ConfigError) Error() string {
	return fmt.Sprintf("%s=%q: %s; allowed: %s", e.Variable, e.Value, e.Reason, e.Allowed)
}
