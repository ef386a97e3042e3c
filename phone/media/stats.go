package media

import (
	"net/netip"
	"time"
)

// Stats is a stream's count of everything since it was opened.
type Stats struct {
	Codec  string         // encoding name in force, "" before the first Apply
	Remote netip.AddrPort // where RTP goes now

	Sent      uint64 // RTP packets
	SentBytes uint64 // payload bytes
	SendFails uint64 // packets that the network refused
	Skipped   uint64 // frames left out because the machine was late

	Received      uint64  // accepted RTP packets, telephone-events included
	ReceivedBytes uint64  // payload bytes
	Lost          int64   // missing sequence numbers, duplicates do not make up for them
	LossPercent   float64 // lost of expected, 0 to 100
	JitterMS      float64 // inter-arrival jitter (RFC 3550 A.8)
	RTTMS         float64 // round trip by RTCP, 0 while unknown
	BufferMS      float64 // current delay of the jitter buffer
	MOS           float64 // 1 to 4.5 by the E-model, 0 before anything arrived
	ClockPPM      float64 // far clock against ours, known after 10 s

	RemoteReports     uint64  // of the far end on our packets, by RTCP; what follows is known from 1 on
	RemoteMOS         float64 // of our sound as the far end judges it (RFC 3611), 0 while unknown
	RemoteLossPercent float64 // our packets lost, as the far end reports
	RemoteJitterMS    float64 // jitter of our packets, as the far end reports

	Late, Duplicates, Reordered uint64 // packets too late to be played, twice, out of order
	Concealed                   uint64 // frames filled in for missing packets
	Foreign                     uint64 // packets of other senders, of those not yet learnt, or before Apply; dropped
	UnknownPT                   uint64 // payload types not negotiated, dropped
	Malformed                   uint64 // not RTP or RTCP, dropped
	AuthFailed                  uint64 // forged, damaged or repeated under SRTP, RTCP included; dropped
	DroppedEvents               uint64 // events nobody read
	Panics                      uint64 // failures of sources and sinks that were caught

	DTMFSent, DTMFReceived uint64 // keys

	LastPacket time.Duration // since the last accepted packet, -1 when there was none
}

// EngineStats is the pacer's own record.
type EngineStats struct {
	Streams  int           // open now
	Frames   uint64        // frames handled in time or late
	Skipped  uint64        // frames left out because the machine was late
	Late     uint64        // frames handled more than 1 ms after their time
	LateMax  time.Duration // worst of them
	LateSum  time.Duration // of all frames
	Lateness [8]uint64     // frames by lateness: up to each of [LatenessBounds], and above
}

// LatenessBounds are the upper bounds of EngineStats.Lateness but for the last.
func LatenessBounds() [7]time.Duration {
	const us, ms = time.Microsecond, time.Millisecond
	return [...]time.Duration{100 * us, 200 * us, 500 * us, ms, 2 * ms, 5 * ms, 10 * ms}
}
