// Package speaker makes a microphone and a loudspeaker in one room a
// speakerphone: what is played is taken out of what is recorded, steady noise
// is turned down and speech brought to one level.
//
// [Speakerphone] has two devices that stand in for the real ones, one for
// capture and one for playback. Whatever is written to the open playback is the
// reference of the echo canceller for what is read from the open capture.
//
// Goals: frames of 10 to 120 ms at the rates of telephony; no allocation and no
// waiting per frame; the two ends may be opened, closed and opened again one by
// one, also at another rate, and be read and written in any order and with
// frames left out.
//
// Ordering: a source and a sink are each used by one goroutine at a time, the
// media thread as a rule; opening, Close and Stats may come from any. Both ends
// have one rate; a sink at another rate than the source is heard, but is no
// reference. Of several open sinks the newest is the reference.
//
// Cost: up to 16 kHz the sound is late by 10 ms (nothing where only Gain is
// wanted). Higher rates are processed at 16 kHz: sound above 8 kHz is lost, the
// delay is 13 ms, and three conversions of the rate are added to the work.
//
// Non-goals: the devices' clocks (their drivers make them one), the volume,
// several microphones.
package speaker
