package device

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// times are the waits of a stream; tests shorten them.
type times struct {
	retry  time.Duration // between tries to open a device
	silent time.Duration // until an open that does not return is told of
	close  time.Duration // the most that Close waits for the driver
	drain  time.Duration // the most that it waits before for sound to be played
}

func defaultTimes() times {
	return times{retry: time.Second, silent: 2 * time.Second, close: 700 * time.Millisecond, drain: 250 * time.Millisecond}
}

// stream keeps a device open: one goroutine opens it, waits for its end, and
// opens it again.
type stream struct {
	log    *slog.Logger
	times  times
	open   opener
	req    request
	attach func(rate int) (func(pcm []int16), error) // connects a session of that rate to the buffer

	cancel context.CancelFunc
	ended  chan struct{}

	rate, latency atomic.Int64 // of the session, 0 where there is none
	losses        atomic.Int64
	flowing       atomic.Bool // sound went through the session
	told          bool        // the warning is out
	device        atomic.Pointer[string]
}

// run starts the goroutine.
func (s *stream) run() {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel, s.ended = cancel, make(chan struct{})
	go func() {
		defer close(s.ended)
		for ctx.Err() == nil {
			err := s.session(ctx)
			if ctx.Err() != nil {
				return
			}
			s.warn(err)
			select {
			case <-ctx.Done():
			case <-time.After(s.times.retry):
			}
		}
	}()
}

// end stops the stream and waits, but not for a driver that hangs.
func (s *stream) end() error {
	s.cancel()
	select {
	case <-s.ended:
		return nil
	case <-time.After(s.times.close):
		return ErrHangs
	}
}

// session opens the device and serves it until it is gone or the stream ends.
func (s *stream) session(ctx context.Context) error {
	ses, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer func() {
		s.rate.Store(0)
		_ = ses.Close() // what it says was said by Err
	}()
	transfer, err := s.attach(ses.Rate())
	if err != nil {
		return err
	}
	s.flowing.Store(false)
	if err := ses.Start(func(pcm []int16) {
		transfer(pcm)
		s.flowing.Store(true)
	}); err != nil {
		return err
	}
	if n, ok := ses.(interface{ Device() string }); ok {
		name := n.Device()
		s.device.Store(&name)
	}
	s.rate.Store(int64(ses.Rate()))
	s.latency.Store(int64(ses.Latency()))
	return s.watch(ctx, ses)
}

// watch waits for the end of a session, and tells when sound flows again.
func (s *stream) watch(ctx context.Context, ses session) error {
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ses.Done():
			s.losses.Add(1)
			if err := ses.Err(); err != nil {
				return err
			}
			return errEnded
		case <-look.C:
			if s.told && s.flowing.Load() {
				s.told = false
				s.log.Info("sound device is back")
			}
			if !s.told {
				look.Stop()
			}
		}
	}
}

// begin opens a session. Some drivers wait in there for another program to
// release the device: that is told, and the stream can end meanwhile.
func (s *stream) begin(ctx context.Context) (session, error) {
	type result struct {
		ses session
		err error
	}
	opened := make(chan result, 1)
	go func() {
		ses, err := s.open(ctx, s.req)
		opened <- result{ses, err}
	}()
	slow := time.NewTimer(s.times.silent)
	defer slow.Stop()
	for {
		select {
		case r := <-opened:
			return r.ses, r.err
		case <-slow.C:
			s.warn(ErrSilent)
		case <-ctx.Done():
			r := <-opened
			if r.err == nil {
				_ = r.ses.Close()
			}
			return nil, ctx.Err()
		}
	}
}

// warn tells once that there is no sound, until there was some again.
func (s *stream) warn(err error) {
	if !s.told {
		s.told = true
		s.log.Warn("sound device is missing, the call goes on without it", "err", err)
	}
}
