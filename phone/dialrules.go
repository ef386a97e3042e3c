package phone

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Hours is a part of each day, local time. The zero value is the whole day.
type Hours struct{ from, to time.Duration } // since midnight; to before from = over midnight

// ParseHours reads HH:MM-HH:MM, such as 06:00-22:30 or 22:00-06:00. Both ends alike are an error.
func ParseHours(s string) (Hours, error) {
	first, last, ok := strings.Cut(s, "-")
	from, err1 := time.Parse("15:04", strings.TrimSpace(first))
	to, err2 := time.Parse("15:04", strings.TrimSpace(last))
	if !ok || err1 != nil || err2 != nil || from.Equal(to) {
		return Hours{}, fmt.Errorf("%q is no part of a day such as 06:00-22:30", s)
	}
	midnight := func(t time.Time) time.Duration {
		return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
	}
	return Hours{midnight(from), midnight(to)}, nil
}

func (h Hours) String() string {
	if h == (Hours{}) {
		return "the whole day"
	}
	clock := func(d time.Duration) string { return fmt.Sprintf("%02d:%02d", d/time.Hour, d%time.Hour/time.Minute) }
	return clock(h.from) + "-" + clock(h.to)
}

// Contains tells whether the clock at t shows a time of these hours; the last minute is not one of them.
func (h Hours) Contains(t time.Time) bool {
	now := time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
	switch {
	case h.from == h.to:
		return true
	case h.from < h.to:
		return now >= h.from && now < h.to
	}
	return now >= h.from || now < h.to
}

// international tells whether a number leaves the country: + or 00 first (ITU-T E.123), as a switch reads it, without
// escapes (RFC 3261 19.1.4) and what parts the digits (RFC 3966 5.1.1).
func international(user string) bool {
	if plain, err := url.PathUnescape(user); err == nil {
		user = plain
	}
	user = strings.TrimLeft(user, "-.() ")
	rest, zero := strings.CutPrefix(user, "0")
	return strings.HasPrefix(user, "+") || zero && strings.HasPrefix(strings.TrimLeft(rest, "-.() "), "0")
}

// mayReach tells why the rules of Config do not let this address be dialled at all.
func (c *Config) mayReach(target sip.Uri) error {
	who := partyOf("", target).User
	if len(c.AllowTo) > 0 && !c.AllowTo.Match(target) {
		return errf(Refused, "calls to %s are not allowed by SIP_ALLOW_TO", who)
	}
	if c.BarInternational && international(target.User) && !c.AllowTo.abroad().Match(target) {
		return errf(Refused, "%s is an international number: SIP_ALLOW_INTERNATIONAL is off and no pattern of SIP_ALLOW_TO names it", who)
	}
	return nil
}

// abroad are the patterns that name international numbers themselves.
func (ps Patterns) abroad() Patterns {
	var out Patterns
	for _, p := range ps {
		if international(p) {
			out = append(out, p)
		}
	}
	return out
}

// mayDial tells why these addresses must not be dialled now, and counts them when they may.
func (p *Phone) mayDial(targets ...sip.Uri) error {
	counted := 0
	for _, t := range targets {
		if err := p.cfg.mayReach(t); err != nil {
			return err
		}
		if p.cfg.AlwaysTo.Match(t) {
			continue
		}
		counted++
		if !p.cfg.CallHours.Contains(p.now()) {
			return errf(Refused, "calls are placed from %s only (SIP_CALL_HOURS)", p.cfg.CallHours)
		}
	}
	if p.cfg.CallsPerHour == 0 || counted == 0 {
		return nil
	}
	since := p.now().Add(-time.Hour)
	for len(p.dialled) > 0 && p.dialled[0].Before(since) {
		p.dialled = p.dialled[1:]
	}
	if len(p.dialled)+counted > p.cfg.CallsPerHour {
		return errf(Refused, "more than %d calls within an hour are not allowed by SIP_CALLS_PER_HOUR", p.cfg.CallsPerHour)
	}
	for range counted {
		p.dialled = append(p.dialled, p.now())
	}
	return nil
}
