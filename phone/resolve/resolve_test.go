package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func epoch() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

func texts(targets []Target) []string {
	var list []string
	for _, t := range targets {
		list = append(list, t.String())
	}
	return list
}

func mustFind(t *testing.T, l *Lookup, now time.Time, host, network string) []Target {
	t.Helper()
	targets, err := l.Targets(t.Context(), now, host, network)
	if err != nil {
		t.Fatalf("%s: %v", host, err)
	}
	return targets
}

func TestNumericNeedsNoDNS(t *testing.T) {
	tests := []struct{ host, network, want, name string }{
		{"192.0.2.1", "udp", "udp:192.0.2.1:5060", "192.0.2.1"},
		{"192.0.2.1:5070", "UDP", "udp:192.0.2.1:5070", "192.0.2.1"},
		{"192.0.2.1", "tcp", "tcp:192.0.2.1:5060", "192.0.2.1"},
		{"192.0.2.1", "tls", "tls:192.0.2.1:5061", "192.0.2.1"},
		{"2001:db8::1", "udp", "udp:[2001:db8::1]:5060", "2001:db8::1"},
		{"[2001:db8::1]", "tls", "tls:[2001:db8::1]:5061", "2001:db8::1"},
		{"[2001:db8::1]:5070", "tcp", "tcp:[2001:db8::1]:5070", "2001:db8::1"},
		{"[fe80::1%eth0]:5060", "udp", "udp:[fe80::1%eth0]:5060", "fe80::1%eth0"},
		{"::ffff:192.0.2.1", "udp", "udp:192.0.2.1:5060", "192.0.2.1"},
	}
	z := newZone(t)
	for _, tt := range tests {
		got := mustFind(t, z.lookup(Config{}), epoch(), tt.host, tt.network)
		if len(got) != 1 || got[0].String() != tt.want || got[0].ServerName != tt.name {
			t.Errorf("%s over %s: %v %q", tt.host, tt.network, got, got[0].ServerName)
		}
	}
	if n := z.queries.Load(); n != 0 {
		t.Errorf("%d questions", n)
	}
}

func TestMalformed(t *testing.T) {
	for _, tt := range [][2]string{
		{"", "udp"}, {":5060", "udp"}, {"a:0", "udp"}, {"a:65536", "udp"}, {"a:b", "udp"}, {"a:", "udp"}, {"a b", "udp"},
		{"[::1", "udp"}, {"[a]", "udp"}, {"[::1]5060", "udp"}, {"[192.0.2.1]:5060", "udp"}, {"a..b", "udp"}, {"a\r\nb", "udp"},
		{strings.Repeat("a", 64), "udp"}, {strings.Repeat("a.", 200) + "b", "udp"}, {"sip:a", "udp"}, {"a", "ws"}, {"a", ""},
	} {
		z := newZone(t)
		_, err := z.lookup(Config{}).Targets(t.Context(), epoch(), tt[0], tt[1])
		if !errors.Is(err, ErrMalformed) || z.queries.Load() != 0 {
			t.Errorf("%q over %q: %v", tt[0], tt[1], err)
		}
	}
}

