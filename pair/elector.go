package pair

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Store is where the instances meet. It reports to the elector it was made for.
type Store interface {
	// Run keeps in touch with the others until ctx ends.
	Run(ctx context.Context, e *Elector) error
	// Write has a record written, and returns at once. The outcome is told by Elector.Wrote, or never.
	Write(w Write)
}

// Status is what people may know of the election.
type Status struct {
	Active  bool
	Holder  string // of the active instance as far as it is known; may be this one
	Epoch   uint64
	Linked  bool   // the store answers
	Trouble string // why it does not, in a sentence; empty when it does
}

// Elector runs a [Machine]. All methods may be called from any goroutine.
type Elector struct {
	cfg   Config
	store Store
	clock Clock
	log   *slog.Logger

	until atomic.Int64 // end of being active on clock, 0 = not active
	over  atomic.Int64 // nobody else is active before that
	term  atomic.Uint64
	in    chan func()
	done  chan struct{} // Run has ended
	told  chan struct{}

	// Run's own.
	m        *Machine
	now      time.Duration
	out      []Action
	released map[uint64]chan struct{} // by token

	mu     sync.Mutex // guards following
	status Status
}

// NewElector makes an elector that is not active.
func NewElector(cfg Config, store Store, clock Clock, log *slog.Logger) (*Elector, error) {
	m, err := New(cfg)
	if err != nil {
		return nil, err
	}
	return &Elector{
		cfg: cfg, store: store, clock: clock, log: log, m: m, in: make(chan func(), 64),
		done: make(chan struct{}), told: make(chan struct{}, 1), released: map[uint64]chan struct{}{},
	}, nil
}

// Holder is the name of this instance in records.
func (e *Elector) Holder() string { return e.cfg.Holder }

// Timing is how long things take.
func (e *Elector) Timing() Timing { return e.cfg.Timing }

// Active tells whether this instance is the active one at this very moment. It looks at the clock, so that it is right
// also when the process was stopped or the machine slept, before anything else had the time to find out.
func (e *Elector) Active() bool { return int64(e.clock()) < e.until.Load() }

// Term counts how often this instance has become active.
func (e *Elector) Term() uint64 { return e.term.Load() }

// Alone tells that no other instance can be active yet: true while active, and for a moment after it has ceased for want
// of a confirmation.
func (e *Elector) Alone() bool { return int64(e.clock()) < e.over.Load() }

// Changes is signalled when [Elector.Status] has changed.
func (e *Elector) Changes() <-chan struct{} { return e.told }

// Status is the present state. Active of it may lag behind [Elector.Active].
func (e *Elector) Status() Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.status
}

// Run elects until ctx ends, once. It does not give the role back: see [Elector.Release].
func (e *Elector) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- e.store.Run(ctx, e) }()
	defer func() {
		e.until.Store(0)
		e.over.Store(0)
		cancel()
		close(e.done)
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return e.await(ended)
		case err := <-ended:
			return err
		case f := <-e.in:
			e.now = e.clock()
			f()
		case <-timer.C:
			e.now = e.clock()
			e.out = e.m.Tick(e.now)
		}
		e.carryOut()
		timer.Reset(min(max(e.m.Next()-e.clock(), 0), time.Second))
	}
}

// await lets the store end; what it still reports is thrown away.
func (e *Elector) await(ended <-chan error) error {
	for {
		select {
		case err := <-ended:
			return err
		case <-e.in:
		}
	}
}

func (e *Elector) carryOut() {
	before := e.until.Load()
	for _, a := range e.out {
		if c, ok := a.(Changed); ok && c.Active {
			e.term.Add(1)
		}
	}
	e.until.Store(int64(e.m.Until()))
	if until := e.m.Until(); until > 0 {
		e.over.Store(int64(until + (e.cfg.Timing.TTL-e.cfg.Timing.Hold)/2))
	} else if int64(e.now) < before {
		e.over.Store(0) // given away or taken, not run out
	}
	for _, a := range e.out {
		if w, ok := a.(Write); ok {
			e.store.Write(w)
		}
	}
	e.out = nil
	e.tell(func(s *Status) {
		s.Active = e.m.Until() > 0
		s.Holder, s.Epoch = "", 0
		if r, ok := e.m.Seen(); ok && !r.Released {
			s.Holder, s.Epoch = r.Holder, r.Epoch
		}
		if s.Active {
			s.Holder, s.Epoch = e.cfg.Holder, e.m.Epoch()
		}
	})
}

// tell changes the status and signals that, if there is anything new.
func (e *Elector) tell(change func(*Status)) {
	e.mu.Lock()
	before := e.status
	change(&e.status)
	now := e.status
	e.mu.Unlock()
	if before == now {
		return
	}
	if now.Trouble != before.Trouble && now.Trouble != "" {
		e.log.Warn("the pair: " + now.Trouble)
	}
	if now.Active != before.Active {
		e.log.Info("the pair", "active", now.Active, "instance", e.cfg.Holder, "holder", now.Holder, "epoch", now.Epoch)
	}
	select {
	case e.told <- struct{}{}:
	default:
	}
}

func (e *Elector) post(f func()) {
	select {
	case e.in <- f:
	case <-e.done:
	}
}

// Linked is told by the store that it answers.
func (e *Elector) Linked() {
	e.post(func() {
		e.tell(func(s *Status) { s.Linked, s.Trouble = true, "" })
		e.out = e.m.Linked(e.now, rand.Float64())
	})
}

// Unlinked is told by the store that it does not, and why, in a sentence.
func (e *Elector) Unlinked(why string) {
	e.post(func() {
		e.tell(func(s *Status) { s.Linked, s.Trouble = false, why })
		e.out = e.m.Unlinked(e.now)
	})
}

// Record is told by the store what another instance has written: see [Machine.Record].
func (e *Elector) Record(r Record, kept bool) {
	e.post(func() { e.out = e.m.Record(e.now, r, kept) })
}

// Wrote is told by the store the outcome of a write.
func (e *Elector) Wrote(token uint64, o Outcome) {
	e.post(func() {
		e.out = e.m.Wrote(e.now, token, o)
		if c := e.released[token]; c != nil {
			close(c)
			delete(e.released, token)
		}
	})
}

// Release gives the role back and waits until the store knows it, or until ctx ends. What only the active one may do has
// to have ended before.
func (e *Elector) Release(ctx context.Context) {
	known := make(chan struct{})
	e.post(func() {
		e.out = e.m.Release(e.now)
		for _, a := range e.out {
			if w, ok := a.(Write); ok && w.Record.Released {
				e.released[w.Token] = known
				return
			}
		}
		close(known)
	})
	select {
	case <-known:
	case <-ctx.Done():
	case <-e.done:
	}
}
