package hw

import "time"

// awake is the machine of the light: on for a reason, off by itself when there has been none for a while.
type awake struct {
	sleep time.Duration // 0 = never
	on    bool
	busy  bool // a call is going on
	last  time.Time
}

// wake turns the light on for the time of sleep.
func (a *awake) wake(now time.Time) { a.on, a.last = true, now }

// set turns the light on or off because someone asked for it.
func (a *awake) set(on bool, now time.Time) { a.on, a.last = on, now }

// call says whether a call is going on; the time to sleep counts from its end.
func (a *awake) call(busy bool, now time.Time) {
	if a.busy && !busy {
		a.last = now
	}
	a.busy = busy
}

// rest turns the light off when its time has come.
func (a *awake) rest(now time.Time) {
	if due, ok := a.due(); ok && !now.Before(due) {
		a.on = false
	}
}

// due is when the light goes off by itself.
func (a *awake) due() (time.Time, bool) {
	if a.sleep == 0 || !a.on || a.busy {
		return time.Time{}, false
	}
	return a.last.Add(a.sleep), true
}
