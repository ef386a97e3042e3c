package pbx

import (
	"errors"
	"fmt"
)

// Why there is no connection; see Lost.
var (
	ErrLogin    = errors.New("the switch refuses the login")
	ErrSilent   = errors.New("the switch does not answer")
	ErrProtocol = errors.New("what answers there is not the switch")
	ErrEnded    = errors.New("the switch has ended the connection")
)

// ConfigError is a value of an ESL_ or AMI_ variable that cannot be used.
type ConfigError struct {
	Variable, Value, Reason, Allowed string
}

func (e ConfigError) Error() string {
	return fmt.Sprintf("%s=%q: %s; allowed: %s", e.Variable, e.Value, e.Reason, e.Allowed)
}
