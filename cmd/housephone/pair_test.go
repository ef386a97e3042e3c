package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"housephone/bridge"
	"housephone/pair"
	"housephone/topics"
)

// yesStore is a meeting place that nobody else comes to.
type yesStore struct{ elector *pair.Elector }

func (s *yesStore) Run(ctx context.Context, e *pair.Elector) error {
	s.elector = e
	e.Linked()
	<-ctx.Done()
	return nil
}

func (s *yesStore) Write(w pair.Write) { s.elector.Wrote(w.Token, pair.Stored) }

// Who has lost the role and has it again before it could look speaks again, in a new session.
func TestRoleLostAndFoundUnseen(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	var clock atomic.Int64
	elector, err := pair.NewElector(pair.Config{Holder: "us", Timing: pair.NewTiming(time.Second)}, &yesStore{}, func() time.Duration { return time.Duration(clock.Load()) }, quiet)
	if err != nil {
		t.Fatal(err)
	}
	p := &pairing{elector: elector, name: "us", turn: make(chan struct{}, 1), others: map[string]string{}}
	s := &service{log: quiet, pairing: p, tree: topics.Tree{}}
	s.bridge, err = bridge.New(bridge.Config{Logger: quiet, Dialer: func(context.Context) (net.Conn, error) { return nil, errors.New("away") }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	elected, ended := make(chan error, 1), make(chan error, 1)
	go func() { elected <- elector.Run(ctx) }()
	go func() { ended <- s.takeTurns(ctx, elected) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	until := func(what string, ok func() bool) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("never: %s", what)
			}
		}
	}
	pass := func() { clock.Add(int64(2 * time.Second)) }
	until("the store is linked", func() bool { return elector.Status().Linked })
	pass()
	until("it speaks", p.speaking.Load)

	p.mu.Lock() // it cannot look
	p.turn <- struct{}{}
	until("it tries to", func() bool { return len(p.turn) == 0 })
	time.Sleep(20 * time.Millisecond)
	pass()
	until("the role is lost", func() bool { return !elector.Status().Active })
	pass()
	until("the role is back", func() bool { return elector.Active() && elector.Term() == 2 })
	p.mu.Unlock()
	for end := time.Now().Add(time.Second); p.speaking.Load() && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	until("it speaks again", p.speaking.Load)
}
