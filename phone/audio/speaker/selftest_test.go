package speaker_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"housephone/phone/audio"
	"housephone/phone/audio/echo"
	"housephone/phone/audio/speaker"
)

// live is a room in which the clock of the test runs.
func live(length, delay, gain float64) *room {
	begin := time.Now()
	return newRoom(length, delay, gain, func(rate int) int { return int(time.Since(begin) * time.Duration(rate) / time.Second) })
}

func TestEchoTest(t *testing.T) {
	for _, c := range []struct {
		length, delay, gain float64
		cfg                 speaker.Config
	}{
		{0.064, 0.055, -6, speaker.Config{Echo: true}},
		{0.256, 0.1, 3, speaker.Config{Echo: true, Noise: true, Gain: true}},
		{0.128, 0.3, -20, speaker.Config{Echo: true, Tail: 128 * time.Millisecond}},
		{0.064, 0.06, -10, speaker.Config{}},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := live(c.length, c.delay, c.gain)
			c.cfg.Capture, c.cfg.Playback = r, r
			phone := speaker.New(c.cfg)
			begin := time.Now()
			got, err := phone.EchoTest(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%+v in %v", got, time.Since(begin))
			// A frame is read 20 ms after its first sample was recorded.
			if d := got.Delay.Seconds() - c.delay - 0.02; math.Abs(d) > 0.001 {
				t.Errorf("delay %v, want %v s and 20 ms", got.Delay, c.delay)
			}
			if math.Abs(got.ReturnLoss+c.gain) > 1.5 {
				t.Errorf("return loss %.1f dB, want %.1f", got.ReturnLoss, -c.gain)
			}
			if got.Cancelling != c.cfg.Echo || got.Cancelling != (got.Enhancement > 20) {
				t.Errorf("enhancement %.1f dB, cancelling %v", got.Enhancement, got.Cancelling)
			}
			if took := time.Since(begin); took > 6*time.Second {
				t.Errorf("it took %v", took)
			}
			if r.open != 0 || r.opens != 2 {
				t.Errorf("%d ends left open of %d", r.open, r.opens)
			}
		})
	}
}

func TestEchoTestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := live(0.064, 0.05, 0)
		phone := speaker.New(speaker.Config{Capture: r, Playback: r, Echo: true})
		sink, err := phone.Playback().OpenSink(8000)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := phone.EchoTest(t.Context()); !errors.Is(err, speaker.ErrBusy) {
			t.Errorf("during a call: %v", err)
		}
		if err := errors.Join(sink.Close(), sink.Close()); err != nil {
			t.Error(err)
		}
		ended := make(chan error, 1)
		go func() {
			_, err := phone.EchoTest(t.Context())
			ended <- err
		}()
		synctest.Wait()
		if _, err := phone.EchoTest(t.Context()); !errors.Is(err, speaker.ErrBusy) {
			t.Errorf("during a test: %v", err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// A call that begins during the test gets the devices as soon as they are closed.
func TestCallInterruptsEchoTest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := live(0.064, 0.05, 0)
		r.slow = 50 * time.Millisecond
		phone := speaker.New(speaker.Config{Capture: r, Playback: r, Echo: true})
		ended := make(chan error, 1)
		go func() {
			_, err := phone.EchoTest(t.Context())
			ended <- err
		}()
		time.Sleep(1500 * time.Millisecond)
		begin := time.Now()
		source, err := phone.Capture().OpenSource(8000)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took != 2*r.slow {
			t.Errorf("the call waited %v", took)
		}
		if r.open != 1 {
			t.Errorf("%d ends are open, want the call's alone", r.open)
		}
		if err := <-ended; !errors.Is(err, speaker.ErrInterrupted) {
			t.Errorf("the test ended with %v", err)
		}
		if err := source.Close(); err != nil {
			t.Error(err)
		}
		if _, err := phone.EchoTest(t.Context()); err != nil {
			t.Errorf("after the call: %v", err)
		}
	})
}

func TestEchoTestFails(t *testing.T) {
	none, err := audio.Open("none")
	if err != nil {
		t.Fatal(err)
	}
	tone, err := audio.Open("tone:440")
	if err != nil {
		t.Fatal(err)
	}
	broken := newRoom(0.064, 0.05, 0, func(int) int { return 0 })
	broken.sinkErr = errors.New("no such card")
	for name, c := range map[string]struct {
		giveUp            bool
		capture, playback audio.Device
		want              error
	}{
		"no capture":          {false, nil, none, audio.ErrNoCapture},
		"no playback":         {false, none, nil, audio.ErrNoPlayback},
		"silent microphone":   {false, none, none, speaker.ErrNoSound},
		"no echo":             {false, tone, none, echo.ErrNotHeard},
		"playback refuses":    {false, tone, tone, audio.ErrNoPlayback},
		"playback is not up":  {false, broken, broken, broken.sinkErr},
		"given up beforehand": {true, tone, none, context.Canceled},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.giveUp {
				cancel()
			}
			phone := speaker.New(speaker.Config{Capture: c.capture, Playback: c.playback, Echo: true})
			if _, err := phone.EchoTest(ctx); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		})
	}
	if broken.open != 0 {
		t.Errorf("%d ends left open", broken.open)
	}
}

// What a test finds out of the delay is known to the next call.
func TestEchoTestTeachesTheDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := live(0.064, 0.3, -6)
		phone := speaker.New(speaker.Config{Capture: r, Playback: r, Echo: true, Tail: 64 * time.Millisecond})
		if _, err := phone.EchoTest(t.Context()); err != nil {
			t.Fatal(err)
		}
		source, err := phone.Capture().OpenSource(16000)
		if err != nil {
			t.Fatal(err)
		}
		if err := source.Close(); err != nil {
			t.Error(err)
		}
		if d := phone.Stats().Delay; d < 250*time.Millisecond || d > 310*time.Millisecond {
			t.Errorf("the next call begins with %v", d)
		}
	})
}
