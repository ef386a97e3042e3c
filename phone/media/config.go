package media

import (
	"fmt"
	"log/slog"
	"net/netip"
	"time"
)

// Config of an [Engine]. The zero value works.
type Config struct {
	// Bind is the local address of all sockets; the zero value is every
	// address.
	Bind netip.Addr
	// PortMin and PortMax bound the ports in use, both included; RTP takes
	// even ports and RTCP the odd one above. Default 16384 to 16484.
	PortMin, PortMax int
	// Logger gets the failures of sources, sinks and callbacks; nil discards.
	Logger *slog.Logger
	// ToneDuration and ToneGap are the length of a sent key and the pause
	// after it. Default 160 ms and 100 ms.
	ToneDuration, ToneGap time.Duration
	// SilenceAfter is when [Silence] is reported; default 20 s, negative is
	// never.
	SilenceAfter time.Duration
	// DSCP marks RTP and RTCP; 0 is expedited forwarding (46, RFC 3246),
	// negative leaves the mark alone.
	DSCP int
}

func (c Config) withDefaults() Config {
	if c.PortMin == 0 && c.PortMax == 0 {
		c.PortMin, c.PortMax = 16384, 16484
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.ToneDuration == 0 {
		c.ToneDuration = 160 * time.Millisecond
	}
	if c.ToneGap == 0 {
		c.ToneGap = 100 * time.Millisecond
	}
	if c.SilenceAfter == 0 {
		c.SilenceAfter = 20 * time.Second
	}
	if c.DSCP == 0 {
		c.DSCP = 46
	}
	c.PortMin += c.PortMin & 1
	return c
}

func (c Config) validate() error {
	switch {
	case c.PortMin < 1024 || c.PortMax > 65535 || c.PortMin >= c.PortMax:
		return fmt.Errorf("RTP ports %d-%d, want a pair or more within 1024-65535: %w", c.PortMin, c.PortMax, ErrParams)
	case c.Bind.IsMulticast():
		return fmt.Errorf("bind to %v: %w", c.Bind, ErrParams)
	case c.ToneDuration < 40*time.Millisecond || c.ToneDuration > 5*time.Second:
		return fmt.Errorf("keys of %v, want 40 ms to 5 s: %w", c.ToneDuration, ErrParams)
	case c.ToneGap < 40*time.Millisecond || c.ToneGap > 5*time.Second:
		return fmt.Errorf("gap of %v between keys, want 40 ms to 5 s: %w", c.ToneGap, ErrParams)
	case c.DSCP > 63:
		return fmt.Errorf("DSCP %d, want 0 to 63: %w", c.DSCP, ErrParams)
	}
	return nil
}
