package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"housephone/bridge"
	"housephone/bridge/broker"
	"housephone/hw"
	"housephone/hw/exec"
	"housephone/hw/pbx"
	"housephone/pair"
	"housephone/phone"
	"housephone/topics"
)

// service is the running whole: its parts and what connects them.
type service struct {
	cfg      config
	log      *slog.Logger
	out      io.Writer
	started  time.Time
	tree     topics.Tree
	view     view
	device   topics.Device
	features topics.Features

	broker   *broker.Broker // nil = somebody else's
	bridge   *bridge.Bridge
	phone    *phone.Phone // nil = hardware only
	panel    *hw.Panel    // nil = no hardware
	doorman  *doorman     // nil = no door
	sound    sound
	desk     *desk        // nil = no ivr
	pbx      *pbx.Client  // nil = no switch to listen to
	runner   *exec.Runner // nil = nothing may be executed
	commands *commander
	settings *settingsFile
	pairing  *pairing     // nil = this instance is on its own
	http     net.Listener // nil = off
	sipAddr  string
	state    atomic.Pointer[phone.State]
	ended    *callCounter
	pending  chan struct{}
	uptime   pair.Clock
	clockSet chan struct{} // the wall clock was set
}

// runService builds everything, runs it until ctx ends and takes it down in order.
func runService(ctx context.Context, cfg config, out, errs io.Writer) error {
	tap := &logTap{}
	s := &service{
		cfg: cfg, log: newLogger(cfg, errs, tap), out: out, started: time.Now(),
		ended: newCallCounter(), pending: make(chan struct{}, maxPending), uptime: pair.Boottime(), clockSet: make(chan struct{}, 1),
	}
	if err := s.findBroker(ctx); err != nil {
		return err
	}
	if err := s.build(ctx); err != nil {
		s.closeUnused()
		return err
	}
	publish := func(l topics.LogLine) { s.publish(s.view.json("bridge/log", l)) }
	tap.publish.Store(&publish)
	return s.run(ctx)
}

// publish tells the broker. What happens to an instance that does not speak for the phone is nobody's news later.
func (s *service) publish(m topics.Message) {
	if s.pairing == nil || m.Retain || s.pairing.speaking.Load() {
		s.bridge.Publish(m)
	}
}

// mayAct tells whether this instance has the phone at this very moment.
func (s *service) mayAct() bool { return s.pairing == nil || s.pairing.mayAct() }

// useProcessors keeps a phone of one or two calls on one processor at a time: the
// pacer's short sleeps otherwise keep the runtime's monitor awake, which costs more
// than the call. With many calls the runtime gets one more than there are, so that the
// pacer, which the kernel prefers, need not wait for a share of the runtime when it wakes.
// GOMAXPROCS and GOGC in the environment have the last word.
func useProcessors(cfg config) {
	const few, many = 2, 16
	switch {
	case os.Getenv("GOMAXPROCS") != "":
	case cfg.Phone.Mode == topics.ModePhone && cfg.Phone.MaxCalls <= few:
		runtime.GOMAXPROCS(1)
	case cfg.Phone.MaxCalls > many:
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	}
	if os.Getenv("GOGC") == "" && cfg.Phone.MaxCalls > many {
		debug.SetGCPercent(gcPercent)
	}
}

// gcPercent: calls that last leave little to collect, so that collecting twice as often as Go does costs next to
// nothing and saves a quarter of the memory.
const gcPercent = 50

// stage is a set of parts that are stopped together.
type stage struct {
	name  string
	stop  context.CancelFunc
	ctx   context.Context //nolint:containedctx // the life of the stage
	group sync.WaitGroup
	errs  chan error
}

func newStage(ctx context.Context, name string) *stage {
	st := &stage{name: name, errs: make(chan error, 8)}
	st.ctx, st.stop = context.WithCancel(context.WithoutCancel(ctx))
	return st
}

// start runs a part; that one ends before its stage is stopped is a failure of the service.
func (st *stage) start(part string, f func(context.Context) error) {
	st.group.Go(func() {
		err := f(st.ctx)
		if st.ctx.Err() == nil && err == nil {
			err = errors.New("ended by itself")
		}
		if err != nil {
			st.errs <- fmt.Errorf("%s: %w", part, err)
		}
	})
}

