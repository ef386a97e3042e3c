package media

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/pion/rtp"

	"housephone/phone/jitter"
)

// Second bytes of RTCP packets on a shared port (RFC 5761 4).
const rtcpFirst, rtcpLast = 192, 223

// maxBuffer is the longest delay of the jitter buffer.
const maxBuffer = 200 * time.Millisecond

// receiver judges and orders the incoming packets of a stream.
type receiver struct {
	session *session // nil before the first Apply
	lock    sourceLock
	stats   recvStats
	buffer  *jitter.Buffer
	dtmf    dtmfReceiver
	report  heardReport
	packet  rtp.Packet
	kinded  []byte // kind and payload on their way to the buffer

	heardAny bool
	first    bool          // FirstPacket is still to be reported
	last     time.Duration // of the last accepted RTP or RTCP packet
	lastRTP  time.Duration
	quiet    bool // Silence has been reported

	rtcpFrom netip.AddrPort // where the far end's RTCP comes from

	packets, octets, foreign, unknownPT, malformed, unauthentic, keys uint64
}

// configure takes over the receiving half of a session.
func (r *receiver) configure(s *session, now time.Duration) {
	old := r.session
	r.session = s
	if r.buffer == nil {
		r.buffer = jitter.New(jitter.Config{ClockRate: s.Codec.ClockRate, MaxPayload: 1 + maxPayload, MaxDelay: maxBuffer})
	}
	if old != nil && old.in != nil && s.in != nil && old.in != s.in && old.Remote == s.Remote {
		s.in.follow(old.in, r.lock.ssrc, now)
	}
	moved := r.lock.expect(s.Remote, s.AnySource)
	if moved {
		r.first = true
		r.rtcpFrom = netip.AddrPort{}
	}
	if moved || old == nil || old.Codec != s.Codec || old.RecvPT != s.RecvPT || old.CNRecvPT != s.CNRecvPT {
		r.restart()
	}
	if old == nil || old.Receive != s.Receive {
		r.last, r.quiet = now, false
	}
}

// restart forgets the order and timing of the former source.
func (r *receiver) restart() {
	r.buffer.Reset(r.session.Codec.ClockRate)
	r.stats.restart(r.session.Codec.ClockRate)
	r.dtmf = dtmfReceiver{}
}

// rtp handles one packet of the RTP port. It returns what is to be reported;
// Kind 0 is nothing. A pair of events is possible: the first packet may be a
// key.
func (r *receiver) rtp(raw []byte, from netip.AddrPort, now time.Duration) (events [2]Event) {
	if r.session == nil || !r.lock.mayHear(from) {
		r.foreign++
		return events
	}
	s := r.session
	raw, ok := r.open(raw, now)
	if !ok {
		return events
	}
	p := &r.packet
	if err := p.Unmarshal(raw); err != nil || p.Version != 2 {
		r.malformed++
		return events
	}
	isDTMF := s.DTMFRecvPT >= 0 && int(p.PayloadType) == s.DTMFRecvPT
	isNoise := s.CNRecvPT != 0 && p.PayloadType == s.CNRecvPT
	if !isDTMF && !isNoise && p.PayloadType != s.RecvPT {
		r.unknownPT++
		return events
	}
	switch r.lock.accept(from, p.SSRC, p.SequenceNumber, now) {
	case foreign:
		r.foreign++
		return events
	case heardNew:
		r.restart()
	case heard:
	}
	r.packets++
	r.octets += uint64(len(p.Payload))
	r.heardAny, r.last, r.lastRTP, r.quiet = true, now, now, false
	r.stats.packet(p.SequenceNumber, p.Timestamp, now, !isDTMF)
	if r.first {
		r.first = false
		events[0] = Event{Kind: FirstPacket}
	}
	if !s.Receive {
		return events
	}
	switch {
	case isNoise:
		r.push(kindNoise, now)
		return events
	case !isDTMF:
		r.push(kindSound, now)
		return events
	}
	r.buffer.Push(p.SequenceNumber, p.Timestamp, nil, now)
	events[1] = r.key(now)
	return events
}

// push puts r.packet into the jitter buffer; an empty one only keeps its place.
func (r *receiver) push(kind byte, now time.Duration) {
	p := &r.packet
	switch {
	case len(p.Payload) > maxPayload:
		r.malformed++
	case len(p.Payload) == 0:
		r.buffer.Push(p.SequenceNumber, p.Timestamp, nil, now)
	default:
		r.kinded = append(append(r.kinded[:0], kind), p.Payload...)
		r.buffer.Push(p.SequenceNumber, p.Timestamp, r.kinded, now)
	}
}

// open gives an RTP packet in the clear. What is not authentic teaches nothing: neither
// address nor SSRC nor timing. It never ends the call.
func (r *receiver) open(raw []byte, now time.Duration) ([]byte, bool) {
	const version = 2 << 6
	switch {
	case r.session.in == nil:
		return raw, true
	case len(raw) < rtpHeaderSize || raw[0]&0xc0 != version:
		r.malformed++
		return nil, false
	}
	clear, ok := r.session.in.rtp(raw, now)
	if !ok {
		r.unauthentic++
	}
	return clear, ok
}

// key handles the telephone-event in r.packet.
func (r *receiver) key(now time.Duration) Event {
	key, duration, fresh, ok := r.dtmf.packet(r.packet.Payload, r.packet.Timestamp, now)
	if !ok {
		r.malformed++
	}
	if !fresh {
		return Event{}
	}
	r.keys++
	clock := time.Duration(r.session.DTMFClock)
	return Event{Kind: DTMF, Key: key, Duration: time.Duration(duration) * time.Second / clock}
}

// rtcp handles one packet of the RTCP port, or of a shared one; ours is our
// SSRC.
func (r *receiver) rtcp(raw []byte, from netip.AddrPort, ours uint32, now time.Duration) {
	s := r.session
	known := s != nil && (from.Addr() == r.lock.destination().Addr() || from.Addr() == s.RemoteRTCP.Addr())
	if !known {
		r.foreign++
		return
	}
	if s.in != nil {
		var ok bool
		if raw, ok = s.in.rtcp(raw, now); !ok {
			r.unauthentic++
			return
		}
	} else if from != s.RemoteRTCP && from != r.lock.destination() && !r.ofSource(raw) {
		r.foreign++ // another program on the far end's host
		return
	}
	if err := r.report.read(raw, ours, now); err != nil {
		r.malformed++
		return
	}
	r.rtcpFrom = from
	r.last, r.quiet = now, false
}

// ofSource tells whether the sender of a report is the one that is heard.
func (r *receiver) ofSource(raw []byte) bool {
	return len(raw) >= 8 && r.lock.known && binary.BigEndian.Uint32(raw[4:]) == r.lock.ssrc
}

// silence reports a far end that has become quiet.
func (r *receiver) silence(after, now time.Duration) (Event, bool) {
	since := now - r.last
	if r.session == nil || !r.session.Receive || r.quiet || after < 0 || since < after {
		return Event{}, false
	}
	r.quiet = true
	return Event{Kind: Silence, Duration: since}, true
}

// rtcpTo is where reports go: where the far end's come from, once known.
func (r *receiver) rtcpTo() netip.AddrPort {
	switch {
	case r.session.RTCPMux:
		return r.lock.destination()
	case r.rtcpFrom.IsValid():
		return r.rtcpFrom
	}
	return r.session.RemoteRTCP
}

// isRTCP tells RTCP from RTP on a shared port.
func isRTCP(raw []byte) bool {
	return len(raw) > 1 && raw[1] >= rtcpFirst && raw[1] <= rtcpLast
}
