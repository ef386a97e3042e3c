// Package ringer makes the sounds that a telephone makes by itself: the ring of
// a call that comes in, the ringback of one that is dialled, busy and congestion
// tones after one that failed, and the beep of a key.
//
// [Machine] decides what is to be heard; it is pure, time is passed in. [Ringer]
// plays it: its Run owns the one goroutine, which opens the device only while
// there is something to play and closes it before a call needs it.
//
// Ordering: what Show and Key tell counts at once and in the order of the calls;
// both return without waiting for sound. A call that opens its loudspeaker by
// [Ringer.Share] gets it when the ringer has let go, and has the key beeps mixed
// into what it plays; without that the beeps of an answered call are not heard.
//
// Non-goals: early media and announcements (the call plays them), the tones that
// the far end hears.
package ringer
