package phone

import "sync"

// mailboxLimit bounds what may wait for the line; a peer retransmits what is dropped.
const mailboxLimit = 20000

// mailbox is an ordered queue of work that never blocks who posts.
type mailbox struct {
	mu     sync.Mutex // guards following
	queue  []func()
	closed bool

	wake chan struct{}
}

func newMailbox() *mailbox { return &mailbox{wake: make(chan struct{}, 1)} }

// post adds work; false means that it was dropped.
func (m *mailbox) post(f func()) bool {
	m.mu.Lock()
	if m.closed || len(m.queue) >= mailboxLimit {
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
