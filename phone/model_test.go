package phone_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"housephone/phone"
	"housephone/phone/phonetest"
)

// chaos is a peer that does anything it likes with the calls of one phone.
type chaos struct {
	*rand.Rand
	r       *rig
	p       *phonetest.Peer
	invites []*phonetest.Msg // of the phone, to be answered
	own     []*phonetest.Msg // ours
	dialogs []*phonetest.Dialog
	reqs    []*phonetest.Msg // other requests of the phone
	last    []*phonetest.Msg // sent, to be sent again
	asked   int              // commands to call somebody
	placed  map[string]bool  // Call-IDs of the calls that the phone has placed

	mu    sync.Mutex // guards following
	inbox []*phonetest.Msg
}

// Messages in any order, lost, doubled and wrong; commands at any time. At rest no call and
// no transaction is left, and each call has exactly one record.
func TestAnythingGoes(t *testing.T) {
	t.Parallel()
	seeds := 30
	if testing.Short() {
		seeds = 5
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			anything(t, uint64(seed))
		})
	}
}

func anything(t *testing.T, seed uint64) {
	t.Helper()
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) {
		c.Timers = quick
		c.Timers.T1 = 5 * time.Millisecond // 64*T1 is 0.3 s
		c.RingTimeout, c.MaxCallDuration = 300*time.Millisecond, 600*time.Millisecond
		c.AllowRefer, c.MaxCalls = seed%2 == 0, 1+int(seed%3)
		c.EarlyMedia = seed%5 == 0
	}, p)
	c := &chaos{Rand: rand.New(rand.NewPCG(seed, 1)), r: r, p: p, placed: map[string]bool{}} //nolint:gosec // repeatable, not secret
	p.Handle("any", func(m *phonetest.Msg) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.inbox = append(c.inbox, m)
	})
	for range 250 {
		c.listen()
		c.step()
		if c.IntN(4) == 0 {
			time.Sleep(time.Duration(c.IntN(4)) * time.Millisecond)
		}
	}
	// From here on the peer is silent, and everything has to come to its end by itself.
	deadline := time.Now().Add(20 * time.Second)
	for {
		s := r.Stats()
		st := r.snapshot(t)
		if s.ClientTransactions+s.ServerTxs+s.Media.Streams+len(st.Calls)+r.Kept() == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("not at rest: %+v, %+v, %d calls kept", s, st, r.Kept())
		}
		time.Sleep(20 * time.Millisecond)
	}
	if s := r.Stats(); s.Panics != 0 {
		t.Errorf("%d panics", s.Panics)
	}
	c.listen()
	if seed%2 != 0 && len(c.placed) > c.asked { // otherwise the far end may have had calls placed
		t.Errorf("%d calls of %d commands", len(c.placed), c.asked)
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	c.records(t)
}

// records checks the story that the events tell.
func (c *chaos) records(t *testing.T) {
	t.Helper()
	told, over := map[string]bool{}, map[string]bool{}
	var last phone.State
	for _, e := range c.r.events {
		switch e := e.(type) {
		case phone.Incoming:
			told[e.Call.ID] = true
		case phone.Outgoing:
			told[e.Call.ID] = true
		case phone.Ended:
			if over[e.Call.ID] {
				t.Errorf("two records of %s", e.Call.ID)
			}
			over[e.Call.ID] = true
		case phone.StateChanged:
			last = e.State
			for _, call := range e.State.Calls {
				if over[call.ID] {
					t.Errorf("%s is shown after its record", call.ID)
				}
			}
		}
	}
	if len(last.Calls) > 0 || last.Current != 0 { // what is told is the truth at rest
		t.Errorf("the last state told is %+v", last)
	}
	for id := range told {
		if !over[id] {
			t.Errorf("no record of %s", id)
		}
	}
}

// listen sorts what has come.
func (c *chaos) listen() {
	c.mu.Lock()
	news := c.inbox
	c.inbox = nil
	c.mu.Unlock()
	for _, m := range news {
		switch {
		case m.Copy:
		case m.Method == "INVITE" && m.ToTag() == "":
			c.invites = append(c.invites, m)
			c.placed[m.CallID()] = true
		case m.IsRequest():
			c.reqs = append(c.reqs, m)
		case m.Code > 100 && m.Code < 300:
			if i := slices.IndexFunc(c.own, func(o *phonetest.Msg) bool { return o.CallID() == m.CallID() }); i >= 0 && m.ToTag() != "" {
				d := c.p.Dialog(c.own[i], m)
				c.dialogs = append(c.dialogs, d)
				if m.Code >= 200 && c.IntN(4) > 0 {
					d.Ack(m, c.body()...)
				}
			}
		}
	}
}

