package hw

import "time"

// MaxPulse is the longest time for which the door's relay is ever on.
const MaxPulse = 60 * time.Second

// pulse is the machine of the relay.
type pulse struct {
	length time.Duration
	on     bool
	until  time.Time
}

// unlock begins a pulse; during one it changes nothing and answers false.
func (p *pulse) unlock(now time.Time) bool {
	if p.on {
		return false
	}
	p.on, p.until = true, now.Add(min(p.length, MaxPulse))
	return true
}

// lock ends a pulse; outside of one it answers false.
func (p *pulse) lock() bool {
	was := p.on
	p.on = false
	return was
}

// over tells whether the pulse has lasted long enough.
func (p *pulse) over(now time.Time) bool { return p.on && !now.Before(p.until) }
