package hw

import "time"

// gesture is what a finger did.
type gesture int

const (
	gestureNone gesture = iota
	gestureShort
	gestureLong
)

// press is the machine of one button: it turns samples of a bouncing contact into gestures. A contact counts as closed
// or open when samples have told the same for the time of debounce.
type press struct {
	debounce time.Duration
	long     time.Duration // held for so long is a long press
	quiet    time.Duration // the least time between two short ones

	begun    bool
	raw      bool // the last sample
	since    time.Time
	closed   bool // the settled state
	closedAt time.Time
	longDone bool
	rang     bool
	rangAt   time.Time
}

// sample tells the machine what the contact is at now. The first sample is taken as it is: a contact that is closed
// at the start is no press.
func (p *press) sample(closed bool, now time.Time) gesture {
	if !p.begun {
		p.begun, p.raw, p.closed, p.since, p.longDone = true, closed, closed, now, true
	}
	if closed != p.raw {
		p.raw, p.since = closed, now
	}
	switch {
	case closed != p.closed && now.Sub(p.since) >= p.debounce:
		p.closed, p.closedAt, p.longDone = closed, p.since, false
		if closed && p.ring(now) {
			return gestureShort
		}
		p.longDone = true
		return gestureNone
	case p.closed && !p.longDone && now.Sub(p.closedAt) >= p.long:
		p.longDone = true
		return gestureLong
	}
	return gestureNone
}

// ring tells whether a press counts at now, by finger or by topic, and remembers it if so.
func (p *press) ring(now time.Time) bool {
	if p.rang && now.Sub(p.rangAt) < p.quiet {
		return false
	}
	p.rang, p.rangAt = true, now
	return true
}

// wait is how long the next sample may take at most, given that an edge brings one at once.
func (p *press) wait(now time.Time, most time.Duration) time.Duration {
	var due time.Time
	switch {
	case p.raw != p.closed:
		due = p.since.Add(p.debounce)
	case p.closed && !p.longDone:
		due = p.closedAt.Add(p.long)
	default:
		return most
	}
	return max(min(due.Sub(now), most), time.Millisecond)
}
