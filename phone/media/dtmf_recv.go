package media

import (
	"encoding/binary"
	"time"
)

// dtmfKeys are the keys by RFC 4733 event code (3.2, table 3).
const dtmfKeys = "0123456789*#ABCD"

const (
	// eventGone is how long after its last packet an event has ended when the
	// end was not seen: three packets of 20 ms and some jitter.
	eventGone = 100 * time.Millisecond
	// segment is close to the longest duration that one timestamp can tell;
	// a key held longer goes on under a new one (RFC 4733 2.5.1.3).
	segment = 0xffff - 0x1000
)

// dtmfReceiver finds key presses in telephone-event packets. A press is told
// by its RTP timestamp alone: the marker bit and the end bit may be missing.
type dtmfReceiver struct {
	known    bool
	event    byte
	ts       uint32
	duration uint16
	ended    bool
	at       time.Duration // of its last packet
}

// packet handles one payload. fresh is true for the first packet of a press,
// ok is false for a payload that is none.
func (d *dtmfReceiver) packet(payload []byte, ts uint32, now time.Duration) (key byte, duration uint16, fresh, ok bool) {
	if len(payload) < 4 {
		return 0, 0, false, false
	}
	event, end := payload[0], payload[1]&0x80 != 0
	duration = binary.BigEndian.Uint16(payload[2:])
	if int(event) >= len(dtmfKeys) {
		return 0, duration, false, true // hook flash, fax tones and the like
	}
	key = dtmfKeys[event]
	behind := d.known && int32(ts-d.ts) < 0
	switch {
	case d.known && ts == d.ts && event == d.event:
		d.duration = max(d.duration, duration)
		d.ended = d.ended || end
		d.at = now
		return key, duration, false, true
	case behind && now-d.at < time.Second:
		return key, duration, false, true // a straggler of an earlier press
	}
	fresh = !d.continues(event, ts, duration, now)
	*d = dtmfReceiver{known: true, event: event, ts: ts, duration: duration, ended: end, at: now}
	return key, duration, fresh, true
}

// continues reports whether a new timestamp belongs to the key already down:
// the next segment of a long press, or a sender that moves the timestamp on
// with every packet.
func (d *dtmfReceiver) continues(event byte, ts uint32, duration uint16, now time.Duration) bool {
	if !d.known || event != d.event || d.ended || now-d.at > eventGone {
		return false
	}
	moved := ts - d.ts
	nextSegment := d.duration > segment && moved >= uint32(d.duration) && moved <= 0xffff+0x1000
	moving := duration > d.duration && moved <= uint32(duration)
	return nextSegment || moving
}
