package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"housephone/bridge"
	"housephone/bridge/broker"
	"housephone/phone"
	"housephone/phone/audio"
	"housephone/phone/transport"
	"housephone/topics"
)

const (
	commandWait = 3 * time.Minute // longest wait for the outcome of a command
	maxPending  = 256             // commands that may wait for their outcome
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
	phone    *phone.Phone
	commands *commander
	settings *settingsFile
	http     net.Listener // nil = off
	sipAddr  string
	state    atomic.Pointer[phone.State]
	ended    *callCounter
	pending  chan struct{}
}

// runService builds everything, runs it until ctx ends and takes it down in order.
func runService(ctx context.Context, cfg config, out, errs io.Writer) error {
	tap := &logTap{}
	s := &service{
		cfg: cfg, log: newLogger(cfg, errs, tap), out: out, started: time.Now(),
		ended: newCallCounter(), pending: make(chan struct{}, maxPending),
	}
	if err := s.build(ctx); err != nil {
		s.closeUnused()
		return err
	}
	publish := func(l topics.LogLine) { s.publish(s.view.json("bridge/log", l)) }
	tap.publish.Store(&publish)
	return s.run(ctx)
}

// validate is -check: everything that can be looked at without starting.
func validate(cfg config) error {
	if _, err := sipTLS(cfg.SIP); err != nil {
		return err
	}
	s := &service{cfg: cfg, log: slog.New(slog.DiscardHandler)}
	s.describe()
	if cfg.MQTT.URL != "" {
		if err := s.buildBridge(); err != nil {
			return err
		}
	}
	_, _, err := devices(cfg.Audio)
	return err
}

// describe names this phone on MQTT.
func (s *service) describe() {
	c := s.cfg
	s.tree = topics.Tree{Prefix: c.MQTT.Prefix, ID: c.ID}
	s.features = topics.Features{topics.FeaturePhone: true}
	local := c.ID
	if c.SIP.Server != "" {
		s.features[topics.FeatureRegistrar] = true
		local = c.SIP.User
	}
	s.view = view{
		tree: s.tree, addresses: topics.Addresses{Server: c.SIP.Server}, mode: c.Phone.Mode, local: local,
		registrar: c.SIP.Server, slots: c.Phone.MaxCalls,
	}
	if c.SIP.Server != "" {
		s.view.aor = "sip:" + c.SIP.User + "@" + c.SIP.Server
	}
	name := c.Name
	if name == "" {
		name = "Housephone"
		if c.ID != "phone" {
			name += " " + c.ID
		}
	}
	s.device = topics.Device{
		Tree: s.tree, DiscoveryPrefix: c.MQTT.Discovery, Name: name, Version: version, Language: c.Lang, Features: s.features,
	}
}

func (s *service) build(ctx context.Context) error {
	s.describe()
	var err error
	first := settings{Volume: int(s.cfg.Phone.Volume), AutoAnswer: bool(s.cfg.Phone.AutoAnswer)}
	if s.settings, err = openSettings(s.cfg.StateDir, first); err != nil {
		return configError{err}
	}
	if s.cfg.MQTT.URL == "" {
		s.broker, err = broker.New(broker.Config{
			Listen: s.cfg.MQTT.Listen, Username: s.cfg.MQTT.Username, Password: s.cfg.MQTT.Password, Logger: s.log.With("part", "broker"),
		})
		if err != nil {
			return configError{err}
		}
	}
	if err := s.buildBridge(); err != nil {
		return err
	}
	if err := s.buildPhone(ctx); err != nil {
		return err
	}
	if a := s.cfg.HTTP; a != "none" {
		var lc net.ListenConfig
		if s.http, err = lc.Listen(ctx, "tcp", a); err != nil {
			return badVariable("HTTP_LISTEN", a, err)
		}
	}
	return nil
}

func (s *service) buildBridge() error {
	c := s.cfg.MQTT
	conf := bridge.Config{
		URL: c.URL, Username: c.Username, Password: c.Password, ClientID: c.ClientID,
		CAFile: c.CAFile, CertFile: c.CertFile, KeyFile: c.KeyFile,
		Tree: s.tree, Logger: s.log.With("part", "mqtt"),
	}
	if s.broker != nil {
		conf.Dialer, conf.Username, conf.Password = s.broker.Dial, "", ""
	}
	if s.device.Enabled() {
		conf.BirthTopic, conf.DiscoveryTopic = s.device.BirthTopic(), s.device.DiscoveryTopic()
	}
	var err error
	if s.bridge, err = bridge.New(conf); err != nil {
		return configError{err}
	}
	if s.device.Enabled() {
		s.bridge.Announce(s.announce)
	}
	return nil
}

