package media

import (
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/pion/rtp"

	"housephone/phone/audio"
	"housephone/phone/codec"
	"housephone/phone/sdes"
)

const (
	rtpHeaderSize = 12
	maxPacket     = 1500 // bytes of an outgoing packet
	reserved      = 64   // of these for what encryption appends
)

// sender makes the outgoing packets of a stream. SSRC, sequence number and
// timestamp go on for as long as the stream lives.
type sender struct {
	socket *socket
	source audio.Source
	muted  bool
	dtmf   dtmfSender
	pauses pauses

	encoder codec.Encoder
	pcm     []int16
	step    uint32 // timestamp units of a frame

	out     *protector
	spent   []sdes.Key     // keys in use before
	to      netip.AddrPort // negotiated
	wraps   uint32         // of the sequence number
	began   uint32         // wraps when the roll-over counter was 0
	reports uint32         // RTCP packets
	header  rtp.Header
	marker  bool             // the next sound packet starts a talk spurt
	packet  *[maxPacket]byte // the pacer's, for one packet at a time

	// Read by Stats without a lock, written under the stream's.
	packets, octets, fails, keys, skipped atomic.Uint64
	reported                              uint64 // packets at the last report
}

// configure takes over the sending half of a session.
func (t *sender) configure(s *session) {
	t.encoder = s.encoder
	if len(t.pcm) != s.samples {
		t.pcm = make([]int16, s.samples)
	}
	t.step = s.Codec.Timestamps(s.Ptime)
	t.secure(s)
	t.to = s.Remote
}

// secure takes over the cipher. With a new key the roll-over counter goes on (RFC 3711
// 3.3.1), but for a new far end, which cannot know it (RFC 4568 7.1.4). It never goes back
// under a key that was in use before: two packets under one counter give both away.
func (t *sender) secure(s *session) {
	const most = 16
	if s.out == t.out {
		return
	}
	former := t.out
	if former != nil {
		t.spent = append(t.spent[max(len(t.spent)-most+1, 0):], former.key)
	}
	if t.out = s.out; t.out == nil {
		return
	}
	switch {
	case slices.Contains(t.spent, t.out.key):
		t.began = 0
	case former == nil || s.Remote != t.to:
		t.began = t.wraps
	}
	t.out.context.SetROC(t.header.SSRC, t.wraps-t.began)
	t.out.context.SetIndex(t.header.SSRC, t.reports)
}

// frame sends what is due now to the given address.
func (t *sender) frame(s *session, to netip.AddrPort) (done func()) {
	defer t.advance(1)
	if !s.Send {
		t.marker, t.pauses = true, pauses{}
		return nil
	}
	keys := t.dtmf.busy()
	t.read(keys || t.muted)
	if keys {
		t.pauses = pauses{}
		event, ok, done := t.dtmf.next(t.header.Timestamp, s.timing)
		if ok {
			t.event(event, s, to)
			return done
		}
		t.sound(s, to)
		return done
	}
	if s.CNSendPT == 0 {
		t.sound(s, to)
		return nil
	}
	switch paused, describe := t.pauses.frame(t.pcm, s.Ptime); {
	case describe:
		t.comfort(s, to)
	case !paused:
		t.sound(s, to)
	}
	return nil
}

// comfort sends a description of the noise in place of sound.
func (t *sender) comfort(s *session, to netip.AddrPort) {
	n := t.pauses.noise.Payload(t.packet[rtpHeaderSize : maxPacket-reserved])
	t.header.PayloadType = s.CNSendPT
	t.header.Marker = false
	t.marker = true // of the sound behind the pause (RFC 3551 4.1)
	t.write(n, to)
}

// read takes one frame from the source, also when it will not be heard, so
// that the source stays in step.
func (t *sender) read(silent bool) {
	n := 0
	if t.source != nil {
		n = min(max(t.source.Read(t.pcm), 0), len(t.pcm))
	}
	if silent {
		n = 0
	}
	clear(t.pcm[n:])
}

func (t *sender) sound(s *session, to netip.AddrPort) {
	n := t.encoder.Encode(t.packet[rtpHeaderSize:maxPacket-reserved], t.pcm)
	if n == 0 {
		return // the encoder has nothing to say
	}
	t.header.PayloadType = s.SendPT
	t.header.Marker = t.marker
	t.marker = false
	t.write(n, to)
}

func (t *sender) event(e eventPacket, s *session, to netip.AddrPort) {
	payload := e.payload()
	n := copy(t.packet[rtpHeaderSize:], payload[:])
	now := t.header.Timestamp
	t.header.PayloadType = uint8(s.DTMFSendPT)
	t.header.Marker = e.marker
	t.header.Timestamp = e.timestamp
	t.write(n, to)
	t.header.Timestamp = now
	if e.marker {
		t.keys.Add(1)
	}
}

// write sends the packet with n bytes of payload.
func (t *sender) write(n int, to netip.AddrPort) {
	t.header.Version = 2
	if _, err := t.header.MarshalTo(t.packet[:]); err != nil {
		t.fails.Add(1)
		return
	}
	if t.header.SequenceNumber++; t.header.SequenceNumber == 0 {
		t.wraps++
	}
	raw := t.packet[:rtpHeaderSize+n]
	if t.out != nil {
		var err error
		if raw, err = t.out.rtp(t.packet[:], len(raw)); err != nil {
			t.fails.Add(1)
			return
		}
	}
	if err := t.socket.send(raw, to); err != nil {
		t.fails.Add(1)
		return
	}
	t.packets.Add(1)
	t.octets.Add(uint64(n))
}

// advance moves the timestamp on by whole frames.
func (t *sender) advance(frames int) { t.header.Timestamp += t.step * uint32(frames) }
