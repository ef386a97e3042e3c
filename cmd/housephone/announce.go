package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"housephone/phone"
	"housephone/phone/ivr/alarm"
	"housephone/phone/ivr/player"
	"housephone/topics"
)

const (
	maxAnnouncements = 8               // that run at the same time
	ringGrace        = 5 * time.Second // that the phone waits longer than the announcement, which decides
)

// announcer runs the announcements. It belongs to the desk's goroutine.
type announcer struct {
	desk    *desk
	lines   int // PHONE_MAX_CALLS
	rate    int // of the preferred codec
	running []*announcement
	busy    atomic.Int32 // len(running), for others
	legs    map[string]*announcedCall
	count   int
	current string // tag of the call that plain commands mean
	calls   int    // in progress
	unsaid  []topics.AnnouncementEnded
	publish func(topics.AnnouncementEnded)
	online  func() bool // whether the broker hears it
}

func newAnnouncer(d *desk) *announcer {
	return &announcer{desk: d, lines: 1, rate: 8000, legs: map[string]*announcedCall{}, online: func() bool { return true }}
}

// waits tells that time has to go on for the announcements.
func (n *announcer) waits() bool { return len(n.running) > 0 || len(n.unsaid) > 0 }

// announcement is something to say, and those who are called for it.
type announcement struct {
	id      string
	name    string // shown while it plays
	want    topics.Announcement
	uris    map[string]string // of the addresses as they were given
	ring    time.Duration
	machine *alarm.Machine
	started time.Time
	sounds  map[int]*player.Feed // by rate
	dialled bool                 // somebody was
	open    int                  // calls whose end has not been told
	reply   func(error)          // of the command; only the first one counts
	last    error                // why the last one did not ring
	done    *alarm.Done          // the outcome, once it is known

	life context.Context //nolint:containedctx // of the sounds that are being made
	end  context.CancelFunc
}

// announcedCall is one call of an announcement.
type announcedCall struct {
	of       *announcement
	leg      alarm.Leg
	tag      string
	placed   bool         // the outcome of dialling is known
	end      *phone.Ended // that came before it
	answered bool
	session  *session
	item     uint64 // that plays, 0 = none
}

// announce begins an announcement. The outcome is told when the first one rings, or
// when it is clear that nobody will; a long list may take longer than other commands.
func (d *desk) announce(cmd topics.Command, uris map[string]string) outcome {
	want, _ := cmd.Announcement()
	for _, uri := range uris {
		if err := d.calls.Allowed(uri); err != nil {
			return func(context.Context) error { return err }
		}
	}
	to := cmd.Values
	if len(to) == 0 {
		to = []string{cmd.Value}
	}
	conf := alarmConfig(want, to, d.announcer.lines)
	machine, err := alarm.New(conf)
	if err != nil {
		return failed(topics.Invalid, err.Error())
	}
	a := &announcement{
		name: announcedName(want), want: want, uris: uris, ring: conf.Ring, machine: machine, started: time.Now(), sounds: map[int]*player.Feed{},
	}
	if text, ok := scalarText(cmd.ID); ok {
		a.id = text
	}
	done := make(chan error, 1)
	a.reply = func(err error) {
		select {
		case done <- err:
		default: // an answer is given once
		}
	}
	if !d.post(func() { d.announcer.begin(a) }) {
		return failed(topics.Busy, "too many commands are waiting")
	}
	return func(ctx context.Context) error { return d.awaitAnnouncement(ctx, done) }
}

// awaitAnnouncement waits beyond the deadline of ctx, as long as the desk serves.
func (d *desk) awaitAnnouncement(ctx context.Context, done <-chan error) error {
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return &topics.Error{Code: topics.Refused, Message: "the phone is stopping"}
		}
	}
	select {
	case err := <-done:
		return err
	case <-d.life.Done():
		return &topics.Error{Code: topics.Refused, Message: "the phone is stopping"}
	}
}

func alarmConfig(w topics.Announcement, to []string, lines int) alarm.Config {
	seconds := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	c := alarm.Config{
		To: to, Ack: w.Ack, Attempts: w.Attempts, Ring: seconds(w.Ring), Together: w.Together, Lines: lines,
		Pause: seconds(w.Pause), Repeat: w.Repeat, Wait: seconds(w.Wait),
	}
	if c.Ring == 0 {
		c.Ring = alarm.DefaultRing
	}
	return c
}

func announcedName(w topics.Announcement) string {
	if w.Say == "" {
		return w.Play
	}
	return shorten(w.Say)
}

// begin makes the sound, and with its first samples dials: what cannot be heard calls nobody.
func (n *announcer) begin(a *announcement) {
	if len(n.running) >= maxAnnouncements {
		a.reply(&topics.Error{Code: topics.Busy, Message: fmt.Sprintf("%d announcements are under way already", len(n.running))})
		return
	}
	n.count++
	a.life, a.end = context.WithCancel(n.desk.life)
	if a.id == "" {
		a.id = fmt.Sprintf("announcement-%s-%d", a.started.UTC().Format("20060102T150405"), n.count)
	}
	n.running = append(n.running, a)
	n.busy.Store(int32(len(n.running)))
	n.sound(a, n.rate, func(err error) {
		switch {
		case a.done != nil: // cancelled meanwhile
		case err != nil:
			n.drop(a, soundError(err))
		default:
			n.carryOut(a, a.machine.Start(time.Now()))
		}
	})
}

