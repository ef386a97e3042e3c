package speaker

import (
	"fmt"

	"housephone/phone/audio"
)

// capture is the microphone as calls see it.
type capture struct{ phone *Speakerphone }

// playback is the loudspeaker as calls see it.
type playback struct{ phone *Speakerphone }

var _, _ audio.Device = capture{}, playback{}

// OpenSource opens the microphone. It may take a second, where a self-test has
// to give the devices up first. The errors are those of the device.
func (d capture) OpenSource(rate int) (audio.SourceCloser, error) {
	s := d.phone
	if s.cfg.Capture == nil {
		return nil, fmt.Errorf("speakerphone: %w", audio.ErrNoCapture)
	}
	s.claim()
	inner, err := s.cfg.Capture.OpenSource(rate)
	if err != nil {
		s.release()
		return nil, err
	}
	src := newSource(s, inner, rate)
	s.addSource(src)
	return src, nil
}

// OpenSink says [audio.ErrNoPlayback].
func (d capture) OpenSink(int) (audio.SinkCloser, error) {
	return nil, fmt.Errorf("open %s: %w", d, audio.ErrNoPlayback)
}

// String is the specification of the device behind.
func (d capture) String() string { return name(d.phone.cfg.Capture) }

// OpenSink opens the loudspeaker, as OpenSource does the microphone.
func (d playback) OpenSink(rate int) (audio.SinkCloser, error) {
	s := d.phone
	if s.cfg.Playback == nil {
		return nil, fmt.Errorf("speakerphone: %w", audio.ErrNoPlayback)
	}
	s.claim()
	inner, err := s.cfg.Playback.OpenSink(rate)
	if err != nil {
		s.release()
		return nil, err
	}
	k := &sink{phone: s, inner: inner, rate: rate}
	s.addSink(k)
	return k, nil
}

// OpenSource says [audio.ErrNoCapture].
func (d playback) OpenSource(int) (audio.SourceCloser, error) {
	return nil, fmt.Errorf("open %s: %w", d, audio.ErrNoCapture)
}

// String is the specification of the device behind.
func (d playback) String() string { return name(d.phone.cfg.Playback) }

func name(d audio.Device) string {
	if d == nil {
		return "none"
	}
	return d.String()
}
