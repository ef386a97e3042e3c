package phone

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"crypto/tls"

	"housephone/phone/audio"
	"housephone/phone/codec"
	"housephone/phone/resolve"
	"housephone/phone/sdp"
	"housephone/phone/stun"
	"housephone/phone/transaction"
	"housephone/phone/transport"
)

// DTMFMethod is how keys are sent.
type DTMFMethod string

// The ways to send keys. RFC 4733 falls back to INFO when the far end has no telephone-event.
const (
	DTMFEvent  DTMFMethod = "rfc4733"
	DTMFInfo   DTMFMethod = "info"
	DTMFInband DTMFMethod = "inband"
)

// Config describes one line. The zero value of a field means its default.
type Config struct {
	ID string // user part where there is no account, "phone"

	// Account. An empty Server is stand-alone: no registration, everybody may call.
	Server        string
	Port          int // 0 = by DNS or the default of the transport
	User          string
	AuthUser      string // User when empty
	Password      string
	DisplayName   string
	Network       transport.Network // udp
	OutboundProxy string            // host[:port]
	Expires       time.Duration     // 300 s

	// Sockets are taken over: Run closes them.
	UDP       net.PacketConn
	TCP       net.Listener
	ClientTLS *tls.Config
	Advertise string // address[:port] for Contact and SDP instead of the local one
	STUN      string // host[:port] of a STUN server that tells our address; empty: none; Advertise wins
	// Near tells who reaches us by our local address though STUN is set; nil is who is on this
	// machine or on one of its subnets, and who has a private address where the server has none.
	Near func(netip.Addr) bool

	AllowFrom     []netip.Prefix // who may ring; empty: the server, or anyone in stand-alone
	AllowTo       Patterns       // what may be dialled; empty: everything
	AlwaysTo      Patterns       // what CallHours and CallsPerHour do not hold back
	CallHours     Hours          // when calls are placed; zero: always
	CallsPerHour  int            // calls placed within an hour; 0: any number
	AutoAnswerFor Patterns       // callers whose auto-answer headers are obeyed; empty: nobody
	AllowRefer    bool           // let the far end transfer us
	// BarInternational refuses numbers that begin with + or 00 unless a pattern of AllowTo does so too.
	BarInternational bool

	AutoAnswer      bool
	DND             bool
	AutoAnswerDelay time.Duration
	RingTimeout     time.Duration // 60 s
	// AnswerUnanswered answers a caller at the end of RingTimeout instead of sending
	// them away: for an answering machine, see Call.Unattended.
	AnswerUnanswered bool
	MaxCalls         int           // 1
	MaxCallDuration  time.Duration // 0 = no limit
	MediaTimeout     time.Duration // a call in which no RTP comes for so long ends, 120 s
	EarlyMedia       bool          // answer 183 with SDP while ringing

	SRTP           sdp.SRTPMode  // whether sound is encrypted
	ComfortNoise   bool          // RFC 3389
	Codecs         []codec.Codec // in order of preference
	DTMF           DTMFMethod
	ToneDuration   time.Duration // 160 ms
	ToneGap        time.Duration // 100 ms
	RTPMin, RTPMax int
	Capture        audio.Device
	Playback       audio.Device
	Volume         int // 0 = off .. 20; use DefaultVolume

	// One of several instances that take turns. Standby starts inactive: see Phone.SetActive. MayAct is asked before
	// anything is done; false ends being active at once. MayUnregister is asked then: false leaves the binding at the
	// registrar to expire. Both may be called from any goroutine and are nil for a phone on its own.
	Standby       bool
	MayAct        func() bool
	MayUnregister func() bool

	UserAgent string
	Resolver  resolve.Resolver // nil = the system's
	Timers    transaction.Timers
	Logger    *slog.Logger
}

// DefaultVolume is full scale.
const DefaultVolume = 20

func (c Config) withDefaults() Config {
	setDefault(&c.ID, "phone")
	setDefault(&c.AuthUser, c.User)
	setDefault(&c.Network, transport.UDP)
	setDefault(&c.Expires, 300*time.Second)
	setDefault(&c.RingTimeout, 60*time.Second)
	setDefault(&c.MaxCalls, 1)
	setDefault(&c.MediaTimeout, 120*time.Second)
	setDefault(&c.DTMF, DTMFEvent)
	setDefault(&c.ToneDuration, 160*time.Millisecond)
	setDefault(&c.ToneGap, 100*time.Millisecond)
	setDefault(&c.RTPMin, 16384)
	setDefault(&c.RTPMax, 16484)
	setDefault(&c.UserAgent, "housephone")
	if len(c.Codecs) == 0 {
		c.Codecs = codec.Default()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

func (c Config) validate() error {
	var errs []error
	if c.Server != "" && c.User == "" {
		errs = append(errs, errors.New("an account needs a user"))
	}
	switch c.Network {
	case transport.UDP, transport.TCP, transport.TLS:
	default:
		errs = append(errs, fmt.Errorf("transport %q is none of udp, tcp, tls", c.Network))
	}
	switch c.DTMF {
	case DTMFEvent, DTMFInfo, DTMFInband:
	default:
		errs = append(errs, fmt.Errorf("keys by %q: none of rfc4733, info, inband", c.DTMF))
	}
	if c.UDP == nil {
		errs = append(errs, errors.New("a UDP socket is missing"))
	}
	if c.Volume < 0 || c.Volume > 20 {
		errs = append(errs, fmt.Errorf("volume %d is not within 0 to 20", c.Volume))
	}
	for name, v := range map[string]string{
		"user": c.User, "authentication user": c.AuthUser, "display name": c.DisplayName,
		"server": c.Server, "outbound proxy": c.OutboundProxy, "user agent": c.UserAgent,
	} {
		if hasControl(v) {
			errs = append(errs, fmt.Errorf("the %s holds a control character", name))
		}
	}
	if _, _, err := splitAdvertise(c.Advertise); err != nil {
		errs = append(errs, err)
	}
	if c.STUN != "" {
		if _, _, err := stun.ParseServer(c.STUN); err != nil {
			errs = append(errs, fmt.Errorf("STUN server %q: %w", c.STUN, err))
		}
	}
	return errors.Join(errs...)
}

// splitAdvertise reads address[:port].
func splitAdvertise(s string) (host string, port int, err error) {
	if s == "" {
		return "", 0, nil
	}
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return a.String(), 0, nil
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().String(), int(ap.Port()), nil
	}
	return "", 0, fmt.Errorf("advertised address %q is no IP address or address:port", s)
}

// hasControl tells whether text could break out of a SIP header line.
func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || (r >= 0x7f && r < 0xa0) || r == 0x2028 || r == 0x2029 })
}