func TestRecords(t *testing.T) {
	records := []string{
		"plain.example. 60 IN A 192.0.2.1",
		"two.example. 60 IN AAAA 2001:db8::1",
		"two.example. 60 IN A 192.0.2.1",
		"six.example. 60 IN AAAA 2001:db8::6",
		"_sip._udp.srv.example. 60 IN SRV 20 0 5064 b.example.",
		"_sip._udp.srv.example. 60 IN SRV 10 0 5062 a.example.",
		"_sip._tcp.srv.example. 60 IN SRV 10 0 5072 a.example.",
		"_sips._tcp.srv.example. 60 IN SRV 10 0 5082 a.example.",
		"srv.example. 60 IN A 192.0.2.99",
		"a.example. 60 IN A 192.0.2.10",
		"b.example. 60 IN A 192.0.2.20",
		"_sip._udp.half.example. 60 IN SRV 10 0 5060 gone.example.",
		"_sip._udp.half.example. 60 IN SRV 20 0 5060 b.example.",
		"_sip._udp.broken.example. 60 IN SRV 20 0 5064 192.0.2.7.", // must be a name (RFC 2782)
		"broken.example. 60 IN A 192.0.2.8",
	}
	any6 := netip.IPv6Unspecified()
	tests := []struct {
		host, network string
		local         netip.Addr
		want          string
	}{
		{"plain.example", "udp", netip.Addr{}, "udp:192.0.2.1:5060"},
		{"PLAIN.example.", "udp", netip.Addr{}, "udp:192.0.2.1:5060"},
		{"plain.example", "tls", netip.Addr{}, "tls:192.0.2.1:5061"},
		{"plain.example:5099", "tcp", netip.Addr{}, "tcp:192.0.2.1:5099"},
		{"two.example", "udp", netip.Addr{}, "udp:192.0.2.1:5060 udp:[2001:db8::1]:5060"},
		{"two.example", "udp", netip.IPv4Unspecified(), "udp:192.0.2.1:5060 udp:[2001:db8::1]:5060"},
		{"two.example", "udp", netip.MustParseAddr("2001:db8::9"), "udp:[2001:db8::1]:5060 udp:192.0.2.1:5060"},
		{"six.example", "udp", any6, "udp:[2001:db8::6]:5060"},
		{"six.example", "udp", netip.Addr{}, "udp:[2001:db8::6]:5060"},
		{"srv.example", "udp", netip.Addr{}, "udp:192.0.2.10:5062 udp:192.0.2.20:5064"},
		{"srv.example", "tcp", netip.Addr{}, "tcp:192.0.2.10:5072"},
		{"srv.example", "tls", netip.Addr{}, "tls:192.0.2.10:5082"},
		{"srv.example:5060", "udp", netip.Addr{}, "udp:192.0.2.99:5060"}, // a port means no SRV
		{"half.example", "udp", netip.Addr{}, "udp:192.0.2.20:5060"},
		{"broken.example", "udp", netip.Addr{}, "udp:192.0.2.8:5060"},
	}
	z := newZone(t, records...)
	for _, tt := range tests {
		t.Run(tt.host+" "+tt.network, func(t *testing.T) {
			got := mustFind(t, z.lookup(Config{Local: tt.local}), epoch(), tt.host, tt.network)
			if s := strings.Join(texts(got), " "); s != tt.want {
				t.Errorf("got %s\nwant %s", s, tt.want)
			}
			name, _, _ := strings.Cut(strings.TrimSuffix(tt.host, "."), ":")
			for _, target := range got {
				if target.ServerName != name {
					t.Errorf("server name %q", target.ServerName)
				}
			}
		})
	}
}

func TestWeightsShareTheLoad(t *testing.T) {
	z := newZone(t,
		"_sip._udp.w.example. 60 IN SRV 10 50 5060 a.example.", "_sip._udp.w.example. 60 IN SRV 10 50 5060 b.example.",
		"_sip._udp.w.example. 60 IN SRV 20 50 5060 c.example.",
		"a.example. 60 IN A 192.0.2.1", "b.example. 60 IN A 192.0.2.2", "c.example. 60 IN A 192.0.2.3")
	first := map[string]int{}
	for range 64 {
		got := mustFind(t, z.lookup(Config{}), epoch(), "w.example", "udp")
		if len(got) != 3 || got[2].Addr.Addr().String() != "192.0.2.3" {
			t.Fatalf("priority ignored: %v", got)
		}
		first[got[0].String()]++
	}
	if len(first) != 2 {
		t.Errorf("always the same first: %v", first)
	}
}

