package device

import (
	"context"
	"errors"
	"os"

	"housephone/phone/audio/device/pulse"
)

// pulseSystem is PulseAudio, or PipeWire in its place.
type pulseSystem struct{ getenv func(string) string }

var _ system = pulseSystem{}

func newPulse() system { return pulseSystem{os.Getenv} }

func (pulseSystem) name() string { return "pulse" }

func (pulseSystem) knows(string) bool { return false }

func (p pulseSystem) awaited() bool { return pulse.Configured(p.getenv) }

func (p pulseSystem) list(ctx context.Context) ([]Info, error) {
	found, err := pulse.Devices(ctx, p.getenv)
	if errors.Is(err, pulse.ErrNoServer) && !p.awaited() {
		return nil, nil // not every machine has one
	}
	if err != nil {
		return nil, err
	}
	var list []Info
	for _, d := range found {
		list = append(list, Info{
			Name: d.Name, Description: d.Description, Capture: d.Capture, Playback: !d.Capture, Default: d.Default,
		})
	}
	return list, nil
}

func (p pulseSystem) open(ctx context.Context, r request) (session, error) {
	s, err := pulse.Open(ctx, p.getenv, r.name, r.capture, r.rate)
	if err != nil {
		return nil, err
	}
	return s, nil
}
