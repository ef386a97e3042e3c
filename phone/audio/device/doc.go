// Package device opens the sound devices of the machine: PulseAudio and
// PipeWire by their native protocol, ALSA (in builds with cgo) by the system's
// libasound, which is loaded when the first device is opened.
//
// A device is opened when a call needs it, by OpenSource and OpenSink, in a
// goroutine of the opened source or sink: neither call waits for hardware. While
// the device is missing, busy or unplugged the source gives silence and the sink
// drops; one warning tells it, and every second another try is made until the
// device is back. Close ends everything, within a second even when a driver
// hangs.
//
// Between the device's thread and the media thread stands a short buffer
// without locks. It holds no more than the two threads' pieces of sound ask for at
// any phase, and 4 ms; more while the machine is too busy for that. It is kept at its
// level by a slow change of the rate (some parts in a million), which takes up the
// difference between the clock of the card and that of the network. Sound in
// other rates is converted.
//
// One goroutine at a time reads a source or writes a sink; Close and Stats may
// be called by any.
//
// Names: "pulse:NAME" and "alsa:NAME" choose the system and are taken on trust,
// so that a device may be plugged in later. A bare NAME must be there. "default"
// is the sound server's choice, or ALSA's where no server runs. [List] gives
// the names.
//
// Non-goals: volume, mixing, echo cancellation, stereo.
package device
