package media

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Engine owns the RTP ports and the pacer of all streams.
type Engine struct {
	cfg       Config
	clock     clock
	inlet     *inlet          // the pacer's
	packet    [maxPacket]byte // likewise
	wake      chan struct{}
	pace      pacerStats // written by the pacer
	callbacks sync.WaitGroup

	mu      sync.Mutex // guards following
	ports   *ports
	streams map[*Stream]struct{}
	started []paced // streams that the pacer does not know yet
	running bool
	ended   bool
}

// NewEngine checks the configuration; nothing is opened yet.
func NewEngine(cfg Config) (*Engine, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	c, err := newClock()
	if err != nil {
		return nil, fmt.Errorf("media clock: %w", err)
	}
	return &Engine{
		cfg:     cfg,
		clock:   c,
		inlet:   newInlet(c),
		wake:    make(chan struct{}, 1),
		ports:   newPorts(cfg.PortMin, cfg.PortMax),
		streams: make(map[*Stream]struct{}),
	}, nil
}

// Run paces all streams, also those opened before, until ctx ends; then it
// closes those still open and returns when nothing of the engine runs any
// more. It may be called once; a further call gives [ErrClosed].
func (e *Engine) Run(ctx context.Context) error {
	e.mu.Lock()
	if e.running {
		e.mu.Unlock()
		return ErrClosed
	}
	e.running = true
	e.mu.Unlock()

	done := make(chan struct{})
	go func() {
		defer close(done)
		p := &pacer{clock: e.clock, adopt: e.adopt, wake: e.wake, stats: &e.pace}
		p.run(ctx)
	}()
	<-done

	e.mu.Lock()
	e.ended = true
	var open []*Stream
	for s := range e.streams {
		open = append(open, s)
	}
	e.mu.Unlock()
	for _, s := range open {
		s.Close()
	}
	e.callbacks.Wait()
	return nil
}

// Open takes a free even RTP port at random and the RTCP port above it. The
// stream hears and sends nothing until [Stream.Apply], and must be closed.
//
// Errors: [ErrNoPorts] when every pair is in use, [ErrClosed] after Run.
func (e *Engine) Open() (*Stream, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ended {
		return nil, ErrClosed
	}
	for range e.ports.left() {
		port, _ := e.ports.take()
		rtp, rtcp, err := listenPair(e.cfg.Bind, port, e.cfg.DSCP)
		if err != nil {
			e.ports.give(port)
			if inUse(err) {
				continue
			}
			return nil, err
		}
		s := newStream(e, port, rtp, rtcp)
		e.streams[s] = struct{}{}
		return s, nil
	}
	return nil, fmt.Errorf("ports %d-%d: %w", e.cfg.PortMin, e.cfg.PortMax, ErrNoPorts)
}

// Stats is the pacer's record.
func (e *Engine) Stats() EngineStats {
	out := e.pace.snapshot()
	e.mu.Lock()
	out.Streams = len(e.streams)
	e.mu.Unlock()
	return out
}

// start hands a stream to the pacer.
func (e *Engine) start(s *Stream) {
	e.mu.Lock()
	e.started = append(e.started, s)
	e.mu.Unlock()
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

func (e *Engine) adopt() []paced {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.started
	e.started = nil
	return s
}

// release takes back the port of a closed stream.
func (e *Engine) release(s *Stream) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.streams, s)
	e.ports.give(s.port)
}

// callback runs what a caller left for later outside of the media thread. Run
// waits for it.
func (e *Engine) callback(f func()) {
	if f == nil {
		return
	}
	e.callbacks.Go(func() {
		defer func() {
			if r := recover(); r != nil {
				e.cfg.Logger.Error("callback failed", "err", errors.New(fmt.Sprint(r)))
			}
		}()
		f()
	})
}