// end stops the stage and waits for all its parts.
func (st *stage) end() error {
	st.stop()
	st.group.Wait()
	close(st.errs)
	var all error
	for err := range st.errs {
		all = errors.Join(all, err)
	}
	return all
}

// tellInfo publishes what is true of this run of the service.
func (s *service) tellInfo() {
	s.publish(s.view.json("bridge/info", topics.BridgeInfo{
		Version: version, Started: s.view.clock.at(s.started), Features: s.features.Names(), IDs: []string{s.cfg.ID},
	}))
}

// run starts the parts in three stages. They end in turn: the phone and the
// hardware, then MQTT (so that their last words are heard), then the broker.
func (s *service) run(ctx context.Context) error {
	devices, session, base := newStage(ctx, "devices"), newStage(ctx, "session"), newStage(ctx, "broker")
	s.publishInitial()
	s.tellInfo()
	if s.broker != nil {
		base.start("the embedded broker", s.broker.Run)
	}
	var relays sync.WaitGroup
	s.startDevices(devices, &relays)
	if s.pairing == nil {
		session.start("the MQTT session", s.bridge.Run)
	} else {
		session.start("the pair", s.runPair)
	}
	relays.Go(func() { s.relayCommands(session.ctx) })
	if s.http != nil {
		session.start("the HTTP server", func(ctx context.Context) error { return serveHTTP(ctx, s.http, s.handler()) })
	}
	s.welcome()

	var failure error
	select {
	case <-ctx.Done():
	case failure = <-devices.errs:
	case failure = <-session.errs:
	case failure = <-base.errs:
	}
	err := errors.Join(failure, devices.end(), session.end())
	relays.Wait()
	if s.runner != nil {
		err = errors.Join(err, s.runner.Close())
	}
	return errors.Join(err, base.end())
}

// startDevices starts the phone and the hardware and what carries their events.
func (s *service) startDevices(st *stage, relays *sync.WaitGroup) {
	if s.panel != nil {
		st.start("the hardware", func(ctx context.Context) error {
			if err := s.panel.Run(ctx); err != nil {
				return configError{err} // a pin that is not there, or not to be had
			}
			return nil
		})
		relays.Go(func() { s.relayPanel(st.ctx) })
	}
	st.start("the clock", func(ctx context.Context) error { s.watchClock(ctx, s.view.clock, s.uptime); return nil })
	if s.doorman != nil {
		st.start("the door", func(ctx context.Context) error { s.doorman.run(ctx); return nil })
	}
	if s.desk != nil {
		st.start("the voice", s.runDesk)
	}
	if s.pbx != nil {
		st.start("the listener at the switch", s.pbx.Run)
		relays.Go(func() { s.relaySwitch(st.ctx) })
	}
	if s.sound.ringer != nil {
		st.start("the ringer", func(ctx context.Context) error {
			if err := s.sound.ringer.Run(ctx); ctx.Err() == nil {
				return err
			}
			return nil
		})
	}
	if s.phone != nil {
		st.start("the phone", s.phone.Run)
		relays.Go(s.relayEvents)
		s.awaitFirstState()
	}
}

// awaitFirstState waits until the first states are queued, so that the bridge
// knows them when it clears what an earlier run has left behind.
func (s *service) awaitFirstState() {
	for range 200 {
		if s.state.Load() != nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func (s *service) health() health {
	h := health{MQTT: s.bridge.Connected(), SIP: s.phone == nil, Active: s.mayAct()}
	if st := s.state.Load(); st != nil {
		h.Registered = st.Registered
		h.SIP = st.Registered || s.cfg.SIP.Server == "" || !st.Active
	}
	if s.pairing != nil {
		h.MQTT = h.MQTT || !h.Active && s.pairing.linked.Load()
		h.Trouble = s.pairing.elector.Status().Trouble
	}
	h.Ready = h.MQTT && h.SIP && h.Trouble == ""
	return h
}
