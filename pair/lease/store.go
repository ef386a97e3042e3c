package lease

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	coordination "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"housephone/pair"
)

// Store is a [pair.Store] at a Lease.
type Store struct {
	client *client
	writes chan pair.Write

	// Run's own.
	e     *pair.Elector
	known *coordination.Lease // the latest that was read; nil = there is none
	up    bool                // the last request was answered
}

// New checks the configuration. It asks nobody.
func New(c Config) (*Store, error) {
	cl, err := newClient(c)
	if err != nil {
		return nil, err
	}
	return &Store{client: cl, writes: make(chan pair.Write, 1)}, nil
}

// Write queues a record; one that still waits is replaced, since it would be late.
func (s *Store) Write(w pair.Write) {
	for {
		select {
		case s.writes <- w:
			return
		default:
		}
		select {
		case <-s.writes:
		default:
		}
	}
}

// Run reads and writes the Lease, one request at a time, until ctx ends. What waits to be written then is not.
func (s *Store) Run(ctx context.Context, e *pair.Elector) error {
	s.e = e
	t := e.Timing()
	poll := time.NewTicker(t.Poll)
	defer poll.Stop()
	s.read(ctx, t.Renew*2, false)
	for {
		select {
		case <-ctx.Done():
			return nil
		case w := <-s.writes:
			s.write(ctx, w)
		case <-poll.C:
			if !s.up || !e.Active() { // else the renewals find out
				s.read(ctx, t.Renew*2, s.up)
			}
		}
	}
}

// read looks at the Lease and reports what has changed.
func (s *Store) read(ctx context.Context, patience time.Duration, cached bool) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	l, err := s.client.get(ctx, cached)
	switch {
	case apierrors.IsNotFound(err):
		s.known = nil
		s.answered()
	case err != nil:
		s.failed(ctx, err)
	case s.known != nil && !newer(l.ResourceVersion, s.known.ResourceVersion):
		s.answered()
	default:
		s.known = l
		s.answered()
		if r := record(l); r.Holder != s.e.Holder() {
			s.e.Record(r, true)
		}
	}
}

// newer compares versions of one object. A read from the API server's memory may be older than what we have written. Versions are
// numbers that grow (Kubernetes promises that since 1.35, and has always done so); of others any difference is news.
func newer(version, known string) bool {
	v, err1 := strconv.ParseUint(version, 10, 64)
	k, err2 := strconv.ParseUint(known, 10, 64)
	if err1 != nil || err2 != nil {
		return version != known
	}
	return v > k
}

func (s *Store) write(ctx context.Context, w pair.Write) {
	t := s.e.Timing()
	limit, cancel := context.WithTimeout(ctx, t.Renew*2)
	defer cancel()
	l, err := s.client.put(limit, s.client.document(s.known, w.Record, time.Now()))
	switch {
	case err == nil:
		s.known = l
		s.e.Wrote(w.Token, pair.Stored)
		return
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err), apierrors.IsNotFound(err):
		// somebody else has written; or it was us, in a request that was cut short, or the Lease was deleted
		s.e.Wrote(w.Token, pair.Refused)
		s.read(ctx, t.Renew*2, false)
	default:
		s.failed(limit, err)
	}
}

func (s *Store) answered() {
	s.up = true
	s.e.Linked()
}

// failed reports an error in a sentence.
func (s *Store) failed(ctx context.Context, err error) {
	if errors.Is(context.Cause(ctx), context.Canceled) {
		return // we are stopping
	}
	s.up = false
	s.e.Unlinked(s.explain(err))
}

func (s *Store) explain(err error) string {
	var timeout net.Error
	switch {
	case apierrors.IsForbidden(err):
		return fmt.Sprintf("the service account may not use the Lease %s/%s: its role needs get, create and update of leases in coordination.k8s.io",
			s.client.namespace, s.client.name)
	case apierrors.IsUnauthorized(err):
		return "the API server of Kubernetes does not believe the token of the service account"
	case apierrors.IsInvalid(err):
		return "the API server of Kubernetes refuses the Lease: " + err.Error()
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return "the API server of Kubernetes does not answer in time"
	}
	return "the API server of Kubernetes cannot be asked: " + err.Error()
}
