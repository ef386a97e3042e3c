// Package speech makes sound of text.
//
// An [Engine] speaks one sentence: a Wyoming server, Home Assistant,
// espeak-ng or any program.
// A [Speaker] speaks texts: it cleans them, cuts them into sentences so that the
// first sound comes early, takes what was spoken before from a [Cache], and
// when an engine fails has the next one speak the same sentence. What an engine
// did wrong is told; the listener only hears words.
//
// Text never passes a shell and never is an argument of a program; names of
// voices are checked before they are.
//
// Ordering: sentences come in order, from the goroutine that called Speak. All
// methods may be called at the same time.
//
// Non-goals: playing.
package speech
