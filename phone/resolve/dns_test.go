package resolve

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// zone is a real DNS server on loopback.
type zone struct {
	t       *testing.T
	addr    string
	queries atomic.Int64
	down    atomic.Bool // answers SERVFAIL

	mu      sync.Mutex // guards following
	records []dns.RR
}

func newZone(t *testing.T, records ...string) *zone {
	t.Helper()
	pc, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	z := &zone{t: t, addr: pc.LocalAddr().String()}
	z.set(records...)
	started := make(chan struct{})
	srv := &dns.Server{PacketConn: pc, Handler: z, NotifyStartedFunc: func() { close(started) }}
	done := make(chan error, 1)
	go func() { done <- srv.ActivateAndServe() }()
	<-started
	t.Cleanup(func() {
		if err := srv.Shutdown(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return z
}

func (z *zone) set(records ...string) {
	z.t.Helper()
	var list []dns.RR
	for _, r := range records {
		rr, err := dns.NewRR(r)
		if err != nil {
			z.t.Fatal(err)
		}
		list = append(list, rr)
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	z.records = list
}

func (z *zone) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	z.queries.Add(1)
	m := new(dns.Msg)
	m.SetReply(q)
	m.RecursionAvailable = true // as the resolver of a home router
	if z.down.Load() {
		m.Rcode = dns.RcodeServerFailure
	} else {
		z.mu.Lock()
		m.Rcode = dns.RcodeNameError
		for _, rr := range z.records {
			if rr.Header().Name != dns.CanonicalName(q.Question[0].Name) {
				continue
			}
			m.Rcode = dns.RcodeSuccess
			if rr.Header().Rrtype == q.Question[0].Qtype {
				m.Answer = append(m.Answer, rr)
			}
		}
		z.mu.Unlock()
	}
	if err := w.WriteMsg(m); err != nil {
		z.t.Error(err)
	}
}

// resolver asks the server at addr only. Package net reads on for some seconds after a lookup was
// given up; closing the connection ends that, so that the leak check sees only our own.
func resolver(addr string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, "udp", addr)
		if err == nil {
			context.AfterFunc(ctx, func() { _ = c.Close() })
		}
		return c, err
	}}
}

func (z *zone) lookup(cfg Config) *Lookup {
	z.t.Helper()
	cfg.Resolver = resolver(z.addr)
	if cfg.Timeout == 0 {
		cfg.Timeout = 20 * time.Second // far above the noise of a busy machine
	}
	l, err := New(cfg)
	if err != nil {
		z.t.Fatal(err)
	}
	return l
}
