//go:build !linux

package hw

import (
	"errors"

	"periph.io/x/conn/v3/gpio"
)

// outLine is only there on Linux.
type outLine struct{}

func openOut(string, int, gpio.Level) (*outLine, error) { return nil, errors.ErrUnsupported }
func (*outLine) set(gpio.Level) error                   { return errors.ErrUnsupported }
