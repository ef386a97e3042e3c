// Package jitter is an adaptive jitter buffer for RTP payloads.
//
// Goals: give packets back in order, one for each call of Pop, after a delay
// that follows the measured jitter; keep time over losses; recover at once
// from restarts, stalls and clock drift.
//
// Non-goals: decoding, concealment, telephone-events (push an empty payload in
// their place so that their sequence numbers are not taken for losses).
//
// The buffer is pure: time is passed in as a duration since any fixed moment,
// and never goes back. It has no goroutine and no lock and allocates only in
// New, so its owner brings the lock.
package jitter
