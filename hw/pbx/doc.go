// Package pbx listens to the switch of the house: what it says of itself, and what happens on its channels. It speaks the
// event socket of FreeSWITCH (mod_event_socket, inbound mode) and the manager interface of Asterisk (AMI).
//
// Goals: a [Client] that stays connected for months, comes back by itself with growing pauses, says in words why it is
// not connected, and whose memory is bounded whatever the switch sends. Reading is split from deciding: framing works
// on a reader, sessions are pure machines with the time passed in, and one goroutine for each switch moves bytes
// between them.
//
// Non-goals: controlling calls, the outbound mode of FreeSWITCH, other actions and events of AMI than those of
// channels, TLS. Channel variables of FreeSWITCH are left out, because they hold passwords of the directory.
//
// Ordering: events of one switch arrive in the order in which it sent them; there is none between two switches. The
// channel is bounded; when nobody reads, events are dropped and counted (Dropped).
//
// Ownership: Run starts everything and returns when all of it has ended.
package pbx
