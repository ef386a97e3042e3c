package alarm

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrConfig means an alarm that cannot be given.
var ErrConfig = errors.New("not an alarm call")

// Limits of an alarm.
const (
	MaxPeople   = 16
	MaxAttempts = 10
	MaxRing     = 5 * time.Minute
	MaxRepeat   = 100
	DefaultRing = 25 * time.Second
)

// Config is an alarm. To is needed.
type Config struct {
	To       []string      // addresses in the order in which they are rung
	Ack      string        // keys of which any acknowledges; empty = hearing it out is enough
	Attempts int           // rounds through the list, 3; without Ack 1
	Ring     time.Duration // how long one is rung, 25 s
	Together bool          // several at once in every round
	Lines    int           // how many at once at most, 1; with Together
	Pause    time.Duration // between two rounds, 10 s
	Repeat   int           // how often it is said to one, 3; without Ack 1
	Wait     time.Duration // for the key, each time it was said, 8 s
	Patience time.Duration // waits for a free line, all together; 10 min, without Ack none
}

func (c Config) withDefaults() Config {
	times := 3
	if c.Ack == "" {
		times = 1
	} else if c.Patience == 0 {
		c.Patience = 10 * time.Minute
	}
	if c.Attempts == 0 {
		c.Attempts = times
	}
	if c.Lines == 0 {
		c.Lines = 1
	}
	if c.Ring == 0 {
		c.Ring = DefaultRing
	}
	if c.Pause == 0 {
		c.Pause = 10 * time.Second
	}
	if c.Repeat == 0 {
		c.Repeat = times
	}
	if c.Wait == 0 {
		c.Wait = 8 * time.Second
	}
	return c
}

func (c Config) validate() error {
	switch {
	case len(c.To) == 0 || len(c.To) > MaxPeople:
		return fmt.Errorf("%d people, not 1 to %d: %w", len(c.To), MaxPeople, ErrConfig)
	case strings.Trim(c.Ack, "0123456789*#ABCD") != "":
		return fmt.Errorf("acknowledged by %.20q, not by keys: %w", c.Ack, ErrConfig)
	case c.Attempts < 0 || c.Attempts > MaxAttempts:
		return fmt.Errorf("%d attempts, not 1 to %d: %w", c.Attempts, MaxAttempts, ErrConfig)
	case c.Ring < time.Second || c.Ring > MaxRing:
		return fmt.Errorf("rings for %v, not 1s to %v: %w", c.Ring, MaxRing, ErrConfig)
	case c.Pause < 0 || c.Pause > MaxRing || c.Wait < 0 || c.Wait > MaxRing || c.Repeat < 0 || c.Repeat > MaxRepeat, c.Lines < 0, c.Patience < 0:
		return fmt.Errorf("pause %v, wait %v, said %d times: %w", c.Pause, c.Wait, c.Repeat, ErrConfig)
	}
	for _, to := range c.To {
		if to == "" {
			return fmt.Errorf("empty address: %w", ErrConfig)
		}
	}
	return nil
}
