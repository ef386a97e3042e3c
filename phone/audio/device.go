package audio

import (
	"fmt"
	"strconv"
	"strings"
)

// Driver opens the devices of one sound system. Drivers are passed to [Open];
// there is no global list.
type Driver interface {
	// Open finds a device by name; "default" is the system's own choice. It
	// says [ErrNoDevice] when it does not know the name.
	Open(name string) (Device, error)
}

// Open makes the device of a specification as AUDIO_CAPTURE and
// AUDIO_PLAYBACK have it:
//
//	none        gives and takes nothing
//	tone:440    capture: a sine of 440 Hz at -12 dBFS
//	file:PATH   capture: the WAV file in a loop; playback: writes a WAV file
//	default     the first driver's default device
//	NAME        the first driver that knows the name
//
// Files are opened later, by OpenSource and OpenSink.
func Open(spec string, drivers ...Driver) (Device, error) {
	kind, arg, _ := strings.Cut(spec, ":")
	switch kind {
	case "":
		return nil, fmt.Errorf("sound device %q: %w", spec, ErrSpec)
	case "none":
		if spec == "none" {
			return none{}, nil
		}
	case "tone":
		hz, err := strconv.ParseFloat(arg, 64)
		if err != nil || !(hz >= 20 && hz <= 20000) {
			return nil, fmt.Errorf("sound device %q: tone from 20 to 20000 Hz: %w", spec, ErrSpec)
		}
		return toneDevice{spec: spec, hz: hz}, nil
	case "file":
		if arg == "" {
			return nil, fmt.Errorf("sound device %q: no path: %w", spec, ErrSpec)
		}
		return fileDevice{path: arg}, nil
	}
	for _, d := range drivers {
		if dev, err := d.Open(spec); err == nil {
			return dev, nil
		}
	}
	return nil, fmt.Errorf("sound device %q: %w", spec, ErrNoDevice)
}

// none is the device without sound.
type none struct{}

func (none) OpenSource(int) (SourceCloser, error) { return none{}, nil }
func (none) OpenSink(int) (SinkCloser, error)     { return none{}, nil }
func (none) String() string                       { return "none" }
func (none) Read([]int16) int                     { return 0 }
func (none) Write([]int16)                        {}
func (none) Close() error                         { return nil }

type toneDevice struct {
	spec string
	hz   float64
}

func (d toneDevice) OpenSource(rate int) (SourceCloser, error) {
	t, err := NewTone(rate, -12, d.hz)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", d.spec, err)
	}
	return toneSource{t}, nil
}

func (d toneDevice) OpenSink(int) (SinkCloser, error) {
	return nil, fmt.Errorf("open %s: %w", d.spec, ErrNoPlayback)
}

func (d toneDevice) String() string { return d.spec }

type toneSource struct{ *Tone }

func (toneSource) Close() error { return nil }
