package account

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// wire simulates the owner of a machine over UDP: requests are sent again as RFC 3261 17.1.2
// says, and a registrar that is down hears nothing.
type wire struct {
	t        *testing.T
	m        *Machine
	now      time.Time
	down, up time.Time // the outage
	icmp     bool      // the host tells that nothing listens
	options  bool      // the registrar answers OPTIONS

	register, ping resend
	heard          time.Time // first REGISTER after the outage
}

// resend is a request under way.
type resend struct {
	start, at time.Time // zero: none
	interval  time.Duration
}

const rtt = 2 * time.Millisecond

func (r *resend) begin(now time.Time) { *r = resend{start: now, at: now} }

// sent moves on to the next retransmission: T1, doubling to T2.
func (r *resend) sent() {
	r.interval = min(max(2*r.interval, 500*time.Millisecond), 4*time.Second)
	r.at = r.at.Add(r.interval)
	if end := r.start.Add(32 * time.Second); r.at.After(end) {
		r.at = end
	}
}

func (w *wire) take(actions []Action) {
	for _, a := range actions {
		switch a.(type) {
		case Register:
			w.register.begin(w.now)
		case Ping:
			w.ping.begin(w.now)
		}
	}
}

// run lets time pass to the next packet or timer.
func (w *wire) run(until time.Time) {
	for w.now.Before(until) && w.heard.IsZero() {
		next := until
		for _, t := range []time.Time{w.m.NextTimer(), w.register.at, w.ping.at} {
			if !t.IsZero() && t.Before(next) {
				next = t
			}
		}
		w.now = later(w.now, next)
		switch {
		case !w.register.at.IsZero() && !w.now.Before(w.register.at):
			w.sendRegister()
		case !w.ping.at.IsZero() && !w.now.Before(w.ping.at):
			w.sendPing()
		default:
			w.take(w.m.Tick(w.now))
		}
	}
}

func (w *wire) isDown() bool { return !w.now.Before(w.down) && w.now.Before(w.up) }

func (w *wire) sendRegister() {
	switch {
	case w.now.Sub(w.register.start) >= 32*time.Second:
		w.register = resend{}
		w.take(w.m.Timeout(w.now))
	case !w.isDown():
		if !w.now.Before(w.up) {
			w.heard = w.now
		}
		w.register = resend{}
		w.now = w.now.Add(rtt)
		w.take(w.m.Response(w.now, Response{Code: 200}))
	case w.icmp:
		w.register = resend{}
		w.take(w.m.TransportError(w.now, syscall.ECONNREFUSED))
	default:
		w.register.sent()
	}
}

func (w *wire) sendPing() {
	switch {
	case w.now.Sub(w.ping.start) >= 32*time.Second:
		w.ping = resend{}
	case !w.isDown() && w.options:
		w.ping = resend{}
		w.now = w.now.Add(rtt)
		w.take(w.m.Pong(w.now))
	case w.isDown() && w.icmp:
		w.ping = resend{}
		w.take(w.m.Lost(w.now))
	default:
		w.ping.sent()
	}
}

// A registrar that was away for longer than the time between two pings hears a REGISTER within
// 5 s of its return, however long it was away.
func TestRestartedRegistrarIsFoundWithinSeconds(t *testing.T) {
	outages := []time.Duration{5100 * time.Millisecond, 6 * time.Second, 8 * time.Second, 15 * time.Second, 30 * time.Second,
		33 * time.Second, time.Minute, 5 * time.Minute, time.Hour}
	r := rand.New(rand.NewPCG(1, 2))
	for _, icmp := range []bool{false, true} {
		for _, outage := range outages {
			for range 8 {
				m, err := New(Config{Rand: r.Float64})
				if err != nil {
					t.Fatal(err)
				}
				w := &wire{t: t, m: m, now: epoch(), icmp: icmp, options: true}
				w.down = epoch().Add(20*time.Second + time.Duration(r.Int64N(int64(10*time.Minute))))
				w.up = w.down.Add(outage)
				w.take(m.Start(w.now))
				w.run(w.up.Add(10 * time.Minute))
				if late := w.heard.Sub(w.up); w.heard.IsZero() || late > 5*time.Second {
					t.Errorf("ICMP %v, away for %v: heard %v after the return", icmp, outage, late)
				}
			}
		}
	}
}

// The same for a registrar that is up later than the phone after a power cut.
func TestRegistrarThatStartsLater(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, icmp := range []bool{false, true} {
		for range 30 {
			m, err := New(Config{Rand: r.Float64})
			if err != nil {
				t.Fatal(err)
			}
			w := &wire{t: t, m: m, now: epoch(), icmp: icmp, down: epoch()}
			w.up = epoch().Add(time.Duration(r.Int64N(int64(9 * time.Minute))))
			w.take(m.Start(w.now))
			w.run(w.up.Add(10 * time.Minute))
			if late := w.heard.Sub(w.up); w.heard.IsZero() || late > 5*time.Second {
				t.Errorf("ICMP %v, up after %v: heard %v later", icmp, w.up.Sub(epoch()), late)
			}
		}
	}
}

// A registrar that ignores OPTIONS still hears from us in time to keep the binding.
func TestRegistrarWithoutOptions(t *testing.T) {
	m, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{t: t, m: m, now: epoch(), down: epoch().Add(24 * time.Hour), up: epoch().Add(25 * time.Hour)}
	w.take(m.Start(w.now))
	for range 1000 {
		w.run(w.now.Add(time.Minute))
		if !m.State().Registered {
			t.Fatalf("lost after %v: %+v", w.now.Sub(epoch()), m.State())
		}
	}
}
