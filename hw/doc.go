// Package hw is the hardware of a door station: doorbell buttons, the relay of a door, a display and a backlight.
//
// Goals: a [Panel] that is described by the strings of the HW_ variables, tells what happened through Events and is
// operated through methods; that opens no door by accident, by a crash of a timer, or by someone who guesses codes; and
// that goes on when a bus or a display fails. Everything with a state over time (debouncing, the pulse of the
// relay, lock-out, what the display shows, when the light sleeps) is a pure machine with the time passed in.
//
// Non-goals: MQTT, SIP, deciding whom a button calls, keeping lock-outs over a restart.
//
// Ownership: each button, the door, the display and the light have one goroutine, started by Run and ended before Run
// returns. Methods may be called from anywhere; they send to those goroutines and wait for the answer.
//
// Ordering: events of one part arrive in the order in which they happened; there is none between parts. The channel is
// bounded; when nobody reads, events are dropped and counted (Dropped).
//
// Safety: the relay is switched off when Run begins and before it ends, a pulse ends after at most MaxPulse, an unlock
// during a pulse does not lengthen it. When the process is killed in the middle of a pulse, the kernel releases the line; what
// the line does then is up to the board, so the relay's input needs a resistor that holds it off. A relay
// that closes to low sees it low for some microseconds when the kernel makes the line an output.
package hw
