//go:build cgo && linux

package device

import (
	"context"

	"housephone/phone/audio/device/alsa"
)

// systems are the sound systems of a build with cgo.
func systems() []system { return []system{newPulse(), alsaSystem{alsa.New()}} }

// alsaSystem is ALSA.
type alsaSystem struct{ *alsa.System }

var _ system = alsaSystem{}

func (alsaSystem) name() string { return "alsa" }

func (alsaSystem) knows(name string) bool { return alsa.Syntax(name) }

func (alsaSystem) awaited() bool { return false }

func (a alsaSystem) list(ctx context.Context) ([]Info, error) {
	found, err := a.Devices(ctx)
	if err != nil {
		return nil, err
	}
	var list []Info
	for _, d := range found {
		list = append(list, Info{
			Name: d.Name, Description: d.Description, Capture: d.Capture, Playback: !d.Capture, Default: d.Name == "default",
		})
	}
	return list, nil
}

func (a alsaSystem) open(ctx context.Context, r request) (session, error) {
	s, err := a.Open(ctx, r.name, r.capture)
	if err != nil {
		return nil, err
	}
	return s, nil
}
