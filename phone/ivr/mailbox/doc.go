// Package mailbox keeps the voice messages that callers have left.
//
// A [Box] is a folder of WAV files with an index that is replaced as a whole, so
// that a power cut costs the last change at most: files that the index does not
// know are taken up, entries without a file are dropped.
//
// [Listener] is the machine for listening by phone: keys and ends of sounds go
// in, [Action]s come out. It is pure and belongs to one goroutine; a Box may be
// used from anywhere.
//
// Non-goals: recording (see package record), several owners of one folder.
package mailbox
