package phone

import "sync"

// mailboxLimit bounds the requests of peers that may wait for the line; who sent one
// that is refused tries again.
const mailboxLimit = 20000

// mailbox is an ordered queue of work that never blocks who posts.
type mailbox struct {
	mu     sync.Mutex // guards following
	queue  []func()
	closed bool

	wake chan struct{}
}

func newMailbox() *mailbox { return &mailbox{wake: make(chan struct{}, 1)} }

// post adds work of our own, which is never dropped; false means that the line has ended.
func (m *mailbox) post(f func()) bool { return m.add(f, 0) }

// offer adds work that a peer asks for; false means that there is too much of it.
func (m *mailbox) offer(f func()) bool { return m.add(f, mailboxLimit) }

func (m *mailbox) add(f func(), limit int) bool {
	m.mu.Lock()
	if m.closed || (limit > 0 && len(m.queue) >= limit) {
		m.mu.Unlock()
		return false
	}
	m.queue = append(m.queue, f)
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
	return true
}

// waiting is how much work has not been taken yet.
func (m *mailbox) waiting() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.queue)
}

// take empties the queue.
func (m *mailbox) take() []func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	q := m.queue
	m.queue = nil
	return q
}

// close refuses further work and returns what was left.
func (m *mailbox) close() []func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	q := m.queue
	m.queue = nil
	return q
}
