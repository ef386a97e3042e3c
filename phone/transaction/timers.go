package transaction

import "time"

// Timers are the base values of RFC 3261 17.1.1.1, from which the others follow.
type Timers struct {
	T1 time.Duration // round-trip estimate, 500 ms
	T2 time.Duration // longest retransmission interval, 4 s
	T4 time.Duration // longest life of a message in the network, 5 s
}

func (t Timers) withDefaults() Timers {
	if t.T1 == 0 {
		t.T1 = 500 * time.Millisecond
	}
	if t.T2 == 0 {
		t.T2 = 4 * time.Second
	}
	if t.T4 == 0 {
		t.T4 = 5 * time.Second
	}
	return t
}

// GiveUp is 64*T1, the life of an unanswered transaction (timers B, F, H, J, L, M).
func (t Timers) GiveUp() time.Duration { return 64 * t.T1 }
