// Package transaction is the transaction layer of RFC 3261 17 with the corrections
// of RFC 6026: it retransmits, absorbs retransmissions and times out.
//
// Goals: messages that belong together are passed up in the order in which they
// came off the wire, on the goroutine that read them (sipgo's own layer starts a
// goroutine for each message, so a 180, a 183 and a 200 sent back to back overtake
// each other and the early ones are lost); timers belong to a Layer, not to the
// process; the state machines are pure and take the time as an argument.
//
// Non-goals: dialogs, authentication, routing.
//
// Ordering and ownership: a Handler is called for one transaction by one goroutine
// at a time and must not block. Everything a Layer started has ended when Close returns.
package transaction
