package pair_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"housephone/pair"
)

// The model: instances with clocks that differ and run up to 3 % apart, a store, and everything that goes wrong between
// them. Each step of a random life is one millisecond at the least, and no step may see two active instances.

const ms = time.Millisecond

type world struct {
	t      *testing.T
	r      *rand.Rand
	exact  bool
	now    time.Duration
	nodes  []*node
	queue  []delivery // in no order
	record entry      // of an exact store; what a topic retains
	calm   bool       // nothing goes wrong any more
	born   int
	log    []string
}

type entry struct {
	pair.Record
	version int
}

type delivery struct {
	at time.Duration
	do func()
}

type node struct {
	w            *world
	name         string
	m            *pair.Machine
	offset       time.Duration
	rate         float64
	linked       bool
	session      int // of links: what belongs to an earlier one is not delivered
	up, down     time.Duration
	frozen       time.Duration // until then
	postponed    []func()
	version      int // of an exact store: what we know
	lastPoll     time.Duration
	acts, active int
}

func (n *node) clock() time.Duration {
	return n.offset + time.Duration(float64(n.w.now)*n.rate)
}

func (w *world) later(d time.Duration, f func()) { w.queue = append(w.queue, delivery{w.now + d, f}) }

func (w *world) delay() time.Duration {
	if w.calm || w.r.IntN(10) > 0 {
		return time.Duration(1+w.r.IntN(20)) * ms
	}
	return time.Duration(w.r.IntN(4000)) * ms
}

// birth starts a process; a new one has a new name.
func (w *world) birth(i int) {
	w.born++
	n := &node{
		w: w, name: fmt.Sprintf("n%d.%d", i, w.born), rate: 0.97 + 0.06*w.r.Float64(),
		offset: time.Duration(w.r.IntN(1e6)) * ms,
	}
	var err error
	n.m, err = pair.New(pair.Config{Holder: n.name, Timing: pair.NewTiming(2 * time.Second), Exact: w.exact})
	if err != nil {
		w.t.Fatal(err)
	}
	w.nodes[i] = n
	w.later(w.delay(), func() { n.link() })
}

func (n *node) alive() bool { return slices.Contains(n.w.nodes, n) }

// run lets the process do something, now or when it is thawed.
func (n *node) run(f func()) {
	if !n.alive() {
		return
	}
	if n.w.now < n.frozen {
		n.postponed = append(n.postponed, f)
		return
	}
	f()
}

func (n *node) do(actions []pair.Action) {
	for _, a := range actions {
		switch a := a.(type) {
		case pair.Write:
			n.send(a)
		case pair.Changed:
			n.w.log = append(n.w.log, fmt.Sprintf("%v %s active=%v", n.w.now, n.name, a.Active))
			if a.Active {
				n.acts++
			}
		}
	}
}

func (n *node) link() {
	n.run(func() {
		if n.linked {
			return
		}
		n.linked = true
		n.session++
		n.up, n.down = n.w.now, n.w.now
		n.do(n.m.Linked(n.clock(), n.w.r.Float64()))
		if n.w.exact {
			n.poll()
		} else if n.w.record.Holder != "" {
			n.deliver(n.w.record.Record, true)
		}
	})
}

func (n *node) unlink() {
	n.session++
	n.linked = false
	n.run(func() {
		if !n.linked {
			n.do(n.m.Unlinked(n.clock()))
		}
	})
	n.w.later(n.w.delay()*2, func() { n.link() })
}

// deliver brings a message of the topic to a node, in order.
func (n *node) deliver(r pair.Record, kept bool) {
	session := n.session
	n.down = max(n.down, n.w.now+n.w.delay())
	at := n.down
	n.w.queue = append(n.w.queue, delivery{at, func() {
		n.run(func() {
			if session == n.session {
				n.do(n.m.Record(n.clock(), r, kept))
			}
		})
	}})
}

func (n *node) confirm(token uint64, o pair.Outcome) {
	session := n.session
	n.down = max(n.down, n.w.now+n.w.delay())
	n.w.queue = append(n.w.queue, delivery{n.down, func() {
		n.run(func() {
			if session == n.session {
				n.do(n.m.Wrote(n.clock(), token, o))
			}
		})
	}})
}

func (n *node) send(a pair.Write) {
	if !n.linked && n.w.r.IntN(2) == 0 {
		return
	}
	n.up = max(n.up, n.w.now+n.w.delay())
	session, known := n.session, n.version
	n.w.queue = append(n.w.queue, delivery{n.up, func() {
		gone := session != n.session
		if gone && !n.w.calm && n.w.r.IntN(2) == 0 { // old bytes that a network delivers late
			late := n.w.r.IntN(20000)
			n.w.later(time.Duration(late)*ms, func() { n.w.arrive(n, a, known, true) })
			return
		}
		n.w.arrive(n, a, known, gone)
	}})
}

