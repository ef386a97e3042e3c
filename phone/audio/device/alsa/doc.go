// Package alsa opens the sound devices of ALSA by miniaudio, which loads
// libasound when the first device is asked for: builds need no ALSA headers,
// and machines without libasound run the rest of the program.
//
// Goals: mono 16-bit PCM at a rate the hardware has, in pieces of 10 ms, any
// name that aplay -L knows. Non-goals: mixers, volume, builds without cgo
// (there the package is empty but for names and pace).
//
// A [Stream] calls the function given to Start in a thread of miniaudio and
// never after Close has returned.
package alsa
