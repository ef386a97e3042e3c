package bridge

import "time"

// backoff says how long to wait before the next connection. It is pure: the caller passes what happened and a random
// number in [0,1), and does the waiting.
//
// A broker that is away is asked often, since it costs nothing and the house wants its telephone back. A broker that
// says no is asked less often. When it lets us in and soon hangs up, again and again, another client with our id does
// the same at the other end; both get slower until each has the broker for a minute.
type backoff struct {
	min     time.Duration // first wait
	away    time.Duration // longest wait when the broker cannot be reached
	refused time.Duration // longest wait when the broker refuses
	contest time.Duration // longest wait when somebody else uses the client id

	failures int // in a row
	drops    int // connections that were made at once and soon closed by the broker, in a row
}

// A connection that lasted this long has no rival.
const settled = 3 * time.Minute

// The numbers of drops in a row that are borne without getting slower (somebody restarts a broker and once again), and
// that are said to be no accident.
const (
	patient   = 2
	contested = 4
)

// failed is the wait after an attempt that brought no connection.
func (b *backoff) failed(refused bool, random float64) time.Duration {
	b.drops = 0 // a broker that was away explains the drops
	longest := b.away
	if refused {
		longest = b.refused
	}
	wait := grow(b.min, b.failures, longest)
	b.failures++
	return spread(wait, random)
}

// dropped is the wait after a connection that lasted for lived; byPeer says that the broker closed it. rival is true
// when somebody else seems to use the same client id.
func (b *backoff) dropped(lived time.Duration, byPeer bool, random float64) (wait time.Duration, rival bool) {
	b.failures = 0
	if !byPeer || lived >= settled {
		b.drops = 0
		return spread(b.min, random), false
	}
	b.drops++
	wait = grow(b.min, b.drops-patient, b.contest)
	return spread(wait, random), b.drops >= contested
}

// grow doubles wait n times, up to longest.
func grow(wait time.Duration, n int, longest time.Duration) time.Duration {
	for ; n > 0; n-- {
		if wait >= longest {
			break
		}
		wait *= 2
	}
	return min(wait, longest)
}

// spread takes a random share of up to a half away, so that many devices do not come back in step.
func spread(wait time.Duration, random float64) time.Duration {
	return wait - time.Duration(random*float64(wait)/2)
}
