// Package tones makes the sounds a telephone makes by itself: dial tone,
// ringback, busy and congestion in the cadence of a country, key tones, and a
// ring for the bell.
//
// A Tone is a description; a Generator turns it into samples. A Generator is
// read from one goroutine, never blocks and allocates nothing. Its method
// Read(frame []int16) int makes it a sample source: 0 means that the tone is
// over.
//
// Goals: the frequencies and cadences of ITU-T E.180 (values in use: Supplement
// 2 to E.180) and Q.23, no clicks at the edges. Non-goals: detection of tones.
package tones
