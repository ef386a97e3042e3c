package phonetest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Match is a further condition of Expect; it gives what is wrong, or nil.
type Match func(*Msg) error

// Has asks for a header whose first value contains want.
func Has(name, want string) Match {
	return func(m *Msg) error {
		if got := m.Header(name); !strings.Contains(got, want) || m.Values(name) == nil {
			return fmt.Errorf("header %s is %q, want %q in it", name, got, want)
		}
		return nil
	}
}

// HasNo asks that a header is absent.
func HasNo(name string) Match {
	return func(m *Msg) error {
		if v := m.Values(name); v != nil {
			return fmt.Errorf("header %s is %q, want none", name, v)
		}
		return nil
	}
}

// HasBody asks for a body that contains want.
func HasBody(want string) Match {
	return func(m *Msg) error {
		if !strings.Contains(string(m.Body), want) {
			return fmt.Errorf("body has no %q", want)
		}
		return nil
	}
}

// matches tells whether m is what: "any", a method, a status ("180", "2xx"), or a
// status and the method it answers ("2xx INVITE").
func matches(m *Msg, what string) bool {
	status, method, _ := strings.Cut(what, " ")
	if what == "any" || what == "" {
		return true
	}
	if what[0] >= '0' && what[0] <= '9' {
		_, of := m.CSeq()
		return !m.IsRequest() && matchesStatus(m.Code, status) && (method == "" || method == of)
	}
	return m.Method == status
}

func matchesStatus(code int, status string) bool {
	if class, ok := strings.CutSuffix(status, "xx"); ok {
		return strconv.Itoa(code/100) == class
	}
	return strconv.Itoa(code) == status
}

// Expect gives the next message, which must be what: "INVITE", "180", "2xx INVITE",
// "any". Another message, or none within Timeout, ends the test. Copies are skipped.
func (p *Peer) Expect(t testing.TB, what string, match ...Match) *Msg {
	t.Helper()
	m := p.take(time.Now().Add(p.Timeout), func(*Msg) bool { return true })
	if m == nil {
		t.Fatalf("peer %s: no %s within %v\n", p.addr, what, p.Timeout)
		return nil
	}
	if !matches(m, what) {
		t.Fatalf("peer %s: got %s, want %s\n%s", p.addr, m, what, m.Raw)
	}
	for _, f := range match {
		if err := f(m); err != nil {
			t.Fatalf("peer %s: %s: %v\n%s", p.addr, m, err, m.Raw)
		}
	}
	return m
}

// ExpectAll gives the next len(what) messages, which may come in any order, in the
// order of what.
func (p *Peer) ExpectAll(t testing.TB, what ...string) []*Msg {
	t.Helper()
	out := make([]*Msg, len(what))
	for range what {
		m := p.Expect(t, "any")
		i := 0
		for i < len(what) && (out[i] != nil || !matches(m, what[i])) {
			i++
		}
		if i == len(what) {
			t.Fatalf("peer %s: got %s, want one of %q\n%s", p.addr, m, what, m.Raw)
		}
		out[i] = m
	}
	return out
}

// Await gives the next message that is what and forgets those before it.
func (p *Peer) Await(t testing.TB, what string) *Msg {
	t.Helper()
	m := p.take(time.Now().Add(p.Timeout), func(m *Msg) bool { return matches(m, what) })
	if m == nil {
		t.Fatalf("peer %s: no %s within %v\n", p.addr, what, p.Timeout)
	}
	return m
}

// take waits for the next message that f wants; nil at the deadline.
func (p *Peer) take(deadline time.Time, f func(*Msg) bool) *Msg {
	for {
		p.mu.Lock()
		for p.next < len(p.log) {
			m := p.log[p.next]
			p.next++
			if (!m.Copy || p.keepCopies) && f(m) {
				p.mu.Unlock()
				return m
			}
		}
		changed := p.changed
		p.mu.Unlock()
		if !wait(changed, deadline) {
			return nil
		}
	}
}

// ExpectNone waits for d and ends the test if a message that is what arrives, or has
// arrived and was not yet expected. A copy that arrives now counts too.
func (p *Peer) ExpectNone(t testing.TB, what string, d time.Duration) {
	t.Helper()
	deadline := time.Now().Add(d)
	p.mu.Lock()
	from, now := p.next, len(p.log)
	p.mu.Unlock()
	for {
		p.mu.Lock()
		for ; from < len(p.log); from++ {
			if m := p.log[from]; matches(m, what) && (!m.Copy || from >= now) {
				p.mu.Unlock()
				t.Fatalf("peer %s: got %s, want no %s for %v\n%s", p.addr, m, what, d, m.Raw)
			}
		}
		changed := p.changed
		p.mu.Unlock()
		if !wait(changed, deadline) {
			return
		}
	}
}

// Count gives how many messages that are what have been received, copies included;
// those that Handle took do not count.
func (p *Peer) Count(what string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, m := range p.log {
		if matches(m, what) {
			n++
		}
	}
	return n
}

// AwaitCount waits until Count(what) is at least n.
func (p *Peer) AwaitCount(t testing.TB, what string, n int) {
	t.Helper()
	deadline := time.Now().Add(p.Timeout)
	for {
		p.mu.Lock()
		changed := p.changed
		p.mu.Unlock()
		got := p.Count(what)
		if got >= n {
			return
		}
		if !wait(changed, deadline) {
			t.Fatalf("peer %s: %d %s within %v, want %d", p.addr, got, what, p.Timeout, n)
		}
	}
}

// Copies gives how many retransmissions of m have been received.
func (p *Peer) Copies(m *Msg) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(0, p.copies[copyKey(m)]-1)
}

func wait(changed <-chan struct{}, deadline time.Time) bool {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-changed:
		return true
	case <-timer.C:
		return false
	}
}
