// Package noise is about what is heard beside the voice, and how loud the voice
// is: comfort noise (RFC 3389), noise suppression and automatic gain.
//
//	Analyser    samples of a pause -> comfort noise payload
//	Comfort     comfort noise payload -> samples
//	Suppressor  takes steady noise out of a microphone's signal
//	Gain        brings speech to one level, with a limiter
//	Spectrum    what Suppressor knows of the noise, for those who already have a
//	            spectrum at hand
//
// Every value carries the past of one stream, is used by one goroutine at a time
// and allocates nothing after it was made. Samples are mono, 16 bit. Levels are
// in dB below full scale: -dBov of RFC 3389 with the sign turned.
//
// Non-goals: music, and noise that changes as fast as speech (a bark, a plate).
package noise
