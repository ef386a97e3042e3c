package account

import (
	"errors"
	"math/rand/v2"
	"time"
)

// Config is the policy of one account. Its zero value works.
type Config struct {
	// Expires is what is asked for; 300 s, so that a binding lost by the registrar is back soon
	// even where pings do not help. The registrar may grant another value.
	Expires time.Duration
	// Server, Transport and User appear in hints only.
	Server, Transport, User string

	// MinBackoff and MaxBackoff bound the wait after a failure; 2 s and 60 s, doubling.
	MinBackoff, MaxBackoff time.Duration
	// ReconnectBackoff bounds the wait while the registrar is merely away (no answer, refused
	// connection, 5xx) and was there before, or the account has been started less than
	// EagerFor ago: after a power cut the PBX is often the last to be up. 4 s, so that with
	// Timer F a packet goes out at least every 5 s, and 10 min.
	ReconnectBackoff, EagerFor time.Duration
	// AuthAttempts is how often credentials may be refused before the wait grows to
	// AuthBackoff, doubling to AuthMaxBackoff; 2, 5 min and 1 h.
	AuthAttempts                int
	AuthBackoff, AuthMaxBackoff time.Duration
	// MaxRetryAfter bounds the Retry-After that is obeyed; 10 min.
	MaxRetryAfter time.Duration

	// PingEvery is the time between OPTIONS while registered; 5 s, negative is never. They end
	// when the first one is not answered: some registrars ignore OPTIONS.
	PingEvery time.Duration
	// PingTimeout is how long an answer may take before a REGISTER finds out more; 2 s.
	PingTimeout time.Duration
	// PingLate is how much slower than the fastest one an answer must be to make us register
	// again: a ping was lost, and the registrar may have restarted meanwhile; 400 ms, less
	// than T1 (RFC 3261 17.1.2.1).
	PingLate time.Duration

	// MinGap is the shortest time between the starts of two REGISTERs, but for one that obeys
	// a 423; 1 s.
	MinGap time.Duration
	// SlowAnswer is when a pending REGISTER is reported as unanswered; 5 s, four packets.
	SlowAnswer time.Duration
	// StopWait bounds the un-registration; 2 s.
	StopWait time.Duration

	// Rand returns a number in [0,1) for the jitter; nil is math/rand.
	Rand func() float64
}

const (
	minGranted = 10 * time.Second // shorter grants are clamped, they would be a flood
	maxGranted = 24 * time.Hour
	// registerGuard is when an owner that does not report back is taken for a time-out.
	registerGuard = 40 * time.Second
	jitter        = 0.1
)

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{
		{&c.Expires, 300 * time.Second},
		{&c.MinBackoff, 2 * time.Second}, {&c.MaxBackoff, time.Minute},
		{&c.ReconnectBackoff, 4 * time.Second}, {&c.EagerFor, 10 * time.Minute},
		{&c.AuthBackoff, 5 * time.Minute}, {&c.AuthMaxBackoff, time.Hour},
		{&c.MaxRetryAfter, 10 * time.Minute},
		{&c.PingEvery, 5 * time.Second}, {&c.PingTimeout, 2 * time.Second}, {&c.PingLate, 400 * time.Millisecond},
		{&c.MinGap, time.Second}, {&c.SlowAnswer, 5 * time.Second}, {&c.StopWait, 2 * time.Second},
	} {
		if *d.v == 0 {
			*d.v = d.def
		}
	}
	if c.AuthAttempts == 0 {
		c.AuthAttempts = 2
	}
	if c.Rand == nil {
		c.Rand = rand.Float64
	}
	return c
}

// validate is called on a config with its defaults filled in.
func (c Config) validate() error {
	var errs []error
	check := func(ok bool, text string) {
		if !ok {
			errs = append(errs, errors.New(text))
		}
	}
	check(c.Expires >= minGranted && c.Expires <= maxGranted, "expires must be 10 s to 24 h")
	check(c.MinBackoff > 0 && c.MinBackoff <= c.ReconnectBackoff && c.ReconnectBackoff <= c.MaxBackoff,
		"back-off must be positive and grow from min to reconnect to max")
	check(c.AuthAttempts > 0, "auth attempts must be positive")
	check(c.AuthBackoff > 0 && c.AuthBackoff <= c.AuthMaxBackoff, "auth back-off must be positive and at most its maximum")
	check(c.MaxRetryAfter > 0 && c.EagerFor > 0, "retry-after limit and eager time must be positive")
	check(c.PingTimeout > 0 && c.PingLate > 0 && c.PingLate <= c.PingTimeout, "ping time-out must be positive and at least ping late")
	check(c.MinGap > 0 && c.SlowAnswer > 0 && c.StopWait > 0, "min gap, slow answer and stop wait must be positive")
	return errors.Join(errs...)
}
