// Package record writes calls and messages to WAV files.
//
// A [Dir] is the folder of recordings: it makes files under checked names, keeps
// some of the disk free and removes what is too old or too much. A [Recording]
// takes sound from the media thread through two sinks that never block and
// writes it, the near end on the left and the far end on the right channel, or
// the far end alone. The file may be played at any time while it grows.
//
// Order: Create, hand out Near and Far, Run; Run returns when its context ends,
// when the recording has reached a limit, or when the disk fails, and the file
// is complete then.
//
// Non-goals: telling people that they are recorded, mixing, compression.
package record
