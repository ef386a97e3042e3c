package exec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// guard is what the host runs: the command that follows, without input, until it ends or the connection does. Not
// every host takes signals (OpenSSH does not for root), so the end of the input, which stays open as long as the command is
// wanted, makes the process group kill itself.
const guard = `exec 3<&0 4>&2 </dev/null 2>/dev/null; (read -r x <&3; kill -KILL 0) >/dev/null 4>&- & w=$!; ("$@" 2>&4 3<&- 4>&-); s=$?; kill $w; exit $s`

// remote runs commands on another host, over one connection that is made when it is needed.
type remote struct {
	target sshTarget
	log    *slog.Logger
	answer time.Duration // how long the host may take to answer on a connection that stands
	alive  time.Duration // how often it is asked during a command

	turn   chan struct{} // holds one token; who has it may use the following
	client *ssh.Client   // nil = none
	closed bool
}

func newRemote(t sshTarget, log *slog.Logger) *remote {
	r := &remote{target: t, log: log, answer: 3 * time.Second, alive: 15 * time.Second, turn: make(chan struct{}, 1)}
	r.turn <- struct{}{}
	return r
}

// Close ends the connection; sessions on it end with ErrUnreachable.
func (r *remote) Close() error {
	<-r.turn
	defer func() { r.turn <- struct{}{} }()
	r.closed = true
	r.drop()
	return nil
}

// drop gives the connection up. Its end is no news to anybody, so the error is not either.
func (r *remote) drop() {
	if r.client != nil {
		_ = r.client.Close()
		_ = r.client.Wait()
		r.client = nil
	}
}

func (r *remote) run(ctx context.Context, argv []string, stdout, stderr io.Writer) (int, error) {
	client, session, err := r.session(ctx)
	if err != nil {
		return -1, err
	}
	defer func() { _ = session.Close() }() // EOF when the host was first
	session.Stdout, session.Stderr = stdout, stderr
	stdin, err := session.StdinPipe()
	if err != nil {
		return -1, err
	}
	line := remoteLine(append([]string{"exec", "/bin/sh", "-c", guard, "sh"}, argv...))
	if err := r.within(ctx, client, func() error { return started(session.Start(line)) }); err != nil {
		return -1, failure(ctx, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- session.Wait() }()
	ping, stop := context.WithCancel(ctx)
	var pings sync.WaitGroup
	pings.Go(func() { r.ping(ping, client) })
	defer pings.Wait()
	defer stop()
	select {
	case err = <-ended:
	case <-ctx.Done():
		// a host that does not say that the session has ended loses the connection
		giveUp := time.AfterFunc(r.answer, func() { _ = client.Close() })
		defer giveUp.Stop()
		_ = session.Signal(ssh.SIGKILL) // OpenSSH kills the process group
		_ = stdin.Close()               // and so does guard
		err = <-ended
	}
	return status(ctx, err)
}

// status is what the end of a session means.
func status(ctx context.Context, err error) (int, error) {
	var exit *ssh.ExitError
	switch {
	case err == nil:
		return 0, nil
	case ctx.Err() != nil:
		return -1, context.Cause(ctx)
	case errors.As(err, &exit) && exit.Signal() != "":
		return -1, fmt.Errorf("%w: %s", ErrEnded, exit.Signal())
	case errors.As(err, &exit):
		return exit.ExitStatus(), nil
	}
	return -1, fmt.Errorf("%w: the connection broke: %w", ErrUnreachable, err)
}

// started leaves the command out of an error, because it may hold secrets.
func started(err error) error {
	if err != nil && strings.HasPrefix(err.Error(), "ssh: command ") { // there is no type for it
		return fmt.Errorf("%w: the host does not run commands", ErrStart)
	}
	return err
}

func failure(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, ErrStart):
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

// session opens a session on the connection there is, or on a new one when that has died.
func (r *remote) session(ctx context.Context) (*ssh.Client, *ssh.Session, error) {
	select {
	case <-r.turn:
		defer func() { r.turn <- struct{}{} }()
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
	if r.closed {
		return nil, nil, ErrClosed
	}
	if r.client != nil {
		session, err := r.open(ctx, r.client)
		if err == nil {
			return r.client, session, nil
		}
		if refused := new(ssh.OpenChannelError); errors.As(err, &refused) { // MaxSessions: the connection is well
			return nil, nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		r.log.Info("connection for commands is made anew", "err", err)
		r.drop()
	}
	client, err := r.target.dial(ctx)
	if err != nil {
		return nil, nil, err
	}
	r.client = client
	session, err := r.open(ctx, client)
	if err != nil {
		r.drop()
		return nil, nil, failure(ctx, err)
	}
	return client, session, nil
}

func (r *remote) open(ctx context.Context, client *ssh.Client) (*ssh.Session, error) {
	var session *ssh.Session
	err := r.within(ctx, client, func() error {
		var err error
		session, err = client.NewSession()
		return err
	})
	return session, err
}

// ping asks the host again and again whether it is there, and ends the connection when it is not.
func (r *remote) ping(ctx context.Context, client *ssh.Client) {
	ticks := time.NewTicker(r.alive)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			// the end of one command must not end the connection that others use
			err := r.within(context.WithoutCancel(ctx), client, func() error {
				_, _, err := client.SendRequest("keepalive@openssh.com", true, nil)
				return err
			})
			if err != nil {
				return
			}
		}
	}
}

// within does something that waits for the host, and ends the connection if that takes too long.
func (r *remote) within(ctx context.Context, client *ssh.Client, do func() error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, r.answer, errors.New("no answer"))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = client.Close() })
	defer stop()
	err := do()
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
