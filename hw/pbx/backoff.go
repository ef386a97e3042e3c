package pbx

import "time"

const (
	firstPause   = time.Second
	longestPause = 30 * time.Second
	// a login that was refused is refused again, and makes some switches lock the address out
	firstRefused   = time.Minute
	longestRefused = 10 * time.Minute
	// a connection that stood for so long was a good one
	goodTime = 10 * time.Second
)

// backoff is how long to wait before the next attempt.
type backoff struct {
	last    time.Duration
	refused bool
}

// next takes how long the last connection stood, zero where there was none, and whether the login was refused.
func (b *backoff) next(stood time.Duration, refused bool) time.Duration {
	begin, most := firstPause, longestPause
	if refused {
		begin, most = firstRefused, longestRefused
	}
	if b.last == 0 || stood >= goodTime || refused != b.refused {
		b.last = begin
	} else {
		b.last = min(2*b.last, most)
	}
	b.refused = refused
	return b.last
}
