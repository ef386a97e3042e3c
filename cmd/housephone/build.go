package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"time"

	"housephone/bridge"
	"housephone/bridge/broker"
	"housephone/hw"
	"housephone/hw/exec"
	"housephone/phone"
	"housephone/phone/sdp"
	"housephone/phone/transport"
	"housephone/topics"
)

// noSIP is the SIP_LISTEN of a panel without a phone line.
const noSIP = "none"

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
	if _, err := speechEngines(cfg.IVR); err != nil {
		return err
	}
	if err := errors.Join(s.buildPanel(), s.buildExec(), s.buildSwitch(), s.buildPair()); err != nil {
		return err
	}
	if err := s.checkDesk(); err != nil {
		return err
	}
	_, err := buildSound(cfg, s.log)
	return err
}

// describe names this phone on MQTT.
func (s *service) describe() {
	c := s.cfg
	s.tree = topics.Tree{Prefix: c.MQTT.Prefix, ID: c.ID}
	s.features = topics.Features{topics.FeaturePhone: c.SIP.Listen != noSIP}
	c.HW.features(s.features)
	s.features[topics.FeatureIVR] = c.Phone.Mode == topics.ModeIVR && c.SIP.Listen != noSIP
	s.features[topics.FeatureRecord] = c.Record.Dir != "" && c.SIP.Listen != noSIP
	s.features[topics.FeatureVoicemail] = s.features[topics.FeatureRecord] && (c.Mailbox.On.on || c.IVR.Menu != "")
	s.features[topics.FeaturePBX] = c.Switch.set()
	s.features[topics.FeaturePair] = c.Pair.Mode != pairOff
	s.features[topics.FeatureExec] = !c.Exec.config().Off()
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
	s.view.clock = newClock(s.started, s.uptime())
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
	for _, part := range []func() error{s.buildBridge, s.buildPanel, s.buildExec, s.buildSwitch, s.buildPair, func() error { return s.buildPhone(ctx) }, s.buildDesk} {
		if err := part(); err != nil {
			return err
		}
	}
	s.buildCommands()
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
		return badVariable("MQTT_URL", withoutPassword(c.URL), err)
	}
	if s.device.Enabled() {
		s.bridge.Announce(s.announce)
	}
	return nil
}

// withoutPassword is a URL as it may be shown.
func withoutPassword(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "..."
	}
	return u.Redacted()
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

// buildPanel reads the hardware's settings; nothing is switched yet.
func (s *service) buildPanel() error {
	if !s.cfg.HW.fitted() {
		return nil
	}
	conf := s.cfg.HW.config()
	conf.Log, conf.Terminal = s.log.With("part", "hardware"), s.out
	p, err := hw.New(conf)
	if err != nil {
		return configError{err}
	}
	s.panel = p
	if buttons := p.Buttons(); len(buttons) > 1 {
		s.device.Buttons = buttons
	}
	if s.cfg.HW.Door != "" && s.cfg.HW.CodesFile != "" {
		s.doorman = newDoorman(p, s.log.With("part", "door"))
	}
	return nil
}

// buildExec reads what may be executed.
func (s *service) buildExec() error {
	conf := s.cfg.Exec.config()
	if conf.Off() {
		return nil
	}
	conf.Log = s.log.With("part", "exec")
	var err error
	if s.runner, err = exec.New(conf); err != nil {
		return configError{err}
	}
	return nil
}

func (s *service) buildPhone(ctx context.Context) error {
	c, f := s.cfg.SIP, s.cfg.Phone
	if c.Listen == noSIP {
		if s.panel == nil {
			return badVariable("SIP_LISTEN", noSIP, errors.New("there is no hardware either (HW_...), so there is nothing to do"))
		}
		return nil
	}
	tlsConf, err := sipTLS(c)
	if err != nil {
		return err
	}
	if s.sound, err = buildSound(s.cfg, s.log.With("part", "sound")); err != nil {
		return err
	}
	udp, tcp, err := sipSockets(ctx, c.Listen)
	if err != nil {
		return err
	}
	s.sipAddr = udp.LocalAddr().String()
	conf := phone.Config{
		ID: s.cfg.ID, Server: c.Server, Port: c.Port, User: c.User, AuthUser: c.AuthUser, Password: c.Password,
		DisplayName: c.DisplayName, Network: transport.Network(c.Transport), OutboundProxy: c.Proxy, Expires: time.Duration(c.Expires),
		UDP: udp, TCP: tcp, ClientTLS: tlsConf, Advertise: c.Advertise, STUN: c.STUN,
		AllowFrom: c.AllowFrom, AllowTo: phone.Patterns(c.AllowTo), AllowRefer: bool(c.AllowRefer),
		BarInternational: !bool(c.AllowAbroad), CallHours: c.CallHours.Hours, CallsPerHour: c.CallsPerHour, AlwaysTo: phone.Patterns(c.AlwaysTo),
		AutoAnswerFor: phone.Patterns(f.AutoAnswerFrom), AutoAnswer: s.settings.last.AutoAnswer, AutoAnswerDelay: time.Duration(f.AutoAnswerDelay),
		RingTimeout: time.Duration(f.RingTimeout), AnswerUnanswered: s.cfg.Mailbox.On.on, MaxCalls: f.MaxCalls, MaxCallDuration: time.Duration(f.MaxDuration),
		MediaTimeout: time.Duration(f.MediaTimeout), EarlyMedia: bool(f.EarlyMedia), SRTP: srtpMode(c.SRTP), ComfortNoise: true, Codecs: f.Codecs, DTMF: phone.DTMFMethod(f.DTMF),
		ToneDuration: time.Duration(f.ToneDuration), ToneGap: time.Duration(f.ToneGap), RTPMin: c.RTPPorts.first, RTPMax: c.RTPPorts.last,
		Capture: s.sound.capture, Playback: s.sound.playback, Volume: s.settings.last.Volume, DND: s.settings.last.DND,
		UserAgent: "housephone/" + version, Logger: s.log.With("part", "phone"),
	}
	if s.pairing != nil && bool(s.cfg.Pair.Shutdown) {
		conf.Standby, conf.MayAct, conf.MayUnregister = true, s.pairing.mayAct, s.pairing.alone
	}
	s.phone, err = phone.New(conf)
	if err != nil {
		_, _ = udp.Close(), tcp.Close()
		return configError{err}
	}
	return nil
}

func srtpMode(word string) sdp.SRTPMode {
	switch word {
	case "optional":
		return sdp.SRTPOptional
	case "required":
		return sdp.SRTPRequired
	}
	return sdp.SRTPOff
}

func (s *service) buildCommands() {
	s.commands = &commander{
		addresses: s.view.addresses, features: s.features, shutdown: bool(s.cfg.Pair.Shutdown), panel: s.panel,
		say:    func(text string) { s.publish(s.tree.Message("generic", text)) },
		mayAct: s.mayAct, handOver: s.handOver, paired: s.pairing != nil,
		desk: s.desk, runner: s.runner, ran: func(r topics.ExecResult) { s.publish(s.view.json("exec", r)) },
	}
	if s.phone != nil {
		s.commands.phone, s.commands.beep = s.phone, s.sound.beep
		s.commands.console = &console{
			phone: s.phone, addresses: s.view.addresses, registrar: s.cfg.SIP.Server, version: version, started: s.started,
			echoTest: s.sound.echoTest, hangup: s.commands.hangup,
		}
	}
}

// closeUnused gives back what was bound before the start failed.
func (s *service) closeUnused() {
	if s.broker != nil {
		_ = s.broker.Close()
	}
	if s.http != nil {
		_ = s.http.Close()
	}
}