// announce makes the discovery document of Home Assistant.
func (s *service) announce(previous []byte) []topics.Message {
	m, _, err := s.device.Discovery(topics.Components(previous))
	if err != nil {
		s.log.Error("discovery", "err", err)
		return nil
	}
	return []topics.Message{m}
}

// devices opens the ends of the sound path.
func devices(c audioEnv) (capture, playback audio.Device, err error) {
	if capture, err = audio.Open(c.Capture); err != nil {
		return nil, nil, badVariable("AUDIO_CAPTURE", c.Capture, err)
	}
	if playback, err = audio.Open(c.Playback); err != nil {
		return nil, nil, badVariable("AUDIO_PLAYBACK", c.Playback, err)
	}
	return capture, playback, nil
}

func (s *service) buildPhone(ctx context.Context) error {
	c, f := s.cfg.SIP, s.cfg.Phone
	tlsConf, err := sipTLS(c)
	if err != nil {
		return err
	}
	capture, playback, err := devices(s.cfg.Audio)
	if err != nil {
		return err
	}
	udp, tcp, err := sipSockets(ctx, c.Listen)
	if err != nil {
		return err
	}
	s.sipAddr = udp.LocalAddr().String()
	s.phone, err = phone.New(phone.Config{
		ID: s.cfg.ID, Server: c.Server, Port: c.Port, User: c.User, AuthUser: c.AuthUser, Password: c.Password,
		DisplayName: c.DisplayName, Network: transport.Network(c.Transport), OutboundProxy: c.Proxy, Expires: time.Duration(c.Expires),
		UDP: udp, TCP: tcp, ClientTLS: tlsConf, Advertise: c.Advertise,
		AllowFrom: c.AllowFrom, AllowTo: phone.Patterns(c.AllowTo), AllowRefer: bool(c.AllowRefer),
		AutoAnswerFor: phone.Patterns(f.AutoAnswerFrom), AutoAnswer: s.settings.last.AutoAnswer, AutoAnswerDelay: time.Duration(f.AutoAnswerDelay),
		RingTimeout: time.Duration(f.RingTimeout), MaxCalls: f.MaxCalls, MaxCallDuration: time.Duration(f.MaxDuration),
		MediaTimeout: time.Duration(f.MediaTimeout), EarlyMedia: bool(f.EarlyMedia), Codecs: f.Codecs, DTMF: phone.DTMFMethod(f.DTMF),
		ToneDuration: time.Duration(f.ToneDuration), ToneGap: time.Duration(f.ToneGap), RTPMin: c.RTPPorts.first, RTPMax: c.RTPPorts.last,
		Capture: capture, Playback: playback, Volume: s.settings.last.Volume, DND: s.settings.last.DND,
		UserAgent: "housephone/" + version, Logger: s.log.With("part", "phone"),
	})
	if err != nil {
		_, _ = udp.Close(), tcp.Close()
		return configError{err}
	}
	s.commands = &commander{
		phone: s.phone, addresses: s.view.addresses, features: s.features, shutdown: bool(s.cfg.Pair.Shutdown),
		say: func(text string) { s.publish(s.tree.Message("generic", text)) },
		console: &console{
			phone: s.phone, addresses: s.view.addresses, registrar: c.Server, version: version, started: s.started,
		},
	}
	return nil
}

func (s *service) publish(m topics.Message) { s.bridge.Publish(m) }

// closeUnused gives back what was bound before the start failed.
func (s *service) closeUnused() {
	if s.broker != nil {
		_ = s.broker.Close()
	}
	if s.http != nil {
		_ = s.http.Close()
	}
}

