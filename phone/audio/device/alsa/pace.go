package alsa

import "time"

const (
	burst  = 60 * time.Millisecond // a device may be ahead of the time so far
	settle = 30 * time.Millisecond // and is held back to this
	leak   = 3e-4                  // a crystal that is too fast by this is none of our business
	behind = -100 * time.Millisecond
)

// pace holds back devices that have no clock of their own (the null and file
// plugins), which would otherwise take or give sound as fast as the machine can.
type pace struct {
	ahead time.Duration
	last  time.Time
}

// wait takes the time and how much sound is being passed, and returns how long
// to hold the device back.
func (p *pace) wait(now time.Time, sound time.Duration) time.Duration {
	if !p.last.IsZero() {
		gone := now.Sub(p.last)
		p.ahead = max(behind, p.ahead-gone-time.Duration(float64(gone)*leak))
	}
	p.last = now
	p.ahead += sound
	if p.ahead < burst {
		return 0
	}
	return p.ahead - settle
}
