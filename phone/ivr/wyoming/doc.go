// Package wyoming speaks the Wyoming protocol of Home Assistant's voice
// services: events with JSON data and a binary payload over a byte stream, and
// the client side of text to speech on them.
//
// Goals: events in both layouts in use (data in the header line or behind it)
// are read; nothing that a server sends makes memory grow beyond [Limits].
//
// Order: one request at a time on a [Conn], and one connection a request, as
// Home Assistant does it. A Conn belongs to one goroutine.
//
// Non-goals: speech recognition, wake words, finding servers.
package wyoming
