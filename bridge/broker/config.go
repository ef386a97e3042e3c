package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"
)

// Config says where to listen and whom to let in. The zero value listens on DefaultListen without credentials.
type Config struct {
	// Listen is host:port. An address other than loopback needs Username and Password.
	Listen string
	// Listener is used instead of Listen when set. The broker owns and closes it.
	Listener net.Listener

	// Username and Password guard every connection that comes over the network. Both or none.
	Username, Password string

	// MaxConnections bounds the connections over the network, logged in or not. 0 means 100.
	MaxConnections int
	// MaxPacket bounds one MQTT packet in bytes; a client that sends a larger one is disconnected. 0 means 256 KiB.
	MaxPacket int
	// MaxRetained bounds the number of retained topics, the twenty of $SYS included; a value for one more is delivered
	// but not kept. 0 means 10000.
	MaxRetained int
	// WriteTimeout is how long one client may refuse to read before it is disconnected. 0 means 5 s.
	WriteTimeout time.Duration

	// Logger gets refused logins as warnings and the rest as debug lines. nil discards.
	Logger *slog.Logger
}

// DefaultListen is where the broker listens when nothing else is said.
const DefaultListen = "127.0.0.1:1883"

// ErrOpenToNetwork is the cause when an address that is not loopback would be served without credentials.
var ErrOpenToNetwork = errors.New("an address other than loopback needs MQTT_USERNAME and MQTT_PASSWORD")

func (c *Config) setDefaults() {
	if c.Listen == "" {
		c.Listen = DefaultListen
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = 100
	}
	if c.MaxPacket == 0 {
		c.MaxPacket = 256 << 10
	}
	if c.MaxRetained == 0 {
		c.MaxRetained = 10000
	}
	if c.WriteTimeout == 0 {
		c.WriteTimeout = 5 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

func (c *Config) validate() error {
	if (c.Username == "") != (c.Password == "") {
		return errors.New("MQTT_USERNAME and MQTT_PASSWORD: set both or none for the embedded broker")
	}
	if c.MaxConnections < 0 || c.MaxPacket < 0 || c.MaxRetained < 0 || c.WriteTimeout < 0 {
		return errors.New("a limit of the embedded broker is negative")
	}
	if c.Listener != nil {
		return nil
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf("MQTT_LISTEN %q: want host:port: %w", c.Listen, err)
	}
	return nil
}
