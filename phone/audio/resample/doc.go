// Package resample changes the sample rate of mono PCM.
//
// Resampler converts between two fixed rates (8, 16, 24, 48 kHz and what has a
// small common divisor with them, 22.05 and 44.1 kHz among it) with a polyphase
// FIR filter. Drift converts by a ratio near one that may change at any time: it
// takes up the difference between the clock of a sound card and that of the far
// end.
//
// Goals: streaming in frames of any size with nothing lost between them, no
// allocation per frame, and an aliasing and image rejection that a 13-bit
// telephone codec does not hear. Non-goals: stereo, studio quality.
//
// A value carries the past of one stream; it is not safe for concurrent use.
package resample
