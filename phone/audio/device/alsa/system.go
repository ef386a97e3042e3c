//go:build cgo && linux

package alsa

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/gen2brain/malgo"
)

// ErrBusy means that too many devices hang while they are being opened.
var ErrBusy = errors.New("alsa: too many devices hang")

// opening is how many devices may hang in the driver at a time.
const opening = 4

// System is ALSA. The first use loads libasound; it stays loaded.
type System struct {
	slots chan struct{}

	mu  sync.Mutex // guards what follows
	ctx *malgo.AllocatedContext
	err error
}

// New prepares the system and touches nothing.
func New() *System { return &System{slots: make(chan struct{}, opening)} }

// Device is a PCM of the system.
type Device struct {
	Name        string // as aplay -L and arecord -L have it
	Description string
	Capture     bool // else playback
}

// Devices lists what people choose from.
func (s *System) Devices(context.Context) ([]Device, error) {
	ctx, err := s.load()
	if err != nil {
		return nil, err
	}
	s.mu.Lock() // the library returns memory of the context
	defer s.mu.Unlock()
	var list []Device
	for _, kind := range []malgo.DeviceType{malgo.Capture, malgo.Playback} {
		found, err := ctx.Devices(kind)
		if err != nil {
			return nil, fmt.Errorf("alsa: list: %w", err)
		}
		for _, d := range found {
			if name := text(d.ID[:]); worth(name) {
				list = append(list, Device{Name: name, Description: d.Name(), Capture: kind == malgo.Capture})
			}
		}
	}
	return list, nil
}

// load brings libasound in.
func (s *System) load() (*malgo.AllocatedContext, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil && s.err == nil {
		quiet()
		cfg := malgo.ContextConfig{ThreadPriority: malgo.ThreadPriorityRealtime}
		cfg.Alsa.UseVerboseDeviceEnumeration = 1 // names as they are, not card numbers that change
		if s.ctx, s.err = malgo.InitContext([]malgo.Backend{malgo.BackendAlsa}, cfg, nil); s.err != nil {
			// The library could be installed meanwhile, but each try costs a little memory.
			s.err = fmt.Errorf("alsa: libasound.so.2: %w", s.err)
		}
	}
	return s.ctx, s.err
}

// text is the string in a C array.
func text(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}
