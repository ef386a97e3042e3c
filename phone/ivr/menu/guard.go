package menu

import (
	"slices"
	"sync"
	"time"
)

// GuardConfig limits wrong PINs over all calls. The zero value is ten within ten
// minutes, then none for five.
type GuardConfig struct {
	Wrong  int
	Within time.Duration
	Lock   time.Duration
}

func (c GuardConfig) withDefaults() GuardConfig {
	if c.Wrong <= 0 {
		c.Wrong = 10
	}
	if c.Within <= 0 {
		c.Within = 10 * time.Minute
	}
	if c.Lock <= 0 {
		c.Lock = 5 * time.Minute
	}
	return c
}

// Guard counts wrong PINs over all calls: numbers of callers can be made up, so
// a limit for each would be none. Right PINs do not reset it. A nil guard lets
// everything pass. It may be used from anywhere.
type Guard struct {
	cfg GuardConfig

	mu    sync.Mutex  // guards following
	wrong []time.Time // of the last ones, oldest first
	until time.Time   // locked
}

// NewGuard makes a guard.
func NewGuard(cfg GuardConfig) *Guard { return &Guard{cfg: cfg.withDefaults()} }

// Wrong counts a wrong PIN.
func (g *Guard) Wrong(now time.Time) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wrong = slices.DeleteFunc(g.wrong, func(t time.Time) bool { return now.Sub(t) >= g.cfg.Within })
	g.wrong = append(g.wrong, now)
	if len(g.wrong) >= g.cfg.Wrong {
		g.until = now.Add(g.cfg.Lock)
		g.wrong = g.wrong[:0]
	}
}

// Locked tells that no PIN is accepted for now.
func (g *Guard) Locked(now time.Time) bool {
	if g == nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return now.Before(g.until)
}
