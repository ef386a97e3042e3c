package speaker

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"housephone/phone/audio"
	"housephone/phone/audio/echo"
)

const (
	testRate  = 16000
	testFrame = testRate / 50
	frameTime = 20 * time.Millisecond
	// The microphone must give this many frames without a gap before the test
	// begins, and begin to within the time given.
	steady   = 25
	patience = 3 * time.Second / frameTime
	talk     = 3 * time.Second // of sound for the canceller to learn from
	behind   = 3               // frames that are made up for after a stall
)

// Result is what a self-test tells of the room and the devices.
type Result struct {
	// Delay from when a sample is written until its echo is read: the buffers
	// of the devices and the way through the room.
	Delay time.Duration
	// ReturnLoss is how much softer the echo is than what was played, in dB;
	// below 0 it is louder.
	ReturnLoss float64
	// Clarity is how far the echo stands out of the noise, in dB.
	Clarity float64
	// Enhancement is by how much the canceller made it softer still, in dB;
	// zero while Cancelling is false.
	Enhancement float64
	// Cancelling tells that the canceller is at work in calls.
	Cancelling bool
}

// EchoTest plays a sweep of one second and, where the canceller is at work,
// three seconds of noise, and measures what comes back. It takes about five
// seconds.
//
// The errors are [ErrBusy], [ErrInterrupted], [ErrNoSound], [echo.ErrNotHeard],
// those of the devices and that of ctx.
func (s *Speakerphone) EchoTest(ctx context.Context) (Result, error) {
	t, err := s.beginTest()
	if err != nil {
		return Result{}, fmt.Errorf("echo test: %w", err)
	}
	defer s.endTest(t)
	r, err := s.echoTest(ctx, t)
	if err != nil {
		return Result{}, fmt.Errorf("echo test: %w", err)
	}
	return r, nil
}

func (s *Speakerphone) echoTest(ctx context.Context, t *selfTest) (Result, error) {
	d, err := s.openDuplex(t)
	if err != nil {
		return Result{}, err
	}
	defer d.close(s)
	if err := d.warmUp(ctx); err != nil {
		return Result{}, err
	}
	heard, err := d.sweep(ctx)
	if err != nil {
		return Result{}, err
	}
	m, err := echo.Measure(testRate, heard)
	if err != nil {
		return Result{}, err
	}
	r := Result{Delay: m.Delay, ReturnLoss: m.ReturnLoss, Clarity: m.Clarity, Cancelling: s.cfg.Echo}
	if !s.cfg.Echo {
		return r, nil
	}
	c, err := echo.New(echo.Config{Rate: testRate, Tail: s.cfg.Tail})
	if err != nil {
		return Result{}, err
	}
	c.SetDelay(max(m.Delay-10*time.Millisecond, 0))
	if err := d.cancel(ctx, c); err != nil {
		return Result{}, err
	}
	st := c.Stats()
	r.Enhancement = st.Enhancement
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = st.Delay
	return r, nil
}

// selfTest is a test that is going on.
type selfTest struct {
	once       sync.Once
	stop, done chan struct{}
}

func (t *selfTest) interrupt() { t.once.Do(func() { close(t.stop) }) }

func (s *Speakerphone) beginTest() (*selfTest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.cfg.Capture == nil:
		return nil, audio.ErrNoCapture
	case s.cfg.Playback == nil:
		return nil, audio.ErrNoPlayback
	case s.users > 0 || s.test != nil:
		return nil, ErrBusy
	}
	s.test = &selfTest{stop: make(chan struct{}), done: make(chan struct{})}
	return s.test, nil
}

func (s *Speakerphone) endTest(t *selfTest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.test = nil
	close(t.done)
}

// duplex is the pair of devices during a test.
type duplex struct {
	test   *selfTest
	source audio.SourceCloser
	sink   audio.SinkCloser
	due    time.Time // of the next frame
	mic    [testFrame]int16
}

func (s *Speakerphone) openDuplex(t *selfTest) (*duplex, error) {
	source, err := s.cfg.Capture.OpenSource(testRate)
	if err != nil {
		return nil, err
	}
	sink, err := s.cfg.Playback.OpenSink(testRate)
	if err != nil {
		_ = source.Close() // the first error is the one to tell
		return nil, err
	}
	return &duplex{test: t, source: source, sink: sink, due: time.Now()}, nil
}

func (d *duplex) close(s *Speakerphone) {
	for _, err := range []error{d.source.Close(), d.sink.Close()} {
		if err != nil {
			s.cfg.Log.Warn("sound device after the echo test", "err", err)
		}
	}
}

// step plays a frame when it is due and reads one into mic, with silence where
// there is none; heard says how much there was.
func (d *duplex) step(ctx context.Context, far []int16) (heard int, err error) {
	if late := time.Since(d.due); late > behind*frameTime {
		d.due = d.due.Add(late)
	}
	wait := time.NewTimer(time.Until(d.due))
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	case <-d.test.stop:
		return 0, ErrInterrupted
	case <-wait.C:
	}
	d.due = d.due.Add(frameTime)
	d.sink.Write(far)
	heard = min(max(d.source.Read(d.mic[:]), 0), testFrame)
	clear(d.mic[heard:])
	return heard, nil
}

// warmUp waits until the microphone runs; the loudspeaker has the same time.
func (d *duplex) warmUp(ctx context.Context) error {
	var silence [testFrame]int16
	whole := 0
	for range patience {
		n, err := d.step(ctx, silence[:])
		if err != nil {
			return err
		}
		if whole++; n < testFrame {
			whole = 0
		}
		if whole == steady {
			return nil
		}
	}
	return ErrNoSound
}

// sweep plays the sweep and returns what was heard from its beginning on.
func (d *duplex) sweep(ctx context.Context) ([]int16, error) {
	sound, err := echo.Sweep(testRate)
	if err != nil {
		return nil, err
	}
	frames := int(echo.Recording() / frameTime)
	sound = append(sound, make([]int16, frames*testFrame-len(sound))...)
	heard := make([]int16, 0, len(sound))
	for at := 0; at < len(sound); at += testFrame {
		if _, err := d.step(ctx, sound[at:at+testFrame]); err != nil {
			return nil, err
		}
		heard = append(heard, d.mic[:]...)
	}
	return heard, nil
}

// cancel lets the canceller learn from a sound like speech.
func (d *duplex) cancel(ctx context.Context, c *echo.Canceller) error {
	sound := murmur(int(talk/frameTime) * testFrame)
	for ; len(sound) > 0; sound = sound[testFrame:] {
		far := sound[:testFrame]
		if _, err := d.step(ctx, far); err != nil {
			return err
		}
		if err := c.Process(d.mic[:], far); err != nil {
			return err
		}
	}
	return nil
}

// murmur is noise with the spectrum and the syllables of speech, at about
// -25 dBFS.
func murmur(n int) []int16 {
	rnd := rand.New(rand.NewPCG(1, 2))
	out := make([]int16, n)
	low := 0.0
	for i := range out {
		low += (rnd.NormFloat64() - low) * 0.3 // falls by 6 dB an octave from 900 Hz on
		syllable := math.Sin(math.Pi * 4 * float64(i) / testRate)
		out[i] = int16(min(max(low*6000*syllable*syllable, math.MinInt16), math.MaxInt16))
	}
	return out
}
