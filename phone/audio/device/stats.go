package device

import "time"

// Stats are the figures of an opened source or sink since it was opened.
type Stats struct {
	Open     bool          // the device is open now
	Rate     int           // of the device in Hz, 0 while it is not open
	Losses   int           // times the device was lost
	Dry      int           // times the buffer had nothing: a gap was heard
	Dropped  int           // samples thrown away, at the rate of the call
	Buffered time.Duration // sound in the buffer now
	Device   time.Duration // sound inside the device, as it says
	PPM      float64       // correction of the clock, parts in a million
}

func (s *stream) stats(b *buffer) Stats {
	rate := s.rate.Load()
	return Stats{
		Open: rate != 0, Rate: int(rate), Losses: int(s.losses.Load()),
		Dry: int(b.dry.Load()), Dropped: int(b.dropped.Load()),
		Buffered: time.Duration(float64(max(0, b.ring.fill())) / b.rate * float64(time.Second)),
		Device:   time.Duration(s.latency.Load()), PPM: b.correction(),
	}
}