func TestErrorsInWords(t *testing.T) {
	z := newZone(t, "_sip._tcp.udponly.example. 60 IN SRV 0 0 0 .", "_sip._udp.dangling.example. 60 IN SRV 0 0 5060 gone.example.",
		"_sip._udp.noport.example. 60 IN SRV 0 0 0 gone.example.", "txt.example. 60 IN TXT \"x\"")
	l := z.lookup(Config{})
	tests := []struct {
		host, network, words string
		kind                 error
	}{
		{"pbx.local", "udp", "the name pbx.local does not exist", ErrNotFound},
		{"txt.example", "udp", "the name txt.example does not exist", ErrNotFound},
		{"udponly.example", "tcp", "udponly.example has no SIP over tcp: not offered", ErrNotOffered},
		{"dangling.example", "udp", "the SRV record of dangling.example leads to gone.example: the name gone.example does not exist", ErrNotFound},
		{"noport.example", "udp", "the SRV record of noport.example has no port: not offered", ErrNotOffered},
	}
	for _, tt := range tests {
		_, err := l.Targets(t.Context(), epoch(), tt.host, tt.network)
		if !errors.Is(err, tt.kind) || err.Error() != tt.words {
			t.Errorf("%s: %v", tt.host, err)
		}
		var cause *net.DNSError
		if errors.Is(err, ErrNotFound) && (!errors.As(err, &cause) || !cause.IsNotFound) {
			t.Errorf("%s: the cause is lost in %#v", tt.host, err)
		}
	}
	z.down.Store(true)
	_, err := l.Targets(t.Context(), epoch(), "pbx.local:5060", "udp")
	if !errors.Is(err, ErrNoDNS) || err.Error() != "the DNS server could not look up pbx.local" {
		t.Errorf("SERVFAIL: %v", err)
	}
}

