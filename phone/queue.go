package phone

import (
	"context"
	"sync"
	"time"
)

// eventLimit bounds what may wait for a slow reader. A state that is followed by
// a newer one is left out first.
const eventLimit = 4096

// eventQueue hands events over in order without ever blocking the line.
type eventQueue struct {
	mu    sync.Mutex // guards following
	queue []Event

	wake chan struct{}
	out  chan Event
}

func newEventQueue() *eventQueue {
	return &eventQueue{wake: make(chan struct{}, 1), out: make(chan Event, 64)}
}

func (q *eventQueue) push(e Event) {
	q.mu.Lock()
	if len(q.queue) >= eventLimit {
		q.dropOne()
	}
	q.queue = append(q.queue, e)
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *eventQueue) dropOne() {
	for i, e := range q.queue {
		if _, ok := e.(StateChanged); ok {
			q.queue = append(q.queue[:i], q.queue[i+1:]...)
			return
		}
	}
	q.queue = q.queue[1:]
}

func (q *eventQueue) take() []Event {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.queue
	q.queue = nil
	return all
}

// pump moves events to the channel until ctx ends, then for at most linger what is left; it closes the channel.
func (q *eventQueue) pump(ctx context.Context, linger time.Duration) {
	defer close(q.out)
	for ctx.Err() == nil {
		events := q.take()
		for i, e := range events {
			select {
			case q.out <- e:
			case <-ctx.Done():
				q.drain(append(events[i:], q.take()...), linger)
				return
			}
		}
		select {
		case <-q.wake:
		case <-ctx.Done():
		}
	}
	q.drain(q.take(), linger)
}

func (q *eventQueue) drain(rest []Event, linger time.Duration) {
	t := time.NewTimer(linger)
	defer t.Stop()
	for _, e := range rest {
		select {
		case q.out <- e:
		case <-t.C:
			return
		}
	}
}