// arrive is what the store does with a write.
func (w *world) arrive(from *node, a pair.Write, known int, gone bool) {
	if w.exact {
		if known != w.record.version {
			if !gone {
				from.confirm(a.Token, pair.Refused)
				w.later(w.delay(), func() { from.run(from.poll) })
			}
			return
		}
		w.record = entry{a.Record, w.record.version + 1}
		if !gone {
			from.version = w.record.version
			from.confirm(a.Token, pair.Stored)
		}
		return
	}
	w.record = entry{a.Record, w.record.version + 1}
	for _, n := range w.nodes {
		switch {
		case !n.linked:
		case n == from && !gone:
			n.confirm(a.Token, pair.Stored)
		default:
			n.deliver(a.Record, false)
		}
	}
}

// poll asks an exact store.
func (n *node) poll() {
	if !n.linked {
		return
	}
	session := n.session
	n.w.later(n.w.delay(), func() {
		e := n.w.record
		n.down = max(n.down, n.w.now+n.w.delay())
		n.w.queue = append(n.w.queue, delivery{n.down, func() {
			n.run(func() {
				if session != n.session || e.version <= n.version {
					return
				}
				n.version = e.version
				if e.Holder != n.name {
					n.do(n.m.Record(n.clock(), e.Record, true))
				}
			})
		}})
	})
}

// step lets one millisecond or more pass.
func (w *world) step() {
	w.now += time.Duration(1+w.r.IntN(20)) * ms
	slices.SortStableFunc(w.queue, func(a, b delivery) int { return int(a.at - b.at) })
	for len(w.queue) > 0 && w.queue[0].at <= w.now {
		d := w.queue[0]
		w.queue = w.queue[1:]
		d.do()
	}
	for i, n := range w.nodes {
		if w.now >= n.frozen {
			waiting := n.postponed
			n.postponed = nil
			w.r.Shuffle(len(waiting)*w.r.IntN(2)/2, func(int, int) {}) // keeps the order: it is that of the sockets
			for _, f := range waiting {
				f()
			}
			if n.clock() >= n.m.Next() {
				n.do(n.m.Tick(n.clock()))
			}
			if w.exact && w.now-n.lastPoll > 250*ms {
				n.lastPoll = w.now
				n.poll()
			}
		}
		if !w.calm {
			w.trouble(i, n)
		}
	}
}

func (w *world) trouble(i int, n *node) {
	switch w.r.IntN(1500) {
	case 0:
		n.frozen = w.now + time.Duration(w.r.IntN(6000))*ms
	case 1, 2:
		if n.linked {
			n.unlink()
		}
	case 3:
		w.birth(i) // killed and started again
	case 4:
		n.run(func() { n.do(n.m.Release(n.clock())) })
	case 5: // the broker restarts and may have forgotten what it kept
		for _, other := range w.nodes {
			if other.linked {
				other.unlink()
			}
		}
		if !w.exact && w.r.IntN(2) == 0 {
			w.record = entry{}
		}
	}
}

func (w *world) check(seed uint64) int {
	var who []string
	for _, n := range w.nodes {
		if n.m.Active(n.clock()) {
			who = append(who, n.name)
			n.active++
		}
	}
	if len(who) > 1 {
		w.t.Fatalf("seed %d: at %v %v are active\n%v", seed, w.now, who, w.log[max(0, len(w.log)-20):])
	}
	return len(who)
}

func TestNeverTwoActive(t *testing.T) {
	t.Parallel()
	for _, exact := range []bool{false, true} {
		t.Run(fmt.Sprintf("exact=%v", exact), func(t *testing.T) {
			t.Parallel()
			changes, steps, served := 0, 0, 0
			for seed := range uint64(lives) {
				w := &world{t: t, r: rand.New(rand.NewPCG(seed, 7)), exact: exact, nodes: make([]*node, 2+int(seed%2))}
				for i := range w.nodes {
					w.birth(i)
				}
				for w.now < time.Minute {
					w.step()
					steps++
					served += w.check(seed)
				}
				w.calm = true // and then one of them is active
				for end := w.now + 45*time.Second; w.now < end; {
					w.step()
					w.check(seed)
				}
				if w.check(seed) != 1 {
					t.Fatalf("seed %d: nobody is active when all is well\n%v", seed, w.log[max(0, len(w.log)-20):])
				}
				changes += len(w.log)
			}
			// A model in which nothing happens proves nothing.
			if changes < lives*5 || served < steps/4 {
				t.Errorf("%d lives: %d changes, somebody active in %d of %d steps", lives, changes, served, steps)
			}
			t.Logf("%d lives: %d changes, somebody active in %d of %d steps", lives, changes, served, steps)
		})
	}
}
