package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"housephone/phone"
	"housephone/phone/audio"
	"housephone/phone/ivr/keys"
	"housephone/phone/ivr/menu"
	"housephone/phone/ivr/player"
	"housephone/phone/ivr/prompt"
	"housephone/phone/ivr/speech"
	"housephone/topics"
)

// deskTick is how often the desk looks at what its players have done.
const deskTick = 20 * time.Millisecond

// desk is the voice of the house in ivr mode: it plays, speaks and gathers keys on
// every call. One goroutine owns its sessions; the calls never touch each other.
type desk struct {
	calls   soundLine
	voice   bool            // ivr mode: it speaks in every call, not only in those of the answering machine
	files   *prompt.Store   // nil = no MEDIA_DIR
	speaker *speech.Speaker // nil = nothing speaks here
	menu    *menu.File      // nil = no IVR_MENU_FILE
	guard   *menu.Guard     // of PINs
	mail    *mailman        // nil = no messages are taken
	archive *archive        // nil = no RECORD_DIR
	phrases phrases
	house   house
	publish func(slot int, datapoint, value string)
	log     *slog.Logger

	in       chan func()
	life     context.Context //nolint:containedctx // ends with run; what is done aside ends with it
	end      context.CancelFunc
	jobs     sync.WaitGroup
	sessions map[int]*session // by slot
	current  int
	ringing  bool                  // nobody hears anything, but a caller waits
	floors   map[int]*player.Floor // by rate
	nextID   uint64

	announcer *announcer
}

// soundLine is the part of the phone that the desk needs.
type soundLine interface {
	SpeakInto(call string, src audio.Source) *phone.Pending
	TapCall(call string, near, far audio.Sink) *phone.Pending
	HangupCall(call string) *phone.Pending
	TransferCall(call, uri string) *phone.Pending
	Place(o phone.Order) *phone.Pending
	Drop(tag string, cause phone.Cause) *phone.Pending
	Allowed(uri string) error
}

// session is what the desk does on one call.
type session struct {
	slot    int
	call    string // its id
	rate    int
	player  *player.Player
	playing string
	places  []*place          // of sounds that are being made for commands
	done    map[uint64]func() // what follows the end of an item
	gather  *gathering

	from, name string // the far end, as the topics show it
	attended   bool   // what is due at the start of a call has begun
	unattended bool   // the answering machine has it
	visit      *visit // nil = nobody leads the caller
	tape       *recording
	recording  string // what was told of it

	making context.Context //nolint:containedctx // of those sounds; replaced when they are stopped
	cancel context.CancelFunc

	ear      *ear // nil = keys are not listened for
	byInfo   bool // they come by INFO
	heard    bool // a key was heard in the sound
	heardKey byte
	heardAt  time.Time
}

// gathering is a collection of keys under way.
type gathering struct {
	keys   *keys.Collector
	prompt uint64 // item of the prompt, 0 when there is none (any more)
}

func newDesk(calls soundLine, log *slog.Logger) *desk {
	d := &desk{calls: calls, log: log, in: make(chan func(), 256), sessions: map[int]*session{}, floors: map[int]*player.Floor{}}
	d.announcer = newAnnouncer(d)
	d.life, d.end = context.WithCancel(context.Background())
	return d
}

// send gives the desk something that it must not miss, unless it has ended.
func (d *desk) send(f func()) {
	select {
	case d.in <- f:
	case <-d.life.Done():
	}
}

// post gives the desk something to do; false when it has too much to do.
func (d *desk) post(f func()) bool {
	select {
	case d.in <- f:
		return true
	default:
		return false
	}
}

// run serves until ctx ends.
func (d *desk) run(ctx context.Context) {
	defer d.farewell()
	defer d.jobs.Wait()
	defer d.end()
	d.startJobs()
	var tick *time.Ticker
	var ticks <-chan time.Time
	for {
		busy := len(d.sessions) > 0 || d.announcer.waits()
		switch {
		case busy && tick == nil:
			tick = time.NewTicker(deskTick)
			ticks = tick.C
		case !busy && tick != nil:
			tick.Stop()
			tick, ticks = nil, nil
		}
		select {
		case <-ctx.Done():
			if tick != nil {
				tick.Stop()
			}
			d.announcer.stop()
			return
		case f := <-d.in:
			f()
		case now := <-ticks:
			for _, s := range d.sessions {
				d.look(s, now)
			}
			d.announcer.tick(now)
		}
	}
}

