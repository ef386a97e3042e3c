package phone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"
	"golang.org/x/sync/errgroup"

	"housephone/phone/digest"
	"housephone/phone/media"
	"housephone/phone/resolve"
	"housephone/phone/transaction"
	"housephone/phone/transport"
)

// stopWait bounds how long Run waits for answers to its last BYE and REGISTER.
const stopWait = 2 * time.Second

// Phone is one line. Make it with New, start it with Run.
type Phone struct {
	cfg Config
	log *slog.Logger

	box    *mailbox
	events *eventQueue
	jobs   sync.WaitGroup // background work
	ctx    atomic.Pointer[context.Context]

	sockets      *transport.Layer
	transactions *transaction.Layer
	engine       *media.Engine
	resolver     *resolve.Lookup
	digest       *digest.Client // nil without an account
	allow        *allowList
	panics       atomic.Uint64

	// The line's own; no other goroutine touches what follows.
	calls      map[string]*call // by Call-ID, also those that are only being buried
	slots      []*call          // index 0 is slot 1
	current    *call
	inHand     *call // the call being handled, for a panic
	reg        registration
	nat        nat
	autoAnswer bool
	dnd        bool
	volume     int
	active     bool
	stopping   bool
	dirty      bool
	measured   bool // calls have been measured, which is told for all of them together
	callSeq    uint64
	dialled    []time.Time // calls of the last hour, where they are bounded
}

// New checks the configuration and makes a phone; nothing is started.
func New(cfg Config) (*Phone, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	p := &Phone{
		cfg: cfg, log: cfg.Logger, box: newMailbox(), events: newEventQueue(),
		calls: map[string]*call{}, slots: make([]*call, cfg.MaxCalls),
		autoAnswer: cfg.AutoAnswer, dnd: cfg.DND, volume: cfg.Volume, active: !cfg.Standby,
		allow: newAllowList(cfg),
	}
	if cfg.Server != "" && cfg.Password != "" {
		p.digest = digest.New(digest.Credentials{Username: cfg.AuthUser, Password: cfg.Password})
	}
	var err error
	if p.resolver, err = resolve.New(resolve.Config{Resolver: cfg.Resolver, Local: boundAddr(cfg.UDP)}); err != nil {
		return nil, err
	}
	p.engine, err = media.NewEngine(media.Config{
		PortMin: cfg.RTPMin, PortMax: cfg.RTPMax, Logger: cfg.Logger,
		ToneDuration: cfg.ToneDuration, ToneGap: cfg.ToneGap,
	})
	if err != nil {
		return nil, err
	}
	p.nat.p = p
	p.allow.waiting = p.box.waiting
	sockets := transport.Config{
		UDP: cfg.UDP, TCP: cfg.TCP, ClientTLS: cfg.ClientTLS, Logger: cfg.Logger,
		OnMessage: func(f transport.Flow, m sip.Message) { p.transactions.Receive(f, m) },
		OnLost:    p.lost,
		Allow:     p.allow.admit,
	}
	if p.nat.on() {
		sockets.Divert = p.nat.divert
	}
	p.sockets, err = transport.New(sockets)
	if err != nil {
		return nil, err
	}
	p.transactions = transaction.NewLayer(transaction.Config{
		Timers: cfg.Timers, Logger: cfg.Logger,
		OnRequest: p.arrived,
		OnACK:     func(r *sip.Request, f transport.Flow) { p.box.offer(func() { p.ack(r, f) }) },
		OnStray:   func(r *sip.Response, f transport.Flow) { p.box.offer(func() { p.stray(r, f) }) },
	})
	if err := p.reg.init(p); err != nil {
		return nil, err
	}
	return p, nil
}

