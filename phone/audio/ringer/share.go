package ringer

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"housephone/phone/audio"
	"housephone/phone/audio/tones"
)

// hangs is the longest that a call waits for the ringer to let go of a device.
const hangs = time.Second

// Share returns playback for the calls to use. While a loudspeaker is open
// through it the ringer is silent and has its own device closed, and keys beep
// in what the call plays. Opening waits until the ringer has let go, for a
// second at most.
func (r *Ringer) Share(playback audio.Device) audio.Device { return shared{playback, r} }

type shared struct {
	audio.Device
	ringer *Ringer
}

// OpenSink opens the loudspeaker for a call.
func (d shared) OpenSink(rate int) (audio.SinkCloser, error) {
	d.ringer.take()
	inner, err := d.Device.OpenSink(rate)
	if err != nil {
		d.ringer.free(nil)
		return nil, err
	}
	k := &sharedSink{inner: inner, ringer: d.ringer, rate: rate, mixed: make([]int16, rate*12/100)}
	d.ringer.add(k)
	return k, nil
}

// take silences the ringer and waits for its device to be closed.
func (r *Ringer) take() {
	r.mu.Lock()
	r.machine.Take()
	let := r.let
	r.mu.Unlock()
	r.wake()
	if let == nil {
		return
	}
	wait := time.NewTimer(hangs)
	defer wait.Stop()
	select {
	case <-let:
	case <-wait.C:
		r.cfg.Log.Warn("the ringing device does not close, the call goes on")
	}
}

func (r *Ringer) add(k *sharedSink) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sinks = append(r.sinks, k)
}

func (r *Ringer) free(k *sharedSink) {
	r.mu.Lock()
	r.machine.Free()
	r.sinks = slices.DeleteFunc(r.sinks, func(o *sharedSink) bool { return o == k })
	r.mu.Unlock()
	r.wake()
}

// sharedSink is a call's loudspeaker.
type sharedSink struct {
	inner  audio.SinkCloser
	ringer *Ringer
	rate   int
	keys   atomic.Pointer[tones.Generator] // beep that is to be heard
	mixed  []int16
	once   sync.Once
	err    error
}

// beep makes the beeps of keys the ones to be heard.
func (k *sharedSink) beep(t tones.Tone) {
	if g, err := tones.New(t, k.rate); err == nil {
		k.keys.Store(g)
	}
}

// Write plays the frame, with the beep in it if there is one.
func (k *sharedSink) Write(frame []int16) {
	g := k.keys.Load()
	if g == nil || len(frame) > len(k.mixed) {
		k.inner.Write(frame)
		return
	}
	mixed := k.mixed[:len(frame)]
	n := g.Read(mixed)
	if n < len(mixed) {
		k.keys.CompareAndSwap(g, nil) // unless the next key came meanwhile
	}
	clear(mixed[n:])
	k.ringer.gain().Apply(mixed)
	for i, v := range frame {
		mixed[i] = int16(min(max(int(mixed[i])+int(v), math.MinInt16), math.MaxInt16))
	}
	k.inner.Write(mixed)
}

// Close closes the loudspeaker; from then on the ringer may be heard again.
func (k *sharedSink) Close() error {
	k.once.Do(func() {
		k.err = k.inner.Close()
		k.ringer.free(k)
	})
	return k.err
}
