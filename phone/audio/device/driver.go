package device

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"housephone/phone/audio"
)

// Drivers are the sound systems of this build, for [audio.Open]. Nothing is
// opened or loaded by it. Lost devices and their return go to the log.
func Drivers(log *slog.Logger) []audio.Driver { return []audio.Driver{newDriver(log, systems())} }

// Open makes the device of a specification as [audio.Open] does, with all
// drivers of this build; where the device is not known the error is an
// [*UnknownError] that names those that are there.
func Open(spec string, log *slog.Logger) (audio.Device, error) {
	d := newDriver(log, systems())
	dev, err := audio.Open(spec, d)
	if errors.Is(err, audio.ErrNoDevice) {
		// audio.Open does not pass on what the drivers say.
		return d.Open(spec)
	}
	return dev, err
}

// driver finds devices in several sound systems.
type driver struct {
	log     *slog.Logger
	systems []system
}

func newDriver(log *slog.Logger, from []system) driver {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return driver{log: log, systems: from}
}

var _ audio.Driver = driver{}

// Open finds a device by name; see the package's words on names.
func (d driver) Open(name string) (audio.Device, error) {
	dev := &device{spec: name, log: d.log, times: defaultTimes(), capture: true, playback: true}
	if name == "default" {
		dev.open = d.openDefault
		return dev, nil
	}
	prefix, rest, explicit := strings.Cut(name, ":")
	for _, s := range d.systems {
		switch {
		case prefix == s.name() && explicit:
			return dev.of(s, rest), nil
		case name == s.name():
			return dev.of(s, ""), nil
		case s.knows(name):
			return dev.of(s, name), nil
		}
	}
	return d.look(dev)
}

// look searches for a bare name among the devices that are there. Where a
// sound server is configured but does not answer, the name is taken to be its.
func (d driver) look(dev *device) (audio.Device, error) {
	ctx, cancel := context.WithTimeout(context.Background(), listTime)
	defer cancel()
	unknown := &UnknownError{Name: dev.spec}
	var awaited system
	for _, s := range d.systems {
		found, err := s.list(ctx)
		if err != nil {
			unknown.Faults = append(unknown.Faults, err)
			if awaited == nil && s.awaited() {
				awaited = s
			}
		}
		known := merge(s.name(), found)
		for _, info := range known {
			if info.Name == s.name()+":"+dev.spec {
				dev.capture, dev.playback = info.Capture, info.Playback
				return dev.of(s, dev.spec), nil
			}
		}
		unknown.Known = append(unknown.Known, known...)
	}
	if awaited != nil {
		return dev.of(awaited, dev.spec), nil
	}
	return nil, unknown
}

// openDefault opens the default device of the first system that has one.
func (d driver) openDefault(ctx context.Context, r request) (session, error) {
	var faults []error
	for _, s := range d.systems {
		ses, err := s.open(ctx, r)
		if err == nil {
			return ses, nil
		}
		faults = append(faults, err)
		if s.awaited() {
			break // what runs instead would keep the call when the system is there
		}
	}
	return nil, errors.Join(faults...)
}

// device is a name that streams can be opened by.
type device struct {
	spec              string
	log               *slog.Logger
	times             times
	capture, playback bool
	open              opener
}

// opener gets a session of a device.
type opener func(ctx context.Context, r request) (session, error)

var _ audio.Device = (*device)(nil)

// of makes the device one of a system; an empty name or "default" is the
// system's own choice.
func (d *device) of(s system, name string) *device {
	if name == "default" {
		name = ""
	}
	d.open = func(ctx context.Context, r request) (session, error) {
		r.name = name
		return s.open(ctx, r)
	}
	return d
}

// OpenSource begins to capture at rate Hz, 4000 to 192000.
func (d *device) OpenSource(rate int) (audio.SourceCloser, error) {
	if !d.capture {
		return nil, fmt.Errorf("%s: %w", d.spec, audio.ErrNoCapture)
	}
	if err := checkRate(rate); err != nil {
		return nil, fmt.Errorf("%s: %w", d.spec, err)
	}
	return newSource(d, rate), nil
}

// OpenSink begins to play at rate Hz, 4000 to 192000.
func (d *device) OpenSink(rate int) (audio.SinkCloser, error) {
	if !d.playback {
		return nil, fmt.Errorf("%s: %w", d.spec, audio.ErrNoPlayback)
	}
	if err := checkRate(rate); err != nil {
		return nil, fmt.Errorf("%s: %w", d.spec, err)
	}
	return newSink(d, rate), nil
}

// String is the specification.
func (d *device) String() string { return d.spec }

func checkRate(rate int) error {
	if rate < 4000 || rate > 192000 {
		return fmt.Errorf("%d Hz: %w", rate, audio.ErrRate)
	}
	return nil
}
