package ringer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"housephone/phone/audio"
	"housephone/phone/audio/tones"
)

// ErrConfig means that a [Config] cannot be used.
var ErrConfig = errors.New("ringer configuration")

// Config says what rings where. Its zero value makes no sound.
type Config struct {
	Device  audio.Device // loudspeaker; nil = none
	Country string       // of the call progress tones, as in [tones.Countries]; "" = itu
	// RingFile is a WAV file that rings in place of the built-in tone, from its
	// first minute round and round; "" = none.
	RingFile string
	Volume   int // 1 to 20 as in [audio.VolumeGain]; 0 = 20
	Rate     int // Hz at which the device is opened, 8000 to 48000; 0 = 16000
	// KeyEvery is the time from one key that is sent to the next; 0 = 260 ms.
	KeyEvery time.Duration
	Log      *slog.Logger
}

func (c *Config) setDefaults() {
	if c.Volume == 0 {
		c.Volume = audio.MaxVolume
	}
	if c.Rate == 0 {
		c.Rate = 16000
	}
	if c.KeyEvery == 0 {
		c.KeyEvery = 260 * time.Millisecond
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

func (c *Config) validate() error {
	if _, err := tones.Progress(c.Country, tones.Busy); err != nil {
		return fmt.Errorf("%w: tones of %q: want one of %v", ErrConfig, c.Country, tones.Countries())
	}
	if c.Volume < 1 || c.Volume > audio.MaxVolume {
		return fmt.Errorf("%w: volume %d: want 1 to %d", ErrConfig, c.Volume, audio.MaxVolume)
	}
	if c.Rate < 8000 || c.Rate > 48000 {
		return fmt.Errorf("%w: rate %d Hz: want 8000 to 48000", ErrConfig, c.Rate)
	}
	return nil
}

// Ringer plays what the state of the line asks for.
type Ringer struct {
	cfg    Config
	volume atomic.Int32
	kick   chan struct{}

	mu      sync.Mutex // guards following; held for no longer than a look
	machine Machine
	sinks   []*sharedSink // open loudspeakers of calls
	let     chan struct{} // closed when the device is let go; nil = it is not open
}

// New returns a Ringer; nothing is opened before Run. The error is [ErrConfig].
func New(cfg Config) (*Ringer, error) {
	cfg.setDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	r := &Ringer{cfg: cfg, kick: make(chan struct{}, 1)}
	r.SetVolume(cfg.Volume)
	return r, nil
}

// SetVolume sets how loud everything is: 0 is off, 1 to 20 as in
// [audio.VolumeGain]. It counts from the next frame on.
func (r *Ringer) SetVolume(step int) {
	r.volume.Store(int32(min(max(step, 0), audio.MaxVolume)))
}

// Show tells the state of the line. It never waits.
func (r *Ringer) Show(s State) {
	r.mu.Lock()
	r.machine.Show(s, time.Now())
	r.mu.Unlock()
	r.wake()
}

// Keys beeps as the keys 0-9 * # A-D do that are sent one after the other, ',' being half a second of pause; others are
// silent. Without a call's loudspeaker the last is heard alone. It never waits.
func (r *Ringer) Keys(keys string) {
	r.mu.Lock()
	own := false
	for _, k := range keys {
		if _, err := tones.Key(k, beepTime); err == nil {
			own = r.machine.Key(k, time.Now()) || own
		}
	}
	sinks := slices.Clone(r.sinks)
	r.mu.Unlock()
	if own {
		r.wake()
		return
	}
	t := r.beeps(keys)
	if len(t.Segments) == 0 {
		return
	}
	for _, k := range sinks {
		k.beep(t)
	}
}

const keyPause = 500 * time.Millisecond

// beeps is the sound of keys at the pace at which they are sent.
func (r *Ringer) beeps(keys string) tones.Tone {
	all := tones.Tone{Once: true, Level: beepLevel}
	gap := max(r.cfg.KeyEvery-beepTime, 0)
	for _, k := range keys {
		if k == ',' {
			all.Segments = append(all.Segments, tones.Segment{Length: keyPause})
			continue
		}
		t, err := tones.Key(k, beepTime)
		if err != nil {
			continue
		}
		all.Segments = append(all.Segments, t.Segments...)
		all.Segments = append(all.Segments, tones.Segment{Length: gap})
	}
	return all
}

// wake has Run look at once.
func (r *Ringer) wake() {
	select {
	case r.kick <- struct{}{}:
	default: // it will look anyway
	}
}

func (r *Ringer) now() Play {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.machine.Now(time.Now())
}

func (r *Ringer) gain() audio.Gain { return audio.VolumeGain(int(r.volume.Load())) }

// Run plays until ctx ends; the device is closed then. It is called once. The
// error is that of ctx.
func (r *Ringer) Run(ctx context.Context) error {
	p := &player{ringer: r, bell: r.loadBell()}
	defer p.close()
	for {
		var due <-chan time.Time
		if r.cfg.Device != nil && p.play(r.now()) {
			due = p.pace()
		} else {
			p.close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.kick:
		case <-due:
			p.frame()
		}
	}
}
