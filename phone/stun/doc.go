// Package stun asks a STUN server how a UDP socket is seen from outside of a NAT (RFC 8489,
// Binding requests only).
//
// Goals: the question leaves by the very socket that will be used, and its answer is taken out
// of what that socket reads; only an answer with the random transaction id of a question under
// way, from the address that was asked, is believed; what strangers send costs no memory.
//
// Non-goals: credentials, ICE, TURN, STUN over TCP or TLS, finding out the kind of NAT.
//
// Ordering and ownership: a [Client] owns no socket and starts no goroutine. [Client.Mapped]
// waits, [Client.Receive] never does; both may be called from any goroutine.
package stun
