// Package pair decides which of several instances of one phone is the active one.
//
// The instances meet at a [Store]: a Lease of Kubernetes (package lease) or a topic of an MQTT broker (package claim).
// The active one renews a record there. It is active only until a moment of its own clock, counted from when it sent
// the last renewal that the store is known to have; another one may follow only when it has seen no sign of life for
// longer than that. So there is never a moment of two active ones, whatever the network and the store do, as long as the
// clocks of the machines run equally fast within ten per cent; they need not show the same time.
//
// [Machine] is the pure part, [Elector] its shell.
package pair
