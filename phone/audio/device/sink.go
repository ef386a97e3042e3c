package device

import (
	"sync/atomic"
	"time"

	"housephone/phone/audio"
)

// Sink plays. It is what OpenSink of a sound device gives.
type Sink struct {
	stream
	buf    *buffer
	closed atomic.Bool
}

var _ audio.SinkCloser = (*Sink)(nil)

func newSink(d *device, rate int) *Sink {
	s := &Sink{buf: newBuffer(rate, sinceNow())}
	s.stream = stream{
		log: d.log.With("device", d.spec, "direction", "playback"), times: d.times, open: d.open,
		req: request{rate: rate},
		attach: func(device int) (func([]int16), error) {
			out, err := newOutlet(s.buf, device)
			if err != nil {
				return nil, err
			}
			return out.pull, nil
		},
	}
	s.run()
	return s
}

// Write takes the frame or, while the device does not, drops it and counts. It
// never blocks.
func (s *Sink) Write(frame []int16) {
	if !s.closed.Load() {
		s.buf.write(frame)
	}
}

// Close plays what was written, for at most a quarter of a second, and ends
// the playback. The error is [ErrHangs] when the driver does not end within a
// second.
func (s *Sink) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.drain()
	return s.end()
}

// drain waits until the sound has left the machine.
func (s *Sink) drain() {
	s.buf.flush.Store(true)
	deadline := time.Now().Add(s.times.drain)
	for s.buf.ring.fill() > 0 {
		if s.rate.Load() == 0 || time.Now().After(deadline) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	if s.rate.Load() != 0 && s.buf.reads.Load() > 0 {
		time.Sleep(min(time.Until(deadline), time.Duration(s.latency.Load())))
	}
}

// Stats tells how the playback goes.
func (s *Sink) Stats() Stats { return s.stats(s.buf) }
