package hw

import "time"

// How wrong codes are answered. A caller has a few attempts; then each further one doubles the time of the lock-out.
// All callers together have more attempts, so that someone who changes the address does not go on for ever.
const (
	freeAttempts    = 3
	freeAttemptsAll = 30
	firstLockOut    = 30 * time.Second
	longestLockOut  = time.Hour
	forgetAfter     = 24 * time.Hour
	maxCallers      = 256
	maxCallerName   = 256
)

// tries counts the wrong codes of one caller, or of all.
type tries struct {
	wrong int
	last  time.Time
	until time.Time
}

func (t *tries) locked(now time.Time) time.Duration { return max(0, t.until.Sub(now)) }

func (t *tries) fail(now time.Time, free int) {
	if now.Sub(t.last) >= forgetAfter {
		*t = tries{}
	}
	t.wrong++
	t.last = now
	if t.wrong >= free {
		t.until = now.Add(lockOut(t.wrong - free))
	}
}

// lockOut is the time for the n-th lock-out, counted from 0.
func lockOut(n int) time.Duration {
	d := firstLockOut
	for range n {
		d *= 2
		if d >= longestLockOut {
			return longestLockOut
		}
	}
	return d
}

// attempts is the machine that limits how often codes are tried. Its memory is bounded: of too many callers the one
// that failed longest ago is forgotten.
type attempts struct {
	callers map[string]*tries
	all     tries
}

// locked is how long caller must wait at now; 0 when a code may be tried.
func (a *attempts) locked(caller string, now time.Time) time.Duration {
	wait := a.all.locked(now)
	if t := a.callers[short(caller)]; t != nil {
		wait = max(wait, t.locked(now))
	}
	return wait
}

// fail counts a wrong code.
func (a *attempts) fail(caller string, now time.Time) {
	if a.callers == nil {
		a.callers = make(map[string]*tries)
	}
	caller = short(caller)
	t := a.callers[caller]
	if t == nil {
		a.makeRoom()
		t = &tries{}
		a.callers[caller] = t
	}
	t.fail(now, freeAttempts)
	a.all.fail(now, freeAttemptsAll)
}

// succeed forgets the wrong codes of caller, not those of all: who knows one code must not be able to
// clear the way for guessing others.
func (a *attempts) succeed(caller string) { delete(a.callers, short(caller)) }

// short bounds the memory for a name that someone else has chosen.
func short(caller string) string { return caller[:min(len(caller), maxCallerName)] }

func (a *attempts) makeRoom() {
	if len(a.callers) < maxCallers {
		return
	}
	var oldest string
	for caller, t := range a.callers {
		if o := a.callers[oldest]; o == nil || t.last.Before(o.last) {
			oldest = caller
		}
	}
	delete(a.callers, oldest)
}
