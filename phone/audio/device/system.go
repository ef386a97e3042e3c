package device

import (
	"context"
	"time"
)

// system is a sound system, such as PulseAudio.
type system interface {
	// name is the prefix of its devices' names.
	name() string
	// list names its devices. It is quick where the system is not there.
	list(ctx context.Context) ([]Info, error)
	// knows tells whether the name is one of its devices without a look at
	// what is plugged in.
	knows(name string) bool
	// awaited tells whether the system is meant to be there even if it cannot
	// be asked now.
	awaited() bool
	// open gets a device ready; an empty name is the default one.
	open(ctx context.Context, r request) (session, error)
}

// request is what a source or sink wants of a system.
type request struct {
	name    string
	capture bool
	rate    int // wanted; the session says what it got
}

// session is a device that is open.
type session interface {
	// Rate is the rate of its samples in Hz.
	Rate() int
	// Latency is the sound on its way inside the device.
	Latency() time.Duration
	// Start begins the flow: f gets samples, or fills them, in a thread of
	// the session.
	Start(f func(pcm []int16)) error
	// Done is closed when a started session has ended by itself or by Close.
	Done() <-chan struct{}
	// Err says why, once Done is closed.
	Err() error
	// Close ends the session; f is not called afterwards.
	Close() error
}
