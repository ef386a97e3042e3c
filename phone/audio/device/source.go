package device

import (
	"sync/atomic"

	"housephone/phone/audio"
)

// Source captures. It is what OpenSource of a sound device gives.
type Source struct {
	stream
	buf    *buffer
	closed atomic.Bool
}

var _ audio.SourceCloser = (*Source)(nil)

func newSource(d *device, rate int) *Source {
	s := &Source{buf: newBuffer(rate, sinceNow())}
	s.stream = stream{
		log: d.log.With("device", d.spec, "direction", "capture"), times: d.times, open: d.open,
		req: request{capture: true, rate: rate},
		attach: func(device int) (func([]int16), error) {
			in, err := newInlet(s.buf, device)
			if err != nil {
				return nil, err
			}
			return in.push, nil
		},
	}
	s.run()
	return s
}

// Read gives what the device has recorded; it never blocks. Less than the
// frame means that there is no more, so silence.
func (s *Source) Read(frame []int16) int {
	if s.closed.Load() {
		return 0
	}
	return s.buf.read(frame)
}

// Close ends the capture. The error is [ErrHangs] when the driver does not end
// within a second.
func (s *Source) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	return s.end()
}

// DeviceName is what the sound server calls the device that records, also for "default"; "" while that is not known.
func (s *Source) DeviceName() string {
	if name := s.device.Load(); name != nil {
		return *name
	}
	return ""
}

// Stats tells how the capture goes.
func (s *Source) Stats() Stats { return s.stats(s.buf) }
