package keys

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Reason is why collecting has ended, in the words of the dtmf/collected topic.
type Reason string

// The reasons for an end.
const (
	ByTerminator Reason = "terminator"
	ByMax        Reason = "max"
	ByTimeout    Reason = "timeout"
)

// Limits of a collection.
const (
	MaxDigits  = 64
	MaxTimeout = 10 * time.Minute
)

// ErrCollect means a collection that cannot be made.
var ErrCollect = errors.New("not a collection of keys")

// CollectConfig says when there are enough keys.
type CollectConfig struct {
	Max        int           // keys at most; 0 is 32
	Timeout    time.Duration // from the prompt's end to the first key, and from key to key; 0 is 5 s
	Terminator string        // keys of which any ends it and does not count; empty = none
}

func (c CollectConfig) withDefaults() CollectConfig {
	if c.Max == 0 {
		c.Max = 32
	}
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	return c
}

func (c CollectConfig) validate() error {
	switch {
	case c.Max < 1 || c.Max > MaxDigits:
		return fmt.Errorf("%d keys, not 1 to %d: %w", c.Max, MaxDigits, ErrCollect)
	case c.Timeout <= 0 || c.Timeout > MaxTimeout:
		return fmt.Errorf("timeout %v, not up to %v: %w", c.Timeout, MaxTimeout, ErrCollect)
	case strings.Trim(c.Terminator, keypad) != "":
		return fmt.Errorf("terminator %q, not a key: %w", c.Terminator, ErrCollect)
	}
	return nil
}

// Valid tells whether key is a key of a telephone.
func Valid(key byte) bool { return strings.IndexByte(keypad, key) >= 0 }

// Collected is what was gathered.
type Collected struct {
	Digits string
	Reason Reason
}

// Collector gathers keys. The first key may come while the prompt still plays;
// the time to wait begins when the prompt has ended or a key has come.
type Collector struct {
	cfg      CollectConfig
	digits   []byte
	deadline time.Time // zero while the prompt plays
	done     bool
}

// NewCollector begins to gather. With prompted the caller tells the end of the
// prompt with PromptEnded, else the time runs from now.
func NewCollector(cfg CollectConfig, prompted bool, now time.Time) (*Collector, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	c := &Collector{cfg: cfg}
	if !prompted {
		c.deadline = now.Add(cfg.Timeout)
	}
	return c, nil
}

// PromptEnded starts the time unless a key has done so.
func (c *Collector) PromptEnded(now time.Time) {
	if c.deadline.IsZero() {
		c.deadline = now.Add(c.cfg.Timeout)
	}
}

// Key takes a key; ok is true when it was the last one. The first key is the
// time to stop the prompt (barge-in).
func (c *Collector) Key(key byte, now time.Time) (result Collected, ok bool) {
	if c.done || !Valid(key) {
		return Collected{}, false
	}
	if strings.IndexByte(c.cfg.Terminator, key) >= 0 {
		return c.end(ByTerminator)
	}
	c.digits = append(c.digits, key)
	if len(c.digits) >= c.cfg.Max {
		return c.end(ByMax)
	}
	c.deadline = now.Add(c.cfg.Timeout)
	return Collected{}, false
}

// Tick ends the collection when its time is over.
func (c *Collector) Tick(now time.Time) (result Collected, ok bool) {
	if c.done || c.deadline.IsZero() || now.Before(c.deadline) {
		return Collected{}, false
	}
	return c.end(ByTimeout)
}

// Deadline is when to call Tick next; ok is false when time does not run.
func (c *Collector) Deadline() (at time.Time, ok bool) {
	return c.deadline, !c.done && !c.deadline.IsZero()
}

func (c *Collector) end(r Reason) (Collected, bool) {
	c.done = true
	return Collected{Digits: string(c.digits), Reason: r}, true
}
