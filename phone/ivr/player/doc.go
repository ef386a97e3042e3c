// Package player plays a queue of sounds into one call.
//
// A [Player] is an audio source that never blocks and never allocates while it
// is read. Sounds are known as a whole ([Clip]) or grow while they are played
// ([Feed], for speech that is still being made). Ends are told in order, each
// once: after a value on Changed, fetch them with Ends.
//
// Ownership: Read belongs to the media thread, all other methods may be called
// from anywhere. A sound belongs to the player until its end was told; clips may
// be shared by any number of players.
//
// Non-goals: mixing, volume, decoding.
package player
