// Package prompt loads the sound files that are played to callers.
//
// Goals: WAV of any telephone or studio encoding and MP3 become mono PCM at the
// rate of the line; a file is decoded once a rate and kept while the cache has
// room; nothing outside the media folder can be read, neither by "..", nor by a
// link, nor by a device or pipe that would hang; a file that was replaced is
// read again.
//
// Non-goals: playing, codecs of the line.
//
// Ownership: the samples that Load returns are shared and must not be changed.
// All methods may be called at the same time.
package prompt
