package bridge

import "time"

// hold is how long records that are older than the connection wait: those who want them have lost the broker too, and
// are back later than we are. Home Assistant tries every ten seconds; after an outage in which it may have been
// restarted, it is waited for until it says online.
type hold struct {
	timer *time.Timer
	extra time.Duration // how much longer Home Assistant is waited for; 0 = it is not
	late  bool          // and that time runs
	born  bool          // it said online
}

// newHold begins when the connection is made; oldest is the age of the oldest record that waits.
func newHold(cfg Config, oldest time.Duration) *hold {
	h := &hold{timer: time.NewTimer(cfg.RecordHold)}
	if cfg.BirthTopic != "" && oldest > cfg.EventAge {
		h.extra = max(0, cfg.BirthHold)
	}
	return h
}

// birth takes note that Home Assistant is there; true = the records may go.
func (h *hold) birth() bool {
	h.born = true
	return h.late
}

// fired takes note of the timer; true = the records may go.
func (h *hold) fired() bool {
	if h.born || h.late || h.extra == 0 {
		return true
	}
	h.late = true
	h.timer.Reset(h.extra)
	return false
}
