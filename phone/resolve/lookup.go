package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Resolver is the part of *net.Resolver that is used.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
}

var _ Resolver = (*net.Resolver)(nil)

// Config of a Lookup; the zero value works.
type Config struct {
	Resolver Resolver // nil = net.DefaultResolver
	// Local is the address our socket is bound to. Bound to an IPv4 address or to none IPv4
	// targets come first, bound to an IPv6 address those; bound to "::", which reaches both,
	// the resolver's order stays.
	Local netip.Addr
	// CacheFor is how long an answer is used without asking again; 1 min.
	CacheFor time.Duration
	// Penalty is how long a failed target is tried last; 1 min.
	Penalty time.Duration
	// Timeout bounds each question to DNS; 3 s.
	Timeout time.Duration
}

func (c Config) withDefaults() Config {
	if c.Resolver == nil {
		c.Resolver = net.DefaultResolver
	}
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{{&c.CacheFor, time.Minute}, {&c.Penalty, time.Minute}, {&c.Timeout, 3 * time.Second}} {
		if *d.v == 0 {
			*d.v = d.def
		}
	}
	return c
}

func (c Config) validate() error {
	if c.CacheFor < 0 || c.Penalty < 0 || c.Timeout < 0 {
		return errors.New("resolve config: times must not be negative")
	}
	return nil
}

const (
	maxCached  = 64
	maxTargets = 16 // of one name; more would only delay the report of a failure
)

// Lookup finds targets, keeps answers for a while and remembers which targets failed.
type Lookup struct {
	cfg Config

	mu    sync.Mutex // guards following
	cache map[server]cached
	box   penaltyBox
}

type cached struct {
	targets []Target
	until   time.Time
}

// New returns a Lookup with an empty cache.
func New(cfg Config) (*Lookup, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	return &Lookup{cfg: cfg, cache: make(map[server]cached), box: penaltyBox{length: cfg.Penalty}}, nil
}

// Targets returns where to send a request for hostport (a name or address, with or without a
// port) over network (udp, tcp, tls), in the order to try; at least one. Without a port the SRV
// records of the name decide, and 5060 or 5061 where there are none (RFC 3263 4.2).
//
// Errors wrap [ErrMalformed], [ErrNotFound], [ErrNoDNS], [ErrNotOffered] or the end of ctx.
func (l *Lookup) Targets(ctx context.Context, now time.Time, hostport, network string) ([]Target, error) {
	s, err := parse(hostport, network)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	known, ok := l.cache[s]
	l.mu.Unlock()
	targets := known.targets
	if !ok || !now.Before(known.until) {
		targets, err = l.find(ctx, s)
		switch {
		case err == nil:
			l.keep(now, s, targets)
		case ok && errors.Is(err, ErrNoDNS):
			// DNS is often down together with the rest: an old address is better than none.
			targets = known.targets
		default:
			return nil, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.box.order(now, targets), nil
}

// Failed tells that a target did not answer, could not be reached or sent 503: it is tried last
// for a while, and its name is looked up again the next time (RFC 3263 4.3).
func (l *Lookup) Failed(now time.Time, t Target) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.box.add(now, t)
	for s, c := range l.cache {
		if slices.ContainsFunc(c.targets, func(o Target) bool { return keyOf(o) == keyOf(t) }) {
			c.until = time.Time{}
			l.cache[s] = c
		}
	}
}

// Succeeded tells that a target has answered.
func (l *Lookup) Succeeded(t Target) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.box.remove(t)
}

// keep caches an answer. A full cache forgets the entry that ends first.
func (l *Lookup) keep(now time.Time, s server, targets []Target) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.cache[s]; !ok && len(l.cache) >= maxCached {
		var oldest server
		for k, c := range l.cache {
			if o, ok := l.cache[oldest]; !ok || c.until.Before(o.until) {
				oldest = k
			}
		}
		delete(l.cache, oldest)
	}
	l.cache[s] = cached{targets: targets, until: now.Add(l.cfg.CacheFor)}
}

// find asks DNS where that is needed.
func (l *Lookup) find(ctx context.Context, s server) ([]Target, error) {
	p, _ := service(s.network)
	if s.addr.IsValid() {
		port := s.port
		if port == 0 {
			port = p.port
		}
		return []Target{{s.network, netip.AddrPortFrom(s.addr, port), s.host}}, nil
	}
	if s.port == 0 {
		targets, err := l.services(ctx, s, p)
		if err != nil || len(targets) > 0 {
			return targets, err
		}
		s.port = p.port
	}
	return l.addresses(ctx, s, s.host, s.port)
}

// services follows the SRV records, which net sorts by priority and shuffles by weight. None, or
// no answer, is not an error: the name itself is tried then (RFC 3263 4.2).
func (l *Lookup) services(ctx context.Context, s server, p protocol) ([]Target, error) {
	ask, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	// Records with broken names come as an error beside the good ones.
	_, records, _ := l.cfg.Resolver.LookupSRV(ask, p.service, p.proto, s.host)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("look up %s: %w", s.host, err)
	}
	if len(records) == 1 && records[0].Target == "." {
		return nil, fmt.Errorf("%s has no SIP over %s: %w", s.host, s.network, ErrNotOffered)
	}
	var targets []Target
	var failed error
	for _, r := range records {
		if r.Port == 0 {
			failed = fmt.Errorf("the SRV record of %s has no port: %w", s.host, ErrNotOffered)
			continue
		}
		name := trimDot(r.Target)
		found, err := l.addresses(ctx, s, name, r.Port)
		if err != nil {
			failed = fmt.Errorf("the SRV record of %s leads to %s: %w", s.host, name, err)
			continue
		}
		if targets = append(targets, found...); len(targets) >= maxTargets {
			return targets[:maxTargets], nil
		}
	}
	if len(targets) == 0 {
		return nil, failed
	}
	return targets, nil
}

// addresses looks up name, as a part of finding s.
func (l *Lookup) addresses(ctx context.Context, s server, name string, port uint16) ([]Target, error) {
	ask, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	addrs, err := l.cfg.Resolver.LookupNetIP(ask, "ip", name)
	if err == nil && len(addrs) == 0 {
		err = &net.DNSError{Err: "no address", Name: name, IsNotFound: true}
	}
	if cerr := ctx.Err(); cerr != nil {
		return nil, fmt.Errorf("look up %s: %w", name, cerr)
	}
	if err != nil {
		return nil, explain(name, err)
	}
	var targets []Target
	for _, a := range l.prefer(addrs) {
		targets = append(targets, Target{s.network, netip.AddrPortFrom(a, port), s.host})
	}
	return targets[:min(len(targets), maxTargets)], nil
}

// prefer orders by what the local socket reaches best, without doublets.
func (l *Lookup) prefer(addrs []netip.Addr) []netip.Addr {
	var list []netip.Addr
	for _, a := range addrs {
		if a = a.Unmap(); !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	local := l.cfg.Local.Unmap()
	if local.Is6() && local.IsUnspecified() {
		return list
	}
	rank := func(a netip.Addr) int {
		if a.Is6() == local.Is6() {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(list, func(x, y netip.Addr) int { return rank(x) - rank(y) })
	return list
}

func trimDot(s string) string {
	if n := len(s); n > 1 && s[n-1] == '.' {
		return s[:n-1]
	}
	return s
}
