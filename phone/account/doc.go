// Package account keeps a SIP account registered (RFC 3261 10). It is a pure state machine:
// inputs carry the time, outputs are values, and it holds no clock, goroutine or socket.
//
// Goals: one REGISTER at a time; a registrar that went away and came back sees a REGISTER
// within 5 s of its return; a registrar that refuses the password is not asked again in a
// hurry, since home PBXs ban such callers; every failure is told in words a person can act on.
//
// Non-goals: building messages, digest (the machine is told the final result of a request,
// after its challenges were answered), name resolution, CRLF keep-alives.
//
// Ordering and ownership: a [Machine] belongs to one goroutine. Its owner carries out the
// actions in the order in which they are returned, calls [Machine.Tick] at
// [Machine.NextTimer], and answers each [Register] and each [Unregister] with exactly one of
// Response, Timeout and TransportError. It ends a request by 64*T1 = 32 s (RFC 3261 17.1.2.2);
// the machine takes longer silence for a time-out. A [State]
// of [Stopped] gives up what is pending: the owner drops it.
package account
