// Package audio is PCM sound: sources, sinks, levels, tones, WAV files and the
// seam for sound devices.
//
// A frame is a []int16 of mono samples; its rate in Hz is fixed when a source
// or sink is opened. Sources and sinks are called from the media thread and
// never block: what they cannot give or take at once is missing or dropped,
// and counted. Everything slow (files, devices) happens in a goroutine that
// the opened source or sink owns and that its Close waits for.
//
// Non-goals: codecs, RTP, call states.
package audio
