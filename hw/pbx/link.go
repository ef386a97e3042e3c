package pbx

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"
)

const (
	dialTime  = 10 * time.Second
	writeTime = 5 * time.Second
	partTime  = time.Second // for the goodbye
)

// link keeps a connection to one switch.
type link struct {
	kind    Switch
	address string
	begin   func(now time.Time) session
	emit    func(Event)
	pause   func(stood time.Duration, refused bool) time.Duration
	log     *slog.Logger
	told    string // what was last told as Lost
}

// run connects again and again until ctx ends.
func (l *link) run(ctx context.Context) {
	for ctx.Err() == nil {
		up, err := l.connect(ctx)
		if ctx.Err() != nil {
			return
		}
		var stood time.Duration
		if !up.IsZero() {
			stood = time.Since(up)
		}
		wait := l.pause(stood, errors.Is(err, ErrLogin))
		l.lost(err, wait)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// lost tells an error that was not told before.
func (l *link) lost(err error, wait time.Duration) {
	if err.Error() == l.told {
		return
	}
	l.told = err.Error()
	l.log.Warn("not connected to the switch", "err", err, "again", wait)
	l.emit(Lost{l.kind, err})
}

// connect logs in and serves the connection until it ends. Up is when the login was accepted, zero if it was not.
func (l *link) connect(ctx context.Context) (up time.Time, err error) {
	dialing, cancel := context.WithTimeout(ctx, dialTime)
	conn, err := new(net.Dialer).DialContext(dialing, "tcp", l.address)
	cancel()
	if err != nil {
		return up, err
	}
	s := l.begin(time.Now())
	messages := make(chan received)
	done := make(chan struct{})
	var reader sync.WaitGroup
	frame := s.frames()
	reader.Go(func() { read(conn, frame, messages, done) })
	defer func() {
		close(done)
		_ = conn.Close() // it may be closed already
		reader.Wait()
	}()
	return l.serve(ctx, conn, s, messages)
}

// received is a message, or why there are no more.
type received struct {
	message message
	err     error
}

// read ends with the connection. It reads one message ahead at most.
func read(conn net.Conn, frame func(*bufio.Reader) (message, error), to chan<- received, done <-chan struct{}) {
	r := bufio.NewReader(conn)
	for {
		m, err := frame(r)
		select {
		case to <- received{m, err}:
		case <-done:
			return
		}
		if err != nil {
			return
		}
	}
}

// serve is the only one that changes the session.
func (l *link) serve(ctx context.Context, conn net.Conn, s session, messages <-chan received) (up time.Time, err error) {
	timer := time.NewTimer(time.Until(s.due()))
	defer timer.Stop()
	for {
		var next step
		select {
		case <-ctx.Done():
			_ = send(conn, s.goodbye(), partTime) // a courtesy
			return up, ctx.Err()
		case m := <-messages:
			if m.err != nil {
				return up, broken(m.err)
			}
			next, err = s.receive(m.message, time.Now())
		case <-timer.C:
			next, err = s.tick(time.Now())
		}
		if err != nil {
			return up, err
		}
		timer.Reset(time.Until(s.due()))
		if err := send(conn, next.send, writeTime); err != nil {
			return up, broken(err)
		}
		for _, e := range next.events {
			if c, ok := e.(Connected); ok {
				up, l.told = time.Now(), ""
				l.log.Info("connected to the switch")
				if c.Hint != "" {
					l.log.Warn(c.Hint)
				}
			}
			l.emit(e)
		}
	}
}

func send(conn net.Conn, text string, limit time.Duration) error {
	if text == "" {
		return nil
	}
	if err := conn.SetWriteDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	_, err := io.WriteString(conn, text)
	return err
}

// broken is the end of a connection in words, without our port, which makes every error a new one.
func broken(err error) error {
	var op *net.OpError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w without a word", ErrEnded)
	case errors.As(err, &op):
		return fmt.Errorf("%w: %w", ErrEnded, op.Err)
	}
	return err
}
