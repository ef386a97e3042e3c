// Package alarm decides about calls that must reach somebody: whom to ring when,
// what to say, and when it is enough.
//
// A [Machine] rings a list of people one after the other, or all together, says
// why it calls, and goes on until one of them has pressed the key that
// acknowledges. An answering machine presses no key, so it stops nothing.
//
// The machine is pure: what happens on the calls and the time go in, [Action]s
// come out, in the order in which they are to be carried out. Every call is a
// leg with a number of its own; what is told of a leg that has ended is ignored.
// A machine belongs to one goroutine.
//
// Non-goals: calling, speaking.
package alarm