// run starts the parts; the phone ends first, then MQTT (so that its last words
// are heard), then the broker.
func (s *service) run(ctx context.Context) error {
	base := context.WithoutCancel(ctx)
	phoneCtx, stopPhone := context.WithCancel(base)
	bridgeCtx, stopBridge := context.WithCancel(base)
	brokerCtx, stopBroker := context.WithCancel(base)
	defer stopPhone()
	defer stopBridge()
	defer stopBroker()

	s.publish(s.view.json("bridge/info", topics.BridgeInfo{
		Version: version, Started: topics.At(s.started), Features: s.features.Names(), IDs: []string{s.cfg.ID},
	}))
	var brokerDone, bridgeDone, httpDone, phoneDone waiter
	if s.broker != nil {
		brokerDone.start(func() error { return s.broker.Run(brokerCtx) })
	}
	phoneDone.start(func() error { return s.phone.Run(phoneCtx) })
	var relays sync.WaitGroup
	relays.Go(s.relayEvents)
	s.awaitFirstState()
	bridgeDone.start(func() error { return s.bridge.Run(bridgeCtx) })
	relays.Go(func() { s.relayCommands(bridgeCtx) })
	if s.http != nil {
		httpDone.start(func() error {
			return serveHTTP(bridgeCtx, s.http, newHandler(s.health, &meter{phone: s.phone.Stats, bridge: s.bridge.Stats, state: &s.state, ended: s.ended}))
		})
	}
	s.welcome()

	var failed error
	select {
	case <-ctx.Done():
	case <-brokerDone.ended():
		failed = fmt.Errorf("the embedded broker: %w", brokerDone.wait())
	case <-bridgeDone.ended():
		failed = fmt.Errorf("the MQTT session: %w", bridgeDone.wait())
	case <-phoneDone.ended():
		failed = fmt.Errorf("the phone: %w", phoneDone.wait())
	case <-httpDone.ended():
		failed = fmt.Errorf("the HTTP server: %w", httpDone.wait())
	}
	stopPhone()
	errPhone := phoneDone.wait()
	stopBridge()
	errBridge := errors.Join(bridgeDone.wait(), httpDone.wait())
	relays.Wait()
	stopBroker()
	errBroker := brokerDone.wait()
	if failed != nil {
		return failed
	}
	return errors.Join(errPhone, errBridge, errBroker)
}

// waiter is a goroutine and its error.
type waiter struct {
	done chan struct{}
	err  error
}

func (w *waiter) start(f func() error) {
	w.done = make(chan struct{})
	go func() {
		defer close(w.done)
		w.err = f()
	}()
}

// ended is nil, and so never ready, when nothing was started.
func (w *waiter) ended() <-chan struct{} { return w.done }

func (w *waiter) wait() error {
	if w.done == nil {
		return nil
	}
	<-w.done
	return w.err
}

// relayEvents publishes what the phone tells, until it has ended.
func (s *service) relayEvents() {
	for e := range s.phone.Events() {
		switch e := e.(type) {
		case phone.StateChanged:
			s.state.Store(&e.State)
			if err := s.settings.keep(e.State); err != nil {
				s.log.Warn("the settings cannot be kept", "err", err)
			}
		case phone.Ended:
			s.ended.count(e)
		case phone.Warning:
			s.log.Warn(e.Text)
		}
		for _, m := range s.view.event(e) {
			s.publish(m)
		}
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

// relayCommands starts commands in their order and answers each when it is done.
func (s *service) relayCommands(ctx context.Context) {
	var waiting sync.WaitGroup
	defer waiting.Wait()
	for {
		var cmd topics.Command
		select {
		case <-ctx.Done():
			return
		case cmd = <-s.bridge.Commands():
		}
		select {
		case s.pending <- struct{}{}:
		default:
			s.bridge.Result(cmd.Result(&topics.Error{Code: topics.Busy, Message: "too many commands are waiting for their outcome"}))
			continue
		}
		done := s.commands.start(cmd)
		waiting.Go(func() {
			defer func() { <-s.pending }()
			wait, cancel := context.WithTimeout(ctx, commandWait)
			defer cancel()
			s.bridge.Result(cmd.Result(asTopicError(done(wait))))
		})
	}
}

func (s *service) health() health {
	h := health{MQTT: s.bridge.Connected()}
	if st := s.state.Load(); st != nil {
		h.Registered = st.Registered
		h.SIP = st.Registered || s.cfg.SIP.Server == "" || !st.Active
	}
	h.Ready = h.MQTT && h.SIP
	return h
}
