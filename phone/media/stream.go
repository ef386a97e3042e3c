package media

import "housephone/phone/audio"

// Stream is the media of one call.
type Stream struct{}

// LocalPort is the RTP port.
func (s *Stream) LocalPort() int { return 0 }

// Apply puts a new offer/answer into force.
func (s *Stream) Apply(Params) error { return ErrClosed }

// SetSource replaces where sent sound comes from; nil sends silence.
func (s *Stream) SetSource(audio.Source) {}

// SetSink replaces where received sound goes; nil drops it.
func (s *Stream) SetSink(audio.Sink) {}

// SetMute sends silence instead of the source.
func (s *Stream) SetMute(bool) {}

// SetVolume sets the volume step of received sound, 0 (off) to 20.
func (s *Stream) SetVolume(int) {}

// SendDTMF queues keys as RFC 4733 events.
func (s *Stream) SendDTMF(string, func()) error { return ErrNoTelephoneEvent }

// Events are the stream's events, closed by Close.
func (s *Stream) Events() <-chan Event { return nil }

// Stats is the record so far.
func (s *Stream) Stats() Stats { return Stats{} }

// Close ends the stream.
func (s *Stream) Close() {}
