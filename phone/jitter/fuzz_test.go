package jitter

import (
	"encoding/binary"
	"testing"
	"time"
)

// FuzzBuffer plays any sequence of arrivals and turns and holds the buffer to
// its accounts: every packet has one fate, and what is played is what came.
func FuzzBuffer(f *testing.F) {
	f.Add([]byte{0, 1, 0, 2, 1, 0, 3, 1, 0, 4, 1})
	f.Add([]byte{2, 0xff, 0xff, 5, 0, 1, 1, 1, 2, 0x80, 0, 0, 0, 3})
	f.Fuzz(func(t *testing.T, script []byte) {
		b := New(Config{Slots: 8, MaxPayload: 8})
		var now time.Duration
		var seq uint16
		var last Frame
		resyncs, have := uint64(0), false
		for len(script) > 0 {
			op, arg := script[0], uint16(0)
			script = script[1:]
			if len(script) >= 2 && op&4 != 0 {
				arg, script = binary.BigEndian.Uint16(script), script[2:]
			}
			now += time.Duration(op>>3) * time.Millisecond
			switch op & 3 {
			case 0, 1:
				seq = seq + 1 + arg
				payload := make([]byte, 8)[:8-4*int(op&1)]
				binary.BigEndian.PutUint16(payload, seq)
				b.Push(seq, uint32(seq)*160+uint32(arg), payload, now)
			case 2:
				b.Push(seq-arg, uint32(seq-arg)*160, nil, now)
			case 3:
				frame, state := b.Pop(now)
				if state != OK {
					break
				}
				if got := binary.BigEndian.Uint16(frame.Payload); got != frame.Seq {
					t.Fatalf("payload of %d under number %d", got, frame.Seq)
				}
				if have && b.stats.Resyncs == resyncs && int16(frame.Seq-last.Seq) <= 0 {
					t.Fatalf("%d played after %d", frame.Seq, last.Seq)
				}
				last, have, resyncs = frame, true, b.stats.Resyncs
			}
			s := b.Stats()
			if sum := s.Played + s.Late + s.Duplicates + s.Refused + s.Discarded + s.Skipped + uint64(s.Held); sum != s.Pushed {
				t.Fatalf("%d packets pushed, %d accounted for: %+v", s.Pushed, sum, s)
			}
			if s.Held < 0 || s.Held > 8 || s.Target < 20*time.Millisecond || s.Target > 200*time.Millisecond {
				t.Fatalf("out of bounds: %+v", s)
			}
		}
	})
}
