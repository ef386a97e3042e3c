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
	autoAnswer bool
	dnd        bool
	volume     int
	active     bool
	stopping   bool
	dirty      bool
	callSeq    uint64
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
		autoAnswer: cfg.AutoAnswer, dnd: cfg.DND, volume: cfg.Volume, active: true,
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
	p.sockets, err = transport.New(transport.Config{
		UDP: cfg.UDP, TCP: cfg.TCP, ClientTLS: cfg.ClientTLS, Logger: cfg.Logger,
		OnMessage: func(f transport.Flow, m sip.Message) { p.transactions.Receive(f, m) },
		OnLost:    p.lost,
		Allow:     p.allow.admit,
	})
	if err != nil {
		return nil, err
	}
	p.transactions = transaction.NewLayer(transaction.Config{
		Timers: cfg.Timers, Logger: cfg.Logger,
		OnRequest: func(s *transaction.Server) { p.post(func() { p.request(s) }) },
		OnACK:     func(r *sip.Request, f transport.Flow) { p.post(func() { p.ack(r, f) }) },
		OnStray:   func(r *sip.Response, f transport.Flow) { p.post(func() { p.stray(r, f) }) },
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
	stop()
	p.transactions.Close()
	err := g.Wait()
	p.jobs.Wait()
	p.box.close()
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
	f()
}

// bury removes a call whose handling has panicked, with as little code as possible.
func (p *Phone) bury(c *call) {
	defer func() {
		if r := recover(); r != nil {
			p.log.Error("internal error while a call is dropped", "panic", fmt.Sprint(r))
		}
	}()
	delete(p.calls, c.callID)
	c.finish(outcome{cause: CauseFailed, reason: "internal error"})
}

func (p *Phone) begin() {
	p.changed()
	p.reg.start()
}

func (p *Phone) shutdown() {
	p.stopping = true
	for _, c := range p.liveCalls() {
		p.inHand = c
		c.hangup(outcome{cause: CauseCancelled, reason: "the phone stops"})
	}
	p.inHand = nil
	p.reg.stop()
}

// quiet tells that nothing more is expected before the end.
func (p *Phone) quiet() bool {
	return len(p.calls) == 0 && p.reg.stopped()
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
		p.dirty = false
		p.events.push(StateChanged{p.state()})
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
