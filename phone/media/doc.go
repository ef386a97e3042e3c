// Package media carries the sound of calls: RTP and RTCP (RFC 3550, 3551) with
// telephone-events (RFC 4733) for any number of calls.
//
// An [Engine] owns the ports and one pacer thread that sends and plays every
// frame of every [Stream] at its time. A stream is one call's pair of sockets.
// What offer and answer have agreed is a [Params] value; [Stream.Apply] swaps
// it in as a whole and may be called as often as there are new answers: SSRC,
// sequence numbers and timestamps go on.
//
// Order: Open, Apply, then sound flows while [Engine.Run] runs; Close ends a
// stream, and when it has returned no packet is sent and no source or sink is
// called any more. Events of a stream come in the order in which their packets
// came.
//
// Ownership: the pacer calls sources and sinks, which must not block and must
// not call the stream. One goroutine a socket receives. Nothing here waits for
// a slow reader: events and packets are dropped and counted instead.
//
// SRTP and SRTCP (RFC 3711, 6188, 7714) are on when [Params.SRTP] has keys. What
// is not authentic then teaches nothing and ends nothing; it is counted. Keys
// that stay the same go on with their counters, also over a hold.
//
// Comfort noise (RFC 3389) fills the far end's pauses, and ours are not sent,
// where it was agreed. RTCP carries VoIP metrics (RFC 3611) both ways.
//
// What arrives is untrusted: only packets of the negotiated address (or the
// address learnt under the rules of [Params.AnySource]) are heard; all else is
// counted (CVE-2025-53399).
//
// [Stream.Mapped] asks a STUN server how the ports are seen from outside of a NAT.
//
// Non-goals: SIP, SDP, mixing, which device the sound comes from.
package media