func boundAddr(c net.PacketConn) netip.Addr {
	if a, ok := c.LocalAddr().(*net.UDPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// Events are what happens, in order. The channel is closed when Run has ended;
// until then it must be read.
func (p *Phone) Events() <-chan Event { return p.events.out }

// Run serves until ctx ends; then it hangs up, un-registers and waits for all it started.
func (p *Phone) Run(ctx context.Context) error {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	p.ctx.Store(&work)
	g, gctx := errgroup.WithContext(work)
	g.Go(func() error { return p.sockets.Run(gctx) })
	g.Go(func() error { return p.engine.Run(gctx) })
	pumpCtx, stopPump := context.WithCancel(context.WithoutCancel(ctx))
	pumped := make(chan struct{})
	go func() { p.events.pump(pumpCtx, time.Second); close(pumped) }()

	p.box.post(p.begin)
	p.loop(ctx, gctx)
	if !p.stopping { // the sockets have failed
		p.handle(p.shutdown)
	}
	stop()
	p.transactions.Close()
	err := g.Wait()
	p.empty()
	stopPump()
	<-pumped
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return err
}

// loop is the line. It ends when broken does, or some time after ctx when all is said.
func (p *Phone) loop(ctx, broken context.Context) {
	var deadline <-chan time.Time
	done := ctx.Done()
	for {
		for _, f := range p.box.take() {
			p.handle(f)
		}
		p.flushMeasures()
		if p.stopping && p.quiet() {
			return
		}
		select {
		case <-p.box.wake:
		case <-done:
			done, deadline = nil, time.After(stopWait)
			p.handle(p.shutdown)
		case <-deadline:
			return
		case <-broken.Done():
			return
		}
	}
}

// empty handles what was posted meanwhile: nobody waits for ever, and devices that
// were being opened are closed.
func (p *Phone) empty() {
	for {
		p.jobs.Wait()
		left := p.box.take()
		if len(left) == 0 {
			break
		}
		for _, f := range left {
			p.handle(f)
		}
	}
	for _, f := range p.box.close() {
		p.handle(f)
	}
}

// handle runs one piece of work; a panic in it ends the call in hand and nothing else.
func (p *Phone) handle(f func()) {
	defer func() {
		if r := recover(); r != nil {
			p.panics.Add(1)
			c := p.inHand
			p.log.Error("internal error, the call in hand is dropped", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			if c != nil {
				p.bury(c)
			}
		}
		p.inHand = nil
		p.flush()
	}()
	p.guard()
	f()
}

// bury ends a call whose handling has panicked. Its state may be broken: what fails
// of telling the far end is left out.
func (p *Phone) bury(c *call) {
	o := outcome{cause: CauseFailed, reason: "internal error"}
	if c.status == StatusRing {
		o.status = 500
	}
	if !p.safely(func() { c.hangup(o) }) {
		delete(p.calls, c.callID)
		p.safely(func() { c.finish(o) })
	}
}

// safely runs f and tells whether it came to its end.
func (p *Phone) safely(f func()) (ok bool) {
	defer func() {
		if r := recover(); r != nil {
			p.log.Error("internal error while a call is dropped", "panic", fmt.Sprint(r))
		}
	}()
	f()
	return true
}

func (p *Phone) begin() {
	p.changed()
	p.nat.start()
	if p.active {
		p.reg.start()
		return
	}
	p.reg.find()
}

func (p *Phone) shutdown() {
	p.stopping = true
	p.nat.timer.stop()
	p.dropCalls("the phone stops")
	p.reg.stop()
}

// dropCalls ends every call, also one that a transfer is just placing.
func (p *Phone) dropCalls(reason string) {
	for _, c := range p.calls {
		p.inHand = c
		c.hangup(c.dropped(reason))
	}
	p.inHand = nil
}

// quiet tells that nothing more is expected before the end.
func (p *Phone) quiet() bool {
	for _, c := range p.calls {
		if c.owed() {
			return false
		}
	}
	return p.reg.stopped()
}

func (p *Phone) post(f func()) { p.box.post(f) }

func (p *Phone) now() time.Time { return time.Now() }

// background runs slow work; it reports by posting.
func (p *Phone) background(f func(context.Context)) {
	ctx := p.ctx.Load()
	if ctx == nil || (*ctx).Err() != nil {
		return
	}
	p.jobs.Go(func() { f(*ctx) })
}

// after posts f once d has passed, unless the timer is stopped before it is handled.
func (p *Phone) after(d time.Duration, f func()) *timer {
	t := &timer{}
	t.t = time.AfterFunc(d, func() {
		p.box.post(func() {
			if !t.stopped {
				f()
			}
		})
	})
	return t
}

// timer belongs to the line; stop holds even when it has fired but was not handled yet.
type timer struct {
	t       *time.Timer
	stopped bool
}

func (t *timer) stop() {
	if t != nil {
		t.stopped = true
		t.t.Stop()
	}
}

// changed marks that State differs from what was told last.
func (p *Phone) changed() { p.dirty = true }

// flush tells the state if it has changed.
func (p *Phone) flush() {
	if p.dirty {
		p.dirty, p.measured = false, false
		p.events.push(StateChanged{p.state()})
	}
}

// flushMeasures tells what has been measured.
func (p *Phone) flushMeasures() {
	if p.measured {
		p.changed()
		p.flush()
	}
}

// emit tells an event after the state that led to it.
func (p *Phone) emit(e Event) {
	p.flush()
	p.events.push(e)
}

func (p *Phone) state() State {
	s := State{
		Registration: p.reg.info(), Registered: p.reg.registered(),
		AutoAnswer: p.autoAnswer, DND: p.dnd, Volume: p.volume, Active: p.active,
	}
	for _, c := range p.slots {
		if c != nil {
			s.Calls = append(s.Calls, c.snapshot())
		}
	}
	if p.current != nil {
		s.Current = p.current.slot
	}
	return s
}

// liveCalls are the calls that occupy a slot.
func (p *Phone) liveCalls() []*call {
	var out []*call
	for _, c := range p.slots {
		if c != nil {
			out = append(out, c)
		}
	}
	return out
}

// occupied counts the calls that have a slot or are about to take one.
func (p *Phone) occupied() int {
	n := len(p.liveCalls())
	for _, c := range p.calls {
		if c.in.preparing && !c.over {
			n++
		}
	}
	return n
}

// lost is told by the sockets that nothing listens at the far end of a flow.
func (p *Phone) lost(f transport.Flow, err error) {
	p.transactions.Lost(f, err)
	p.post(func() { p.reg.lost(f, err) })
}

// Stats are counters since the start.
type Stats struct {
	Transport                     transport.Stats
	Media                         media.EngineStats
	ClientTransactions, ServerTxs int
	Panics                        uint64
}

// Stats reads the counters; it may be called from any goroutine.
func (p *Phone) Stats() Stats {
	c, s := p.transactions.Pending()
	return Stats{Transport: p.sockets.Stats(), Media: p.engine.Stats(), ClientTransactions: c, ServerTxs: s, Panics: p.panics.Load()}
}

// isServer tells whether an address is one of the account's own.
func (p *Phone) isServer(a netip.Addr) bool { return p.allow.isServer(a) }

func randomSeq() uint32 { return rand.Uint32N(1<<30) + 1 }