func pick[T any](c *chaos, all []T) (T, bool) {
	var zero T
	if len(all) == 0 {
		return zero, false
	}
	return all[c.IntN(len(all))], true
}

func (c *chaos) body() []phonetest.Opt {
	bodies := []string{phonetest.SDP(4000), phonetest.SDP(4002, "PCMU"), phonetest.SDP(4004, "a=sendonly"), phonetest.SDP(4006, "a=inactive"), strange(4008), "nonsense"}
	if i := c.IntN(len(bodies) + 2); i < len(bodies) {
		return []phonetest.Opt{phonetest.WithSDP(bodies[i])}
	}
	return nil
}

func (c *chaos) odd() []phonetest.Opt {
	opts := c.body()
	switch c.IntN(8) {
	case 0:
		opts = append(opts, with("Require", "100rel"), with("RSeq", fmt.Sprint(1+c.IntN(3))))
	case 1:
		opts = append(opts, phonetest.WithTag(fmt.Sprint("fork", c.IntN(3))))
	case 2:
		opts = append(opts, with("Session-Expires", fmt.Sprint(90+c.IntN(100))), with("Supported", "timer"))
	case 3:
		opts = append(opts, with("Contact", "<"+c.p.URI("moved")+">"))
	case 4:
		opts = append(opts, with("CSeq", fmt.Sprint(c.IntN(5), " INVITE")))
	}
	return opts
}

func (c *chaos) step() {
	switch c.IntN(12) {
	case 0:
		c.own = append(c.own, c.keep(c.p.Invite(c.r.uri(), c.r.addr, c.odd()...)))
	case 1:
		c.asked++
		c.r.Call(c.p.URI("bob"))
	case 2:
		c.r.Answer(0)
	case 3:
		c.command()
	case 4, 5:
		if m, ok := pick(c, c.invites); ok {
			code := []int{100, 180, 183, 200, 200, 302, 401, 422, 486, 603}[c.IntN(10)]
			c.keep(c.p.Reply(m, code, "Some", c.odd()...))
		}
	case 6, 7:
		if m, ok := pick(c, c.reqs); ok {
			c.keep(c.p.Reply(m, []int{100, 200, 200, 200, 202, 405, 481, 491, 500}[c.IntN(9)], "Some", c.body()...))
		}
	case 8:
		if m, ok := pick(c, c.last); ok {
			c.p.Send(m, c.r.addr)
		}
	case 9:
		if m, ok := pick(c, c.own); ok {
			c.p.Cancel(m)
		}
	default:
		c.inDialog()
	}
}

func (c *chaos) keep(m *phonetest.Msg) *phonetest.Msg {
	c.last = append(c.last, m)
	return m
}

func (c *chaos) command() {
	switch c.IntN(6) {
	case 0, 1:
		c.r.Hangup(0)
	case 2:
		c.r.Hold(0, c.IntN(2) == 0)
	case 3:
		c.r.Transfer(0, c.p.URI("carl"))
	case 4:
		c.r.SendKeys(0, "12")
	case 5:
		c.r.Mute(0, c.IntN(2) == 0)
	}
}

// inDialog sends a request inside of a dialog, whoever began it.
func (c *chaos) inDialog() {
	if m, ok := pick(c, c.invites); ok && c.IntN(2) == 0 {
		c.dialogs = append(c.dialogs, c.p.Dialog(m, c.p.Response(m, 200, "OK")))
	}
	d, ok := pick(c, c.dialogs)
	if !ok {
		return
	}
	switch c.IntN(9) {
	case 0:
		d.Bye()
	case 1:
		c.own = append(c.own, c.keep(d.Send("INVITE", c.odd()...)))
	case 2:
		d.Send("UPDATE", c.body()...)
	case 3:
		d.Refer(c.p.URI("dora"))
	case 4:
		d.Notify("terminated", []string{"100 Trying", "200 OK", "486 Busy"}[c.IntN(3)])
	case 5:
		d.Info("application/dtmf", "5")
	case 6:
		d.Send("PRACK", append(c.body(), with("RAck", "1 1 INVITE"))...)
	case 7:
		d.Send("OPTIONS")
	case 8:
		d.Ack(&phonetest.Msg{Headers: []phonetest.Header{{Name: "CSeq", Value: "1 INVITE"}}}, c.body()...)
	}
}
