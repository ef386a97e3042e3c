// Package sdp is offer and answer (RFC 3264) for one audio stream: what we can do goes
// in, session descriptions (RFC 8866) and the agreed Media come out.
//
// Goals: answer what real phones, switches and door stations send, also when it is not
// quite by the book; say little ourselves (one codec and telephone-event in an answer,
// short offers); keep the rules that other ends check: every m-line answered in its
// place, mirrored direction, payload types that never change their meaning, a version
// in o= that grows by one with each change and only then.
//
// SRTP keys are those of RFC 4568, one fresh key for each direction; the same far key at
// the same addresses keeps ours, so that a session refresh or a hold changes nothing.
//
// Non-goals: video, DTLS-SRTP, ICE and BUNDLE. Such lines and attributes are read over;
// lines are refused with port 0, so that the far end's audio still works.
//
// Reading is by a tolerant reader of our own, since the parser of pion/sdp insists on
// the order of lines and on known media and profiles, and so refuses for example fax
// (m=image). Model and printing are pion's.
//
// A Session is the state of one dialog and is not safe for concurrent use: the
// goroutine that owns the dialog owns it. Nothing here blocks, knows time or logs. A
// call that gives an error has changed nothing.
package sdp
