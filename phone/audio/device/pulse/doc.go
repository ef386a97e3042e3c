// Package pulse speaks the native protocol of PulseAudio, which PipeWire's
// pipewire-pulse speaks as well: list the devices, record from one, play to one.
//
// Goals: mono 16-bit PCM with a short buffer, no allocation per packet, and
// that nothing a server sends can do more than end the connection: every
// length is checked before memory is taken. Non-goals: shared memory, volume,
// events, modules.
//
// A [Conn] is used by one goroutine. A [Stream] has one connection and one
// goroutine of its own, which calls the function given to Record or Play; Close
// ends it and waits. A server that says nothing for two seconds counts as lost.
//
// It stands here in place of a library because those there are decode in a
// goroutine of their own and take what a server sends on trust: a reply cut
// short ends the process.
//
// The protocol has no document; facts are those of PulseAudio's PROTOCOL file
// and of its protocol-native.c. Version 14 (PulseAudio 0.9.12) is spoken.
package pulse
