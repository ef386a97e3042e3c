package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
)

// Broker is an MQTT broker on one TCP address.
type Broker struct {
	cfg     Config
	door    *door
	running atomic.Bool
}

// New checks the configuration and binds the address. It starts nothing; who does not call Run calls Close.
//
// Errors name MQTT_LISTEN when the address cannot be bound and wrap ErrOpenToNetwork when it must not be.
func New(cfg Config) (*Broker, error) {
	cfg.setDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	l := cfg.Listener
	if l == nil {
		var err error
		if l, err = bind(cfg.Listen); err != nil {
			return nil, err
		}
	}
	if cfg.Username == "" && !loopback(l.Addr()) {
		_ = l.Close()
		return nil, fmt.Errorf("MQTT_LISTEN %q: %w", cfg.Listen, ErrOpenToNetwork)
	}
	return &Broker{cfg: cfg, door: newDoor(l, cfg)}, nil
}

func bind(address string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("MQTT_LISTEN %q: another program uses this address (another broker? then set MQTT_URL): %w", address, err)
	}
	if err != nil {
		return nil, fmt.Errorf("MQTT_LISTEN %q: %w", address, err)
	}
	return l, nil
}

func loopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// Addr is the bound address.
func (b *Broker) Addr() net.Addr { return b.door.net.Addr() }

// Close releases the address of a broker that was never run.
func (b *Broker) Close() error { return b.door.net.Close() }

// Run serves until ctx ends, then disconnects everybody and returns nil when all of it has ended. It can be called once.
func (b *Broker) Run(ctx context.Context) error {
	if b.running.Swap(true) {
		return errors.New("the embedded broker has been run already")
	}
	server := mqtt.New(b.options())
	defer b.door.shut()
	if err := server.AddHook(&guard{cfg: b.cfg, server: server}, nil); err != nil {
		return fmt.Errorf("embedded broker: %w", err)
	}
	if err := server.AddListener(b.door); err != nil {
		return fmt.Errorf("embedded broker: %w", err)
	}
	if err := server.Serve(); err != nil {
		return fmt.Errorf("embedded broker: %w", err)
	}
	b.cfg.Logger.Info("embedded broker listens", "address", b.Addr().String(), "credentials", b.cfg.Username != "")
	<-ctx.Done()
	// Close waits for every connection; a second call would panic, which is why nobody else can reach it.
	return server.Close()
}

// Dial connects to the broker from inside the process: no credentials, no use of the public address. It waits until
// Run serves, until Run has ended (net.ErrClosed) or until ctx ends.
func (b *Broker) Dial(ctx context.Context) (net.Conn, error) { return b.door.dial(ctx) }

func (b *Broker) options() *mqtt.Options {
	limits := mqtt.NewDefaultServerCapabilities()
	limits.MaximumPacketSize = uint32(b.cfg.MaxPacket)
	limits.MaximumClients = int64(b.cfg.MaxConnections) + 1 // the bridge of this process always fits in
	limits.MaximumClientWritesPending = 4096
	limits.MaximumInflight = 4096
	limits.MaximumSessionExpiryInterval = uint32((24 * time.Hour).Seconds())
	limits.MaximumMessageExpiryInterval = 0 // otherwise a retained state vanishes after a day
	return &mqtt.Options{
		Capabilities:           limits,
		Logger:                 quiet(b.cfg.Logger),
		SysTopicResendInterval: 60,
	}
}
