// Package chaos breaks what the service depends on, with real processes, and looks whether it comes back.
//
// Goals: each test breaks one thing in one way, mends it, and then asks the same questions: is there a ghost call, is
// an RTP socket open, do the state topics tell the truth, does a call work. What a recovery took is printed as a
// table at the end.
//
// `go test ./e2e/chaos` is the short form. CHAOS=full breaks things for as long, and in as many ways, as a house does
// in a bad year: `make chaos`.
//
// Non-goals: speed. A limit here says "broken", not "slow"; the table tells how long it took.
package chaos
