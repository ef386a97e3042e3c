// Package phonetest is a scripted SIP peer for tests: a socket on loopback that
// sends and expects messages as text, so that a test says exactly what is on the
// wire, in which order and with which fault.
//
// Goals: a test reads like a call-flow chart; a message may be as wrong as the
// test wants it; a failure prints everything that was seen and sent.
//
// Non-goals: being a user agent. The peer has no transactions, no timers and no
// automatic answers: it never retransmits, never ACKs and never says 100 unless
// the test says so. It imports the standard library only, so that a fault of the
// stack under test cannot hide in it.
//
// Ordering: messages are kept in the order in which they were received; Expect
// takes the next one. Copies (retransmissions) are counted and skipped.
//
// Ownership: a Peer, RTP or Relay belongs to the test that made it. Its sockets are
// closed, and its goroutines waited for, by t.Cleanup. All methods may be called
// from several goroutines; those that take a testing.TB only from the test's own.
package phonetest
