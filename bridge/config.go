package bridge

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"time"

	"housephone/topics"
)

// Config says which broker to use and how. URL or Dialer and nothing else is enough.
type Config struct {
	// URL is mqtt://host, mqtts://host, ws://host/path or wss://host/path (tcp and ssl are accepted too); the port is
	// 1883, 8883, 80 or 443 when it is missing. A user and password in it are used when Username is empty.
	URL string
	// Dialer replaces the network when set; URL may then be empty. It is called for each connection.
	Dialer func(context.Context) (net.Conn, error)

	Username, Password string
	ClientID           string // default: housephone-<id>

	CAFile            string // PEM; when set only these authorities are believed
	CertFile, KeyFile string // PEM; the client's own certificate

	Tree           topics.Tree
	BirthTopic     string // where Home Assistant says online, "" = nowhere
	DiscoveryTopic string // the retained document of this device, read once; "" = none

	Logger *slog.Logger // nil discards

	KeepAlive      time.Duration // silence after which the broker is asked for life, whole seconds; 20 s
	ConnectTimeout time.Duration // for network, TLS and MQTT handshake together; 10 s
	AckTimeout     time.Duration // a broker that acknowledges nothing for so long is left; 15 s
	BirthDelay     time.Duration // longest wait before answering a birth; 1 s, negative = none
	RecordHold     time.Duration // how long records that are older than a connection wait on it for their readers; 12 s, negative = not
	BirthHold      time.Duration // how much longer they wait for a birth, when they are older than EventAge; 2 min, negative = not

	BackoffMin     time.Duration // first wait before connecting again; 200 ms
	BackoffAway    time.Duration // longest wait for a broker that is away; 1.5 s
	BackoffRefused time.Duration // longest wait when the broker refuses us; 10 s
	BackoffContest time.Duration // longest wait when another client has our id; 1 min

	CommandQueue int           // decoded commands that may wait; 64
	MaxEvents    int           // events that may wait, and records as many; 1000
	EventAge     time.Duration // an event that waited longer is dropped; 60 s
	RecordAge    time.Duration // a record that waited longer is dropped; 24 h
}

// maxEventBytes bounds the events that wait, and the records, whatever their number.
const maxEventBytes = 4 << 20

func (c *Config) setDefaults() {
	orString(&c.ClientID, "housephone-"+c.Tree.ID)
	if c.Tree.ID == "" {
		orString(&c.ClientID, "housephone-phone")
	}
	or(&c.KeepAlive, 20*time.Second)
	or(&c.ConnectTimeout, 10*time.Second)
	or(&c.AckTimeout, 15*time.Second)
	or(&c.BirthDelay, time.Second)
	or(&c.RecordHold, 12*time.Second)
	or(&c.BirthHold, 2*time.Minute)
	or(&c.BackoffMin, 200*time.Millisecond)
	or(&c.BackoffAway, 1500*time.Millisecond)
	or(&c.BackoffRefused, 10*time.Second)
	or(&c.BackoffContest, time.Minute)
	or(&c.CommandQueue, 64)
	or(&c.MaxEvents, 1000)
	or(&c.EventAge, time.Minute)
	or(&c.RecordAge, 24*time.Hour)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

func or[T int | time.Duration](v *T, standard T) {
	if *v == 0 {
		*v = standard
	}
}

func orString(v *string, standard string) {
	if *v == "" {
		*v = standard
	}
}

func (c *Config) validate() error {
	if err := c.Tree.Validate(); err != nil {
		return err
	}
	if c.Password != "" && c.Username == "" {
		return errors.New("a password without a user name cannot be sent (MQTT 3.1.1 section 3.1.2.9)")
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		return errors.New("a client certificate needs both the certificate file and the key file")
	}
	if c.KeepAlive < time.Second || c.KeepAlive > 65535*time.Second {
		return fmt.Errorf("keep-alive %s: want 1 s to 65535 s", c.KeepAlive)
	}
	for _, v := range []time.Duration{c.ConnectTimeout, c.AckTimeout, c.BackoffMin, c.BackoffAway, c.BackoffRefused, c.BackoffContest, c.EventAge, c.RecordAge} {
		if v < 0 {
			return fmt.Errorf("duration %s is negative", v)
		}
	}
	if c.CommandQueue < 0 || c.MaxEvents < 0 {
		return errors.New("the length of a queue is negative")
	}
	return nil
}

// network is how the broker is reached.
type network struct {
	kind kind
	url  *url.URL // of ws and wss: without the user
	host string   // host:port; for people when a Dialer is used
	tls  *tls.Config
}

type kind int

const (
	custom kind = iota
	plain
	secure
	websocket
	websocketTLS
)

func (k kind) encrypted() bool { return k == secure || k == websocketTLS }

// resolve reads URL and the files that it needs, and takes the credentials out of the URL.
func (c *Config) resolve() (network, error) {
	if c.Dialer != nil {
		return network{kind: custom, host: "embedded broker"}, nil
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		// The cause is left out: it may quote the password.
		return network{}, errors.New("broker address is not a URL (in a password, characters such as # / @ are written %23 %2F %40)")
	}
	n := network{url: u}
	var port string
	switch u.Scheme {
	case "mqtt", "tcp":
		n.kind, port = plain, "1883"
	case "mqtts", "ssl", "tls":
		n.kind, port = secure, "8883"
	case "ws":
		n.kind, port = websocket, "80"
	case "wss":
		n.kind, port = websocketTLS, "443"
	default:
		return network{}, fmt.Errorf("broker address %q: want mqtt://, mqtts://, ws:// or wss:// and a host", u.Redacted())
	}
	if u.Hostname() == "" {
		return network{}, fmt.Errorf("broker address %q names no host", u.Redacted())
	}
	if p := u.Port(); p != "" {
		port = p
	}
	n.host = net.JoinHostPort(u.Hostname(), port)
	if u.User != nil && c.Username == "" {
		c.Username = u.User.Username()
		c.Password, _ = u.User.Password()
	}
	u.User = nil
	if n.tls, err = c.tls(n.kind, u.Hostname()); err != nil {
		return network{}, err
	}
	return n, nil
}

func (c *Config) tls(k kind, host string) (*tls.Config, error) {
	if !k.encrypted() {
		if c.CAFile != "" || c.CertFile != "" {
			return nil, errors.New("certificate files need an encrypted connection: mqtts:// or wss://")
		}
		return nil, nil
	}
	t := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("authority file: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("authority file %s holds no certificate in PEM", c.CAFile)
		}
	}
	if c.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}
