package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"housephone/topics"
)

const (
	releaseWait = 500 * time.Millisecond // longest wait until the others know that we have stepped down
	// answerWait: the result of the command that hands over is queued before the session that carries it ends.
	answerWait = 200 * time.Millisecond
)

// runPair takes part in the election and speaks for the phone while this instance is the active one. When ctx ends it
// gives the role back after the last word.
func (s *service) runPair(ctx context.Context) error {
	p := s.pairing
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var parts sync.WaitGroup
	elected := make(chan error, 1)
	parts.Go(func() { elected <- p.elector.Run(work) })
	parts.Go(func() { s.runLink(work) })
	err := s.takeTurns(ctx, elected)
	release, cancel := context.WithTimeout(work, releaseWait)
	p.elector.Release(release)
	cancel()
	stop()
	parts.Wait()
	return err
}

// takeTurns opens the session of the phone when this instance becomes active, and closes it when it ceases to be so.
func (s *service) takeTurns(ctx context.Context, elected <-chan error) error {
	p := s.pairing
	var session *turn
	defer func() { session.end() }()
	for {
		switch may := p.mayAct(); {
		case may && session == nil:
			session = s.begin(ctx)
		case session != nil && (!may || session.term != p.elector.Term()):
			s.standDown()
			session.end()
			session = nil
			if p.leaving.Load() {
				release, cancel := context.WithTimeout(ctx, releaseWait)
				p.elector.Release(release)
				cancel()
				p.leaving.Store(false)
			}
			continue // the role may be back already
		}
		s.showRole(session != nil)
		select {
		case <-ctx.Done():
			return nil
		case err := <-elected:
			return err
		case <-session.failed():
			return session.err
		case <-p.turn:
		case <-p.elector.Changes():
		}
	}
}

// turn is the time during which this instance speaks for the phone.
type turn struct {
	term  uint64
	stop  context.CancelFunc
	ended chan struct{}
	err   error // once ended is closed
	done  func()
}

// begin wakes the phone and opens the session. Its client id is that of every instance: with it the broker ends what is
// left of the session of the one before, so that nothing of that one can come after our words (MQTT 3.1.1, 3.1.4-2).
func (s *service) begin(ctx context.Context) *turn {
	t := &turn{term: s.pairing.elector.Term(), ended: make(chan struct{}), done: func() { s.pairing.speaking.Store(false) }}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	t.stop = stop
	s.pairing.speaking.Store(true)
	if s.phone != nil {
		s.phone.SetActive(true) // the phone tells how it went
	}
	go func() {
		defer close(t.ended)
		t.err = s.bridge.Run(run)
	}()
	return t
}

// end closes the session and waits for it.
func (t *turn) end() {
	if t == nil {
		return
	}
	t.stop()
	<-t.ended
	t.done()
}

// failed is told when the session ends by itself.
func (t *turn) failed() <-chan struct{} {
	if t == nil {
		return nil
	}
	return t.ended
}

// standDown makes the phone inactive, if it has not found out by itself.
func (s *service) standDown() {
	if s.phone != nil && bool(s.cfg.Pair.Shutdown) {
		s.phone.SetActive(false)
	}
}

// handOver lets another instance take over, if there is one.
func (s *service) handOver() outcome {
	p := s.pairing
	if !p.hasOthers() {
		return failed(topics.Refused, "there is no other instance that could take over")
	}
	p.leaving.Store(true)
	return func(ctx context.Context) error {
		time.AfterFunc(answerWait, func() {
			select {
			case p.turn <- struct{}{}:
			default:
			}
		})
		if s.phone == nil || !bool(s.cfg.Pair.Shutdown) {
			return nil
		}
		err := s.phone.SetActive(false).Wait(ctx)
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil
		}
		return err
	}
}
