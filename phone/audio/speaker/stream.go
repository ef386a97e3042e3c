package speaker

import (
	"sync"
	"sync/atomic"
	"time"

	"housephone/phone/audio"
)

const (
	longest = 120 * time.Millisecond // frame that is processed
	// drained is how long the processing goes on when the microphone gives
	// nothing: until what was inside has come out.
	drained = 500 * time.Millisecond
	// told is the time between two looks at the figures.
	told = 100 * time.Millisecond
)

// source is the open microphone.
type source struct {
	phone   *Speakerphone
	inner   audio.SourceCloser
	named   interface{ DeviceName() string } // inner, where it knows; else nil
	rate    int
	far     reference
	played  []int16 // what of far belongs to the frame in hand
	missing int     // samples that the microphone did not give, in a row
	sinceUp int     // samples since the figures were told

	mu       sync.Mutex // guards following; held by Close for no more than a look
	chain    *chain     // nil = as it comes
	bypassed uint64
	closed   bool
}

// newSource returns the source of a microphone that was opened at rate Hz.
func newSource(s *Speakerphone, inner audio.SourceCloser, rate int) *source {
	src := &source{phone: s, inner: inner, rate: rate}
	c, err := newChain(s.cfg, rate, s.hint())
	if err != nil {
		s.cfg.Log.Warn("the microphone's sound is used as it comes", "device", name(s.cfg.Capture), "err", err)
	}
	src.chain = c
	src.named, _ = inner.(interface{ DeviceName() string })
	src.far = newReference(rate)
	src.played = make([]int16, samples(longest, rate))
	src.phone.stats.put(Stats{Cancelling: c.cancels()})
	return src
}

// Read gives the cleaned sound of the microphone. Where that had less than the
// frame, silence takes the place of the rest, for as long as anything can come
// out of what went before.
func (s *source) Read(frame []int16) int {
	n := min(max(s.inner.Read(frame), 0), len(frame))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0
	}
	if s.chain == nil {
		return n
	}
	if len(frame) > len(s.played) {
		s.bypassed++
		return n
	}
	played := s.played[:len(frame)]
	s.far.pop(played)
	if n > 0 {
		s.missing = 0
	} else if s.missing += len(frame); s.missing > samples(drained, s.rate) {
		return 0
	}
	clear(frame[n:])
	if !s.chain.process(frame, played) {
		s.bypassed++
	}
	s.tell(len(frame))
	return len(frame)
}

func (s *source) tell(n int) {
	if s.sinceUp += n; s.sinceUp >= samples(told, s.rate) {
		s.sinceUp = 0
		if s.named != nil {
			s.chain.clean = CancelsEcho(s.named.DeviceName())
		}
		s.phone.stats.put(s.figures())
	}
}

func (s *source) figures() Stats {
	st := s.chain.stats()
	st.Bypassed = s.bypassed
	return st
}

// Close closes the microphone.
func (s *source) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	st := s.figures()
	s.mu.Unlock()
	s.phone.stats.put(st)
	err := s.inner.Close()
	s.phone.dropSource(s, st.Delay)
	return err
}

// sink is the open loudspeaker.
type sink struct {
	phone *Speakerphone
	inner audio.SinkCloser
	rate  int
	to    atomic.Pointer[[]*reference] // who wants to know what is played
	once  sync.Once
	err   error
}

// Write plays the frame.
func (k *sink) Write(frame []int16) {
	k.inner.Write(frame)
	if to := k.to.Load(); to != nil {
		for _, far := range *to {
			far.push(frame)
		}
	}
}

// Close closes the loudspeaker.
func (k *sink) Close() error {
	k.once.Do(func() {
		k.err = k.inner.Close()
		k.phone.dropSink(k)
	})
	return k.err
}

func samples(d time.Duration, rate int) int { return int(d.Milliseconds()) * rate / 1000 }