func TestNoDNSServer(t *testing.T) {
	silent, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := silent.LocalAddr().String()
	check := func(what string) {
		l, err := New(Config{Resolver: resolver(addr), Timeout: 200 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		_, err = l.Targets(t.Context(), epoch(), "pbx.local", "udp")
		if !errors.Is(err, ErrNoDNS) || err.Error() != "no DNS server answered for pbx.local" {
			t.Errorf("%s: %v", what, err)
		}
	}
	check("silence")
	if err := silent.Close(); err != nil {
		t.Fatal(err)
	}
	check("closed port")
}

func TestContextEnds(t *testing.T) {
	z := newZone(t, "pbx.local. 60 IN A 192.0.2.1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, host := range []string{"pbx.local", "pbx.local:5060"} {
		if _, err := z.lookup(Config{}).Targets(ctx, epoch(), host, "udp"); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestCache(t *testing.T) {
	z := newZone(t, "pbx.local. 60 IN A 192.0.2.1")
	l := z.lookup(Config{CacheFor: time.Minute})
	now := epoch()
	mustFind(t, l, now, "pbx.local", "udp")
	asked := z.queries.Load()
	z.set("pbx.local. 60 IN A 192.0.2.2")
	if got := mustFind(t, l, now.Add(59*time.Second), "pbx.local", "udp"); z.queries.Load() != asked || got[0].Addr.Addr().String() != "192.0.2.1" {
		t.Errorf("not from the cache: %v", got)
	}
	now = now.Add(time.Minute)
	got := mustFind(t, l, now, "pbx.local", "udp")
	if got[0].Addr.Addr().String() != "192.0.2.2" {
		t.Errorf("the cache does not end: %v", got)
	}

	// A failed target is looked up again: the PBX may have got another address.
	z.set("pbx.local. 60 IN A 192.0.2.3")
	l.Failed(now, got[0])
	if got := mustFind(t, l, now, "pbx.local", "udp"); got[0].Addr.Addr().String() != "192.0.2.3" {
		t.Errorf("after a failure: %v", got)
	}

	// Without DNS the last answer is better than none, however old.
	z.down.Store(true)
	now = now.Add(24 * time.Hour)
	if got := mustFind(t, l, now, "pbx.local", "udp"); got[0].Addr.Addr().String() != "192.0.2.3" {
		t.Errorf("without DNS: %v", got)
	}
	// But a name that is gone is gone.
	z.down.Store(false)
	z.set()
	if _, err := l.Targets(t.Context(), now, "pbx.local", "udp"); !errors.Is(err, ErrNotFound) {
		t.Errorf("gone: %v", err)
	}
}

func TestPenaltyBox(t *testing.T) {
	z := newZone(t, "_sip._udp.p.example. 60 IN SRV 1 0 1 a.example.", "_sip._udp.p.example. 60 IN SRV 2 0 2 a.example.",
		"_sip._udp.p.example. 60 IN SRV 3 0 3 a.example.", "a.example. 60 IN A 192.0.2.1")
	l := z.lookup(Config{Penalty: 30 * time.Second})
	now := epoch()
	ports := func() string {
		var s []string
		for _, target := range mustFind(t, l, now, "p.example", "udp") {
			s = append(s, fmt.Sprint(target.Addr.Port()))
		}
		return strings.Join(s, "")
	}
	all := mustFind(t, l, now, "p.example", "udp")
	want := func(what, order string) {
		t.Helper()
		if got := ports(); got != order {
			t.Errorf("%s: %s, want %s", what, got, order)
		}
	}
	want("fresh", "123")
	l.Failed(now, all[0])
	want("first failed", "231")
	now = now.Add(time.Second)
	l.Failed(now, all[1])
	want("then second", "312")
	now = now.Add(time.Second)
	l.Failed(now, all[2])
	want("all failed", "123")
	l.Succeeded(all[2])
	want("third is back", "312")
	now = now.Add(28 * time.Second)
	want("first is forgiven", "132")
	now = now.Add(time.Minute)
	want("all forgiven", "123")
}

func TestMemoryIsBounded(t *testing.T) {
	l, err := New(Config{Resolver: fixed{}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		now := epoch().Add(time.Duration(i) * time.Millisecond)
		target := mustFind(t, l, now, fmt.Sprintf("h%d.example", i), "udp")[0]
		l.Failed(now, Target{Network: "udp", Addr: netip.AddrPortFrom(target.Addr.Addr(), uint16(i+1))})
	}
	if len(l.cache) > maxCached || len(l.box.until) > maxPenalties {
		t.Errorf("%d names, %d penalties kept", len(l.cache), len(l.box.until))
	}
	l.Failed(epoch().Add(time.Hour), Target{Network: "udp", Addr: netip.MustParseAddrPort("192.0.2.1:1")})
	if n := len(l.box.until); n != 1 {
		t.Errorf("%d old penalties kept", n-1)
	}
}

// fixed answers each question at once with many addresses, one of them twice.
type fixed struct{}

func (fixed) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	var list []netip.Addr
	for i := range 40 {
		list = append(list, netip.AddrFrom4([4]byte{192, 0, 2, byte(i / 2)}))
	}
	return list, nil
}

func (fixed) LookupSRV(context.Context, string, string, string) (string, []*net.SRV, error) {
	return "", nil, &net.DNSError{IsNotFound: true}
}

func TestManyAddresses(t *testing.T) {
	l, err := New(Config{Resolver: fixed{}})
	if err != nil {
		t.Fatal(err)
	}
	got := texts(mustFind(t, l, epoch(), "a.example", "udp"))
	if len(got) != maxTargets || len(slices.Compact(slices.Sorted(slices.Values(got)))) != maxTargets {
		t.Errorf("%d targets: %v", len(got), got)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, cfg := range []Config{{CacheFor: -1}, {Penalty: -1}, {Timeout: -1}} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v accepted", cfg)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"pbx.local", "pbx.local:5060", "192.0.2.1", "[::1]:5060", "::1", "[", "a:b:c", "fe80::1%eth0", "\x00"} {
		f.Add(s, "udp")
	}
	f.Fuzz(func(t *testing.T, hostport, network string) {
		s, err := parse(hostport, network)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if s.host == "" || strings.ContainsAny(s.host, " \r\n\t[]/@") {
			t.Fatalf("%q gives host %q", hostport, s.host)
		}
		// What was understood is understood again when written in full.
		if s.addr.IsValid() && s.port > 0 {
			again, err := parse(netip.AddrPortFrom(s.addr, s.port).String(), network)
			if err != nil || again != s {
				t.Fatalf("%+v comes back as %+v, %v", s, again, err)
			}
		}
	})
}