// changed follows the calls of the phone.
func (d *desk) changed(st phone.State) {
	d.nowCurrent(st.Current)
	d.ringing = false
	seen := map[int]bool{}
	for _, c := range st.Calls {
		d.ringing = d.ringing || c.Status == phone.StatusRing
		if !audible(c) {
			continue
		}
		seen[c.Slot] = true
		s := d.sessions[c.Slot]
		if s == nil || s.call != c.ID || s.rate != c.Rate {
			s = d.open(c, s)
		}
		if c.Status == phone.StatusActive {
			d.attend(s, c)
		}
	}
	for slot, s := range d.sessions {
		if !seen[slot] {
			d.close(s)
		}
	}
	d.announcer.changed(st)
}

// audible tells that the far end hears what is played: in a call, and where
// PHONE_EARLY_MEDIA lets a caller hear before the answer.
func audible(c phone.Call) bool {
	early := c.Status == phone.StatusRing && c.Direction == phone.In
	return c.Rate > 0 && (early || c.Status == phone.StatusActive)
}

// floor is what is heard where nothing plays.
func (d *desk) floor(rate int) *player.Floor {
	if d.floors[rate] == nil {
		d.floors[rate] = player.NewFloor(rate)
	}
	return d.floors[rate]
}

// close ends what was going on in a call that has ended.
func (d *desk) close(s *session) {
	delete(d.sessions, s.slot)
	d.leaveAll(s)
	d.stop(s, errCallEnded())
	s.cancel()
	d.tell(s, topics.PlayIdle)
}

// session finds the call that a command means.
func (d *desk) session(slot int) (*session, error) {
	if slot == 0 {
		slot = d.current
	}
	s := d.sessions[slot]
	if s == nil {
		text := "no call is active"
		if d.ringing {
			text = "no call is active; PHONE_EARLY_MEDIA=1 lets callers hear what is played before they are answered"
		}
		return nil, &topics.Error{Code: topics.Refused, Message: text}
	}
	return s, nil
}

// look tells what has begun and ended since the last time.
func (d *desk) look(s *session, now time.Time) {
	for _, end := range s.player.Ends(nil) {
		if end.Err != nil {
			d.log.Warn("playing broke off", "what", end.Name, "err", end.Err)
		}
		if g := s.gather; g != nil && g.prompt == end.ID {
			g.prompt = 0
			g.keys.PromptEnded(now)
		}
		if s.visit != nil {
			delete(s.visit.items, end.ID)
		}
		if f := s.done[end.ID]; f != nil {
			delete(s.done, end.ID)
			f()
		}
	}
	if name, ok := s.player.Playing(); ok {
		d.tell(s, name)
	} else {
		d.tell(s, topics.PlayIdle)
	}
	if g := s.gather; g != nil {
		if result, ok := g.keys.Tick(now); ok {
			d.gathered(s, result)
		}
	}
	if s.visit != nil {
		d.lookAt(s.visit, now)
	}
}

// tell publishes what plays, when it has changed.
func (d *desk) tell(s *session, what string) {
	if s.playing == "" {
		s.playing = topics.PlayIdle
	}
	if s.playing != what {
		s.playing = what
		if d.voice {
			d.publish(s.slot, "play", what)
		}
	}
}

// key takes a key that the far end of a call has pressed.
func (d *desk) key(slot int, key byte, now time.Time) {
	s := d.sessions[slot]
	if s == nil {
		return
	}
	s.player.Key(key)
	d.announcer.key(s, key)
	g := s.gather
	if g == nil {
		if s.visit != nil {
			d.visitKey(s.visit, key, now)
		}
		return
	}
	if g.prompt != 0 { // barge-in
		s.player.Remove(g.prompt)
		g.prompt = 0
	}
	if result, ok := g.keys.Key(key, now); ok {
		d.gathered(s, result)
	}
}

func (d *desk) gathered(s *session, result keys.Collected) {
	if s.gather.prompt != 0 {
		s.player.Remove(s.gather.prompt)
	}
	s.gather = nil
	d.publish(s.slot, "dtmf/collected", collectedText(result))
}
