//go:build cgo && linux

package alsa

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"
	"unsafe"

	"github.com/gen2brain/malgo"
)

const (
	period  = 10 * time.Millisecond
	periods = 3
)

// ErrEnded means that the device has gone.
var ErrEnded = errors.New("alsa: device has gone")

// Stream is an open device.
type Stream struct {
	dev     *malgo.Device
	capture bool
	rate    int
	f       func(pcm []int16)
	pace    pace

	done chan struct{}
	end  sync.Once // of done
	gone sync.Once // of dev
}

// Open opens a device for capture or playback; an empty name is ALSA's default.
// It may wait for another program that holds the device, whatever ctx says.
func (s *System) Open(ctx context.Context, name string, capture bool) (*Stream, error) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		return nil, ErrBusy
	}
	library, err := s.load()
	if err != nil {
		return nil, err
	}
	st := &Stream{capture: capture, done: make(chan struct{})}
	var id malgo.DeviceID
	if len(name) >= len(id) {
		return nil, fmt.Errorf("alsa: name of %d bytes: %w", len(name), malgo.ErrNameTooLong)
	}
	copy(id[:], name)
	var pin runtime.Pinner // the configuration holds a pointer to the name
	pin.Pin(&id)
	defer pin.Unpin()
	st.dev, err = malgo.InitDevice(library.Context, config(&id, name != "", capture), malgo.DeviceCallbacks{Data: st.data, Stop: st.stopped})
	if err != nil {
		return nil, fmt.Errorf("alsa: open: %w", err)
	}
	st.rate = int(st.dev.SampleRate())
	if err := ctx.Err(); err != nil {
		_ = st.Close()
		return nil, err
	}
	return st, nil
}

func config(id *malgo.DeviceID, named, capture bool) malgo.DeviceConfig {
	kind := malgo.Playback
	if capture {
		kind = malgo.Capture
	}
	cfg := malgo.DefaultDeviceConfig(kind)
	cfg.SampleRate = 0          // what the hardware has: converting is done better elsewhere
	cfg.Alsa.NoAutoResample = 1 // so that plughw tells what the hardware has
	cfg.PeriodSizeInMilliseconds = uint32(period.Milliseconds())
	cfg.Periods = periods
	side := &cfg.Playback
	if capture {
		side = &cfg.Capture
	}
	side.Format, side.Channels = malgo.FormatS16, 1
	if named {
		side.DeviceID = unsafe.Pointer(id)
	}
	return cfg
}

// Rate is the rate of the hardware.
func (s *Stream) Rate() int { return s.rate }

// Latency is the sound inside the device, as asked for.
func (s *Stream) Latency() time.Duration {
	if s.capture {
		return period
	}
	return periods * period
}

// Start begins the stream: f gets samples that were recorded, or a slice to fill.
func (s *Stream) Start(f func(pcm []int16)) error {
	s.f = f
	if err := s.dev.Start(); err != nil {
		return fmt.Errorf("alsa: start: %w", err)
	}
	return nil
}

// Done is closed when the device has stopped.
func (s *Stream) Done() <-chan struct{} { return s.done }

// Err says why.
func (s *Stream) Err() error { return ErrEnded }

// Close ends the stream.
func (s *Stream) Close() error {
	s.gone.Do(s.dev.Uninit)
	s.stopped()
	return nil
}

// data is called by miniaudio's thread.
func (s *Stream) data(out, in []byte, _ uint32) {
	b := out
	if s.capture {
		b = in
	}
	if len(b) < 2 {
		return
	}
	pcm := unsafe.Slice((*int16)(unsafe.Pointer(&b[0])), len(b)/2) // samples are in the machine's byte order
	s.f(pcm)
	if d := s.pace.wait(time.Now(), time.Duration(len(pcm))*time.Second/time.Duration(s.rate)); d > 0 {
		select {
		case <-s.done:
		case <-time.After(d):
		}
	}
}

func (s *Stream) stopped() { s.end.Do(func() { close(s.done) }) }
