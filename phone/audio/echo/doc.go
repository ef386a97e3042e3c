// Package echo keeps the far end from hearing itself out of a speakerphone.
//
// A Canceller models the way from loudspeaker to microphone with a
// partitioned-block frequency-domain Kalman filter, takes the modelled echo out,
// and turns down, bin by bin, what the model left. Where it turns the room down
// with it, it puts noise of the room's level and colour, so that the far end does
// not hear it come and go. An Estimator finds the delay between playback and
// capture, and a Sweep measures echo and delay once, aloud.
//
// Goals: speech of both ends at once, with no training before the call; rates of
// telephony; 10 ms of delay; no allocation per frame. Non-goals: music, and a
// loudspeaker that rattles.
//
// The caller pairs capture and playback: both frames given to Process cover the
// same 10 ms or a multiple, and the two sound clocks are one (a USB
// speakerphone) or were made one before. A value is used by one goroutine at a
// time.
package echo
