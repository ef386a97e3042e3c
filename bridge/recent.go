package bridge

import (
	"crypto/sha256"
	"time"
)

// recent remembers for a while what has been seen, at most limit things: the older ones are forgotten first.
// It is pure: the caller passes the time and guards it.
type recent struct {
	window time.Duration
	limit  int
	at     map[digest]time.Time
	order  []sighting // oldest first; a thing seen again has an older entry too, which no longer counts
}

type digest [sha256.Size]byte

type sighting struct {
	key digest
	at  time.Time
}

func newRecent(window time.Duration, limit int) *recent {
	return &recent{window: window, limit: limit, at: map[digest]time.Time{}}
}

// digestOf is one key for several parts; parts are told apart.
func digestOf(parts ...[]byte) digest {
	h := sha256.New()
	for _, p := range parts {
		n := len(p)
		_, _ = h.Write([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
		_, _ = h.Write(p)
	}
	return digest(h.Sum(nil))
}

// seen reports whether k was added within the window before now.
func (r *recent) seen(k digest, now time.Time) bool {
	at, ok := r.at[k]
	return ok && now.Sub(at) < r.window
}

// add remembers k from now on.
func (r *recent) add(k digest, now time.Time) {
	r.at[k] = now
	r.order = append(r.order, sighting{k, now})
	for len(r.order) > r.limit || now.Sub(r.order[0].at) >= r.window {
		old := r.order[0]
		r.order = r.order[1:]
		if r.at[old.key].Equal(old.at) {
			delete(r.at, old.key)
		}
	}
}
