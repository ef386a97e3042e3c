package claim

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"housephone/pair"
)

// Send publishes a retained message with QoS 1 and returns at once.
type Send func(payload []byte) error

// Store is a [pair.Store] at a topic. Whoever holds the connection tells it what happens there: Up, Received, Down.
type Store struct {
	log *slog.Logger

	mu      sync.Mutex // guards following
	elector *pair.Elector
	send    Send // nil = no connection
	reset   func()
	waiting time.Time // since when a write has not come back; zero = none is under way
	why     string
}

// New makes a store without a connection.
func New(log *slog.Logger) *Store { return &Store{log: log} }

// Run waits until ctx ends. A connection that swallows what is sent is reset.
func (s *Store) Run(ctx context.Context, e *pair.Elector) error {
	s.mu.Lock()
	s.elector = e
	up, why := s.send != nil, s.why
	s.mu.Unlock()
	if up {
		e.Linked()
	} else if why != "" {
		e.Unlinked(why)
	}
	tick := time.NewTicker(e.Timing().Renew)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			s.watch(now, e.Timing().Hold)
		}
	}
}

// watch resets a connection on which a write has not come back for too long: after a cut network, TCP may take much
// longer to find out.
func (s *Store) watch(now time.Time, patience time.Duration) {
	s.mu.Lock()
	reset := s.reset
	dead := s.send != nil && !s.waiting.IsZero() && now.Sub(s.waiting) > patience
	if dead {
		s.waiting = time.Time{}
	}
	s.mu.Unlock()
	if dead {
		s.log.Warn("the pair: the broker does not show what was published, connecting again")
		reset()
	}
}

// Up tells that the topic is subscribed. reset breaks the connection off.
func (s *Store) Up(send Send, reset func()) {
	s.mu.Lock()
	s.send, s.reset, s.waiting = send, reset, time.Time{}
	e := s.elector
	s.mu.Unlock()
	if e != nil {
		e.Linked()
	}
}

// Down tells that the connection has gone, or that none could be made, and why.
func (s *Store) Down(why string) {
	s.mu.Lock()
	s.send, s.reset, s.waiting, s.why = nil, nil, time.Time{}, why
	e := s.elector
	s.mu.Unlock()
	if e != nil {
		e.Unlinked(why)
	}
}

// Received takes a message of the topic, in order.
func (s *Store) Received(payload []byte, retained bool) {
	s.mu.Lock()
	e := s.elector
	s.mu.Unlock()
	if e == nil || len(payload) == 0 { // cleared by hand: silence, not a sign of life
		return
	}
	r, token, err := decode(payload)
	switch {
	case err != nil:
		s.log.Warn("the pair: a message on its topic is not understood", "err", err)
	case r.Holder == e.Holder():
		s.mu.Lock()
		s.waiting = time.Time{}
		s.mu.Unlock()
		if !retained { // kept from an earlier connection of ours: no news
			e.Wrote(token, pair.Stored)
		}
	default:
		e.Record(r, retained)
	}
}

// Write publishes a record.
func (s *Store) Write(w pair.Write) {
	payload, err := encode(w)
	if err != nil {
		s.log.Error("the pair: a claim cannot be written", "err", err)
		return
	}
	s.mu.Lock()
	send := s.send
	if send != nil && s.waiting.IsZero() {
		s.waiting = time.Now()
	}
	s.mu.Unlock()
	if send == nil {
		return
	}
	if err := send(payload); err != nil {
		s.log.Debug("the pair: a claim was not sent", "err", err)
	}
}
