package audio

import "io"

// Source gives sound.
type Source interface {
	// Read fills frame from its start and returns the number of samples
	// written. It never blocks; fewer than len(frame), also 0, means that
	// there is nothing more right now, and the caller uses silence instead.
	Read(frame []int16) int
}

// Sink takes sound.
type Sink interface {
	// Write takes the frame or drops it. It never blocks and keeps no
	// reference to frame.
	Write(frame []int16)
}

// SourceCloser is a source that holds something open. Close ends all that the
// source started; Read gives nothing afterwards.
type SourceCloser interface {
	Source
	io.Closer
}

// SinkCloser is a sink that holds something open. Close brings what was
// accepted to its destination and ends all that the sink started; Write drops
// everything afterwards.
type SinkCloser interface {
	Sink
	io.Closer
}

// Device is a place that sound comes from, goes to, or both.
type Device interface {
	// OpenSource opens the device for capture at rate Hz, or says
	// [ErrNoCapture] where it cannot.
	OpenSource(rate int) (SourceCloser, error)
	// OpenSink opens the device for playback at rate Hz, or says
	// [ErrNoPlayback] where it cannot.
	OpenSink(rate int) (SinkCloser, error)
	// String is the specification that the device was opened with.
	String() string
}

// SourceFunc makes a function a [Source].
type SourceFunc func(frame []int16) int

// Read calls f.
func (f SourceFunc) Read(frame []int16) int { return f(frame) }

// SinkFunc makes a function a [Sink].
type SinkFunc func(frame []int16)

// Write calls f.
func (f SinkFunc) Write(frame []int16) { f(frame) }