// drop ends an announcement for which nobody was dialled.
func (n *announcer) drop(a *announcement, err error) {
	a.reply(err)
	a.end()
	for i, other := range n.running {
		if other == a {
			n.running = append(n.running[:i], n.running[i+1:]...)
			break
		}
	}
	n.busy.Store(int32(len(n.running)))
}

// carryOut does what the machine decides.
func (n *announcer) carryOut(a *announcement, actions []alarm.Action) {
	for _, action := range actions {
		switch action := action.(type) {
		case alarm.Dial:
			n.dial(a, action)
		case alarm.Hangup:
			n.desk.calls.Drop(n.tag(a, action.Leg), droppedCause(action.Cause))
		case alarm.Say:
			if c := n.legs[n.tag(a, action.Leg)]; c != nil {
				n.say(c)
			}
		case alarm.Done:
			a.done = &action
		}
	}
	n.settle(a)
}

func droppedCause(c alarm.Cause) phone.Cause {
	switch c {
	case alarm.NoAnswer:
		return phone.CauseNoAnswer
	case alarm.TooLate:
		return phone.CauseElsewhere
	}
	return phone.CauseCancelled
}

// tag names a call; ids of commands may come twice, the address of a does not while it runs.
func (n *announcer) tag(a *announcement, leg alarm.Leg) string { return fmt.Sprintf("%p.%d", a, leg) }

func (n *announcer) dial(a *announcement, to alarm.Dial) {
	c := &announcedCall{of: a, leg: to.Leg, tag: n.tag(a, to.Leg)}
	n.legs[c.tag] = c
	a.open++
	d := n.desk
	placed := d.calls.Place(phone.Order{URI: a.uris[to.To], Ring: a.ring + ringGrace, Tag: c.tag})
	d.jobs.Go(func() {
		err := placed.Wait(d.life)
		d.send(func() { n.placed(c, err) })
	})
}

// placed hears that a call rings, or why it does not. The end of a call that was dialled is told by ended.
func (n *announcer) placed(c *announcedCall, err error) {
	a := c.of
	c.placed = true
	if err != nil {
		a.last = err
	}
	if !errors.Is(err, phone.ErrNotDialled) {
		a.dialled = true
		if err == nil {
			a.reply(nil)
		}
		if c.end != nil {
			n.ended(*c.end)
		}
		return
	}
	a.open--
	delete(n.legs, c.tag)
	switch kind := phone.KindOf(err); {
	case kind == phone.Busy:
		n.carryOut(a, a.machine.NoLine(c.leg, time.Now()))
	case !a.dialled && kind == phone.Refused && a.done == nil: // another one would be refused too
		n.carryOut(a, a.machine.Cancel())
	default:
		n.carryOut(a, a.machine.Ended(c.leg, alarm.Cause(phone.CauseFailed), time.Now()))
	}
}

// ended takes the record of a call, behind its publication.
func (n *announcer) ended(e phone.Ended) {
	c := n.legs[e.Call.Tag]
	if c == nil {
		return
	}
	if !c.placed { // why it did not ring is still on its way
		c.end = &e
		return
	}
	delete(n.legs, c.tag)
	a := c.of
	a.open--
	c.item = 0
	n.carryOut(a, a.machine.Ended(c.leg, alarm.Cause(e.Cause), time.Now()))
}

// changed finds out who has answered. The sessions of the desk know already.
func (n *announcer) changed(st phone.State) {
	n.calls, n.current = len(st.Calls), ""
	for _, call := range st.Calls {
		if call.Slot == st.Current {
			n.current = call.Tag
		}
		c, s := n.legs[call.Tag], n.desk.sessions[call.Slot]
		if c == nil || s == nil || s.call != call.ID || call.Status != phone.StatusActive {
			continue
		}
		moved := c.session != s
		c.session = s
		switch {
		case !c.answered:
			c.answered = true
			n.carryOut(c.of, c.of.machine.Answered(c.leg))
		case moved && c.item != 0: // the sound has another rate now: it begins anew
			n.say(c)
		}
	}
}

// key takes a key of a call.
func (n *announcer) key(s *session, key byte) {
	for _, c := range n.legs {
		if c.session == s {
			n.carryOut(c.of, c.of.machine.Key(c.leg, key))
			return
		}
	}
}

// tick does what is due.
func (n *announcer) tick(now time.Time) {
	for _, a := range append([]*announcement(nil), n.running...) {
		if at, ok := a.machine.Deadline(); ok && !now.Before(at) {
			n.carryOut(a, a.machine.Tick(now))
		}
	}
	for len(n.unsaid) > 0 && n.online() {
		n.publish(n.unsaid[0])
		n.unsaid = n.unsaid[1:]
	}
}

// cancel ends the announcement that the current call is one of, or without any call all; false when it is another call.
func (n *announcer) cancel() bool {
	c := n.legs[n.current]
	if c == nil && n.calls > 0 {
		return false
	}
	for _, a := range append([]*announcement(nil), n.running...) {
		if c == nil || c.of == a {
			n.carryOut(a, a.machine.Cancel())
		}
	}
	return true
}
