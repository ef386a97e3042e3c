package account

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"
)

func epoch() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// bench drives a machine by hand; its jitter is none.
type bench struct {
	t   *testing.T
	m   *Machine
	now time.Time
	all []Action
}

func newBench(t *testing.T, cfg Config) *bench {
	t.Helper()
	if cfg.Rand == nil {
		cfg.Rand = func() float64 { return 0.5 }
	}
	m, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &bench{t: t, m: m, now: epoch()}
}

func (b *bench) do(actions []Action) []Action {
	b.all = append(b.all, actions...)
	return actions
}

// wait lets time pass up to the next REGISTER, at most d, answering pings, and returns how long it took.
func (b *bench) wait(d time.Duration) (time.Duration, *Register) {
	b.t.Helper()
	from, end := b.now, b.now.Add(d)
	for range 100_000 {
		next := b.m.NextTimer()
		if next.IsZero() || next.After(end) {
			b.now = end
			return d, nil
		}
		b.now = later(b.now, next)
		for _, a := range b.do(b.m.Tick(b.now)) {
			switch a := a.(type) {
			case Register:
				return b.now.Sub(from), &a
			case Ping:
				b.do(b.m.Pong(b.now))
			}
		}
	}
	b.t.Fatal("the machine spins")
	return 0, nil
}

func (b *bench) ok(granted time.Duration) {
	b.do(b.m.Response(b.now, Response{Code: 200, Reason: "OK", Expires: granted}))
}

func (b *bench) up(granted time.Duration) {
	b.t.Helper()
	b.do(b.m.Start(b.now))
	b.ok(granted)
	if !b.m.State().Registered {
		b.t.Fatalf("not registered: %+v", b.m.State())
	}
}

func within(t *testing.T, what string, got, least, most time.Duration) {
	t.Helper()
	if got < least || got > most {
		t.Errorf("%s after %v, want %v to %v", what, got, least, most)
	}
}

func registers(actions []Action) (list []Register) {
	for _, a := range actions {
		if r, ok := a.(Register); ok {
			list = append(list, r)
		}
	}
	return list
}

func has[T Action](actions []Action) bool {
	for _, a := range actions {
		if _, ok := a.(T); ok {
			return true
		}
	}
	return false
}

func TestStartRegistersAtOnce(t *testing.T) {
	b := newBench(t, Config{})
	if !b.m.Done() || !b.m.NextTimer().IsZero() || b.m.State().Info.State != Stopped {
		t.Fatalf("new machine: %+v", b.m.State())
	}
	got := b.do(b.m.Start(b.now))
	if r := registers(got); len(r) != 1 || r[0] != (Register{Expires: 300 * time.Second, Attempt: 1}) {
		t.Errorf("start: %+v", got)
	}
	if s, ok := got[0].(State); !ok || s.Registered || s.Info.State != Registering {
		t.Errorf("state: %+v", got[0])
	}
	if again := b.m.Start(b.now); again != nil {
		t.Errorf("second start: %+v", again)
	}
	b.ok(0)
	s := b.m.State()
	if !s.Registered || s.Info.State != Registered || s.Info.Expires != 300*time.Second || s.Info.Hint != "" ||
		!s.Info.Since.Equal(b.now) || !s.Info.NextTry.Equal(b.now.Add(150*time.Second)) {
		t.Errorf("registered: %+v", s)
	}
}

func TestRefresh(t *testing.T) {
	tests := []struct{ granted, low, high time.Duration }{
		{0, 135 * time.Second, 165 * time.Second}, // absent: what was asked for
		{300 * time.Second, 135 * time.Second, 165 * time.Second},
		{60 * time.Second, 27 * time.Second, 33 * time.Second},
		{1200 * time.Second, 540 * time.Second, 660 * time.Second},
		{1800 * time.Second, 1080 * time.Second, 1320 * time.Second},
		{3600 * time.Second, 2700 * time.Second, 3300 * time.Second},
		{time.Second, 4500 * time.Millisecond, 5500 * time.Millisecond}, // clamped to 10 s
		{1 << 40 * time.Microsecond, 77220 * time.Second, 82080 * time.Second},
	}
	for _, tt := range tests {
		for _, r := range []float64{0, 0.5, 0.999} {
			b := newBench(t, Config{Rand: func() float64 { return r }, PingEvery: -1})
			b.up(tt.granted)
			got, reg := b.wait(48 * time.Hour)
			if reg == nil || reg.Attempt != 1 {
				t.Fatalf("granted %v: no refresh", tt.granted)
			}
			within(t, fmt.Sprintf("granted %v, refresh", tt.granted), got, tt.low, tt.high)
			if !b.m.State().Registered {
				t.Error("a refresh under way ends the registration")
			}
		}
	}
}

func TestRefreshesAreSpread(t *testing.T) {
	early, late := time.Duration(0), time.Duration(0)
	for range 200 {
		m, err := New(Config{PingEvery: -1})
		if err != nil {
			t.Fatal(err)
		}
		m.Start(epoch())
		m.Response(epoch(), Response{Code: 200})
		d := m.NextTimer().Sub(epoch())
		within(t, "refresh", d, 135*time.Second, 165*time.Second)
		if d < 150*time.Second {
			early++
		} else {
			late++
		}
	}
	if early == 0 || late == 0 {
		t.Error("no jitter")
	}
}

func TestIntervalTooBrief(t *testing.T) {
	b := newBench(t, Config{})
	b.do(b.m.Start(b.now))
	got := b.do(b.m.Response(b.now, Response{Code: 423, MinExpires: 600 * time.Second}))
	if r := registers(got); len(r) != 1 || r[0].Expires != 600*time.Second {
		t.Fatalf("423: %+v", got)
	}
	b.ok(600 * time.Second)
	if _, reg := b.wait(time.Hour); reg == nil || reg.Expires != 600*time.Second {
		t.Errorf("refresh asks for %+v", reg)
	}

	for _, bad := range []time.Duration{0, 60 * time.Second, 48 * time.Hour} {
		b := newBench(t, Config{})
		b.do(b.m.Start(b.now))
		b.do(b.m.Response(b.now, Response{Code: 423, MinExpires: bad}))
		if s := b.m.State(); s.Info.State != Failed || s.Info.Code != 423 || s.Info.Hint == "" {
			t.Errorf("Min-Expires %v: %+v", bad, s)
		}
	}

	b = newBench(t, Config{})
	b.do(b.m.Start(b.now))
	for i := range 5 {
		b.do(b.m.Response(b.now, Response{Code: 423, MinExpires: time.Duration(1000+i) * time.Second}))
	}
	if n := len(registers(b.all)); n != 3 {
		t.Errorf("%d REGISTERs at once to a server that raises Min-Expires each time", n)
	}
}

func TestRefusedCredentials(t *testing.T) {
	for _, code := range []int{401, 403, 404, 407} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			b := newBench(t, Config{})
			b.do(b.m.Start(b.now))
			no := func() { b.do(b.m.Response(b.now, Response{Code: code, Reason: "No"})) }
			no()
			d, _ := b.wait(time.Hour)
			within(t, "second try", d, 2*time.Second, 2*time.Second)
			no()
			if s := b.m.State(); !strings.Contains(s.Info.Hint, "minutes") || s.Info.NextTry.Sub(b.now) < 5*time.Minute {
				t.Errorf("after two refusals: %+v", s.Info)
			}
			for _, minutes := range []int{5, 10, 20, 40, 60, 60} {
				want := time.Duration(minutes) * time.Minute
				d, _ := b.wait(3 * time.Hour)
				within(t, "next try", d, want, want)
				no()
			}
			// A person has mended the password.
			b.now = b.now.Add(time.Minute)
			if r := registers(b.do(b.m.Kick(b.now))); len(r) != 1 {
				t.Fatal("a kick does not register")
			}
			no()
			d, _ = b.wait(3 * time.Hour)
			within(t, "try after a failed kick", d, time.Hour, time.Hour)
			b.ok(0)
			if s := b.m.State(); !s.Registered || s.Info.Hint != "" {
				t.Errorf("after success: %+v", s)
			}
		})
	}
}

func TestSilenceAfterRefusalsMayBeABan(t *testing.T) {
	b := newBench(t, Config{})
	b.up(0)
	b.wait(time.Hour)
	for range 2 {
		b.do(b.m.Response(b.now, Response{Code: 403}))
		b.wait(time.Hour)
	}
	b.do(b.m.Timeout(b.now))
	d, _ := b.wait(time.Hour)
	within(t, "next try", d, 5*time.Minute, 5*time.Minute)
	if h := b.m.State().Info.Hint; !strings.Contains(h, "blocked") {
		t.Errorf("hint %q", h)
	}
}

func TestBackoff(t *testing.T) {
	fail := map[string]func(b *bench){
		"time-out":  func(b *bench) { b.do(b.m.Timeout(b.now)) },
		"refused":   func(b *bench) { b.do(b.m.TransportError(b.now, syscall.ECONNREFUSED)) },
		"500":       func(b *bench) { b.do(b.m.Response(b.now, Response{Code: 500})) },
		"503":       func(b *bench) { b.do(b.m.Response(b.now, Response{Code: 503})) },
		"TLS":       func(b *bench) { b.do(b.m.TransportError(b.now, x509.UnknownAuthorityError{})) },
		"488":       func(b *bench) { b.do(b.m.Response(b.now, Response{Code: 488})) },
		"too old":   func(b *bench) { b.do(b.m.Response(b.now, Response{Code: 505})) },
		"moved":     func(b *bench) { b.do(b.m.Response(b.now, Response{Code: 302})) },
		"no lookup": func(b *bench) { b.do(b.m.TransportError(b.now, &net.DNSError{IsNotFound: true})) },
	}
	slow := []string{"TLS", "488", "too old", "moved"}
	for name, f := range fail {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, Config{})
			b.do(b.m.Start(b.now))
			f(b)
			d, reg := b.wait(time.Hour)
			within(t, "first retry", d, 2*time.Second, 2*time.Second)
			permanent := strings.Contains(strings.Join(slow, " "), name)
			if reg.NextTarget == permanent || reg.Attempt != 2 {
				t.Errorf("retry %+v", reg)
			}
			f(b)
			for range 10 {
				d, _ = b.wait(time.Hour)
				f(b)
			}
			if permanent {
				within(t, "later retry", d, 50*time.Second, time.Minute)
			} else {
				within(t, "later retry", d, 3*time.Second, 4*time.Second)
			}
			// Never registered: after a while there is no hurry.
			if start := b.now; !permanent {
				for b.now.Sub(start) < 15*time.Minute {
					d, _ = b.wait(time.Hour)
					f(b)
				}
				within(t, "retry after the eager time", d, 50*time.Second, time.Minute)
			}
		})
	}
}

func TestBackWithinSecondsForEver(t *testing.T) {
	b := newBench(t, Config{})
	b.up(0)
	b.wait(time.Hour)
	for range 1000 {
		b.do(b.m.Timeout(b.now))
		d, _ := b.wait(time.Hour)
		within(t, "retry", d, 2*time.Second, 4*time.Second)
	}
	b.ok(0)
	if s := b.m.State(); !s.Registered {
		t.Errorf("%+v", s)
	}
}

func TestRetryAfter(t *testing.T) {
	tests := []struct {
		code           int
		after, low, up time.Duration
	}{
		{503, 30 * time.Second, 30 * time.Second, 33 * time.Second},
		{500, 2 * time.Hour, 10 * time.Minute, 11 * time.Minute},
		{486, 30 * time.Second, 30 * time.Second, 33 * time.Second},
		{404, 30 * time.Second, 30 * time.Second, 33 * time.Second},
		{503, time.Second, 2 * time.Second, 2 * time.Second},
	}
	for _, tt := range tests {
		b := newBench(t, Config{})
		b.do(b.m.Start(b.now))
		b.do(b.m.Response(b.now, Response{Code: tt.code, RetryAfter: tt.after}))
		d, _ := b.wait(24 * time.Hour)
		within(t, fmt.Sprintf("%d with Retry-After %v: retry", tt.code, tt.after), d, tt.low, tt.up)
	}
}

func TestKick(t *testing.T) {
	b := newBench(t, Config{PingEvery: -1})
	if got := b.m.Kick(b.now); got != nil {
		t.Errorf("kick before start: %+v", got)
	}
	b.up(0)
	b.now = b.now.Add(10 * time.Second)
	if got := b.do(b.m.Kick(b.now)); len(registers(got)) != 1 || !b.m.State().Registered {
		t.Errorf("kick: %+v", got)
	}
	for range 20 {
		if r := registers(b.do(b.m.Kick(b.now))); len(r) != 0 {
			t.Fatal("two REGISTERs under way")
		}
	}
	b.now = b.now.Add(100 * time.Millisecond)
	b.ok(0)
	d, reg := b.wait(time.Hour)
	within(t, "the kicked REGISTER", d, 900*time.Millisecond, 900*time.Millisecond)
	if reg == nil {
		t.Fatal("a kick during a REGISTER is lost")
	}
	b.ok(0)
	d, _ = b.wait(time.Hour)
	within(t, "refresh", d, 150*time.Second, 150*time.Second)
}

func TestKickDuringAFailingRegister(t *testing.T) {
	b := newBench(t, Config{})
	b.do(b.m.Start(b.now))
	b.now = b.now.Add(20 * time.Second)
	b.do(b.m.Kick(b.now))
	b.now = b.now.Add(12 * time.Second)
	if r := registers(b.do(b.m.Timeout(b.now))); len(r) != 1 {
		t.Errorf("%d REGISTERs right after the time-out", len(r))
	}
}

func TestLost(t *testing.T) {
	b := newBench(t, Config{})
	b.up(0)
	b.now = b.now.Add(5 * time.Minute)
	got := b.do(b.m.Lost(b.now))
	s := b.m.State()
	if len(registers(got)) != 1 || s.Registered || s.Info.State != Registering || s.Info.Hint == "" {
		t.Errorf("lost: %+v", got)
	}
	if again := b.m.Lost(b.now); again != nil {
		t.Errorf("lost twice: %+v", again)
	}
	b.ok(0)

	// A server that hangs up after each answer is not asked faster and faster.
	count, start := 0, b.now
	for b.now.Sub(start) < time.Minute {
		b.do(b.m.Lost(b.now))
		if b.m.out != register {
			b.wait(time.Minute)
		}
		b.ok(0)
		count++
		b.now = b.now.Add(10 * time.Millisecond)
	}
	if count > 20 {
		t.Errorf("%d REGISTERs in a minute", count)
	}
}

func TestSlowAnswerIsShown(t *testing.T) {
	b := newBench(t, Config{Server: "pbx.local"})
	b.do(b.m.Start(b.now))
	if d, reg := b.wait(10 * time.Second); reg != nil {
		t.Fatalf("second REGISTER after %v", d)
	}
	s := b.m.State()
	if s.Info.State != Registering || s.Info.Reason != "no answer yet" || !strings.Contains(s.Info.Hint, "pbx.local does not answer") {
		t.Errorf("%+v", s)
	}
	// The same in a refresh: for callers the account is gone.
	b.ok(0)
	b.wait(time.Hour)
	b.wait(10 * time.Second)
	if s := b.m.State(); s.Registered || s.Info.State != Registering {
		t.Errorf("%+v", s)
	}
	b.ok(0)
	if s := b.m.State(); !s.Registered || s.Info.Reason != "OK" {
		t.Errorf("%+v", s)
	}
}

func TestOwnerThatForgetsToReport(t *testing.T) {
	b := newBench(t, Config{})
	b.do(b.m.Start(b.now))
	d, reg := b.wait(time.Hour)
	if reg == nil {
		t.Fatal("silent for ever")
	}
	within(t, "next REGISTER", d, 40*time.Second, 45*time.Second)
}

func TestPings(t *testing.T) {
	step := func(b *bench) (pinged bool) {
		b.t.Helper()
		next := b.m.NextTimer()
		b.now = next
		return has[Ping](b.do(b.m.Tick(b.now)))
	}
	t.Run("an unanswered ping makes it register, a silent registrar is lost", func(t *testing.T) {
		b := newBench(t, Config{})
		b.up(0)
		for range 3 {
			if !step(b) {
				t.Fatal("no ping")
			}
			b.now = b.now.Add(time.Millisecond)
			b.do(b.m.Pong(b.now))
		}
		from := b.now
		step(b)
		d, reg := b.wait(time.Minute)
		if reg == nil || !b.m.State().Registered {
			t.Fatalf("no REGISTER: %+v", b.m.State())
		}
		within(t, "REGISTER after the lost ping", d, 2*time.Second, 2*time.Second)
		b.wait(6 * time.Second)
		if b.m.State().Registered {
			t.Error("still shown as registered")
		}
		within(t, "shown", b.m.State().Info.Since.Sub(from), 0, 13*time.Second)
	})
	t.Run("the connection to a registrar that has answered pings is given up with them", func(t *testing.T) {
		for _, pings := range []bool{true, false} {
			b := newBench(t, Config{})
			b.up(0)
			if pings {
				step(b)
				b.do(b.m.Pong(b.now.Add(time.Millisecond)))
			}
			b.do(b.m.Kick(b.now.Add(2 * time.Second)))
			b.now = b.now.Add(7 * time.Second)
			if got := has[Reconnect](b.do(b.m.Tick(b.now))); got != pings {
				t.Errorf("reconnects: %v, after pings that were answered: %v", got, pings)
			}
		}
	})
	t.Run("a registrar that ignores OPTIONS stays registered", func(t *testing.T) {
		b := newBench(t, Config{})
		b.up(0)
		step(b)
		if _, reg := b.wait(time.Minute); reg == nil {
			t.Fatal("no REGISTER to find out")
		}
		b.ok(0)
		from := len(b.all)
		b.wait(time.Hour)
		if has[Ping](b.all[from:]) || !b.m.State().Registered {
			t.Errorf("goes on pinging, %+v", b.m.State())
		}
	})
	t.Run("a late answer makes it register", func(t *testing.T) {
		b := newBench(t, Config{})
		b.up(0)
		for _, took := range []time.Duration{10 * time.Millisecond, 300 * time.Millisecond, 510 * time.Millisecond} {
			step(b)
			b.now = b.now.Add(took)
			if got, want := len(registers(b.do(b.m.Pong(b.now)))), took > 500*time.Millisecond; (got == 1) != want {
				t.Errorf("answer after %v: %d REGISTERs", took, got)
			}
		}
	})
	t.Run("a slow line is not late", func(t *testing.T) {
		b := newBench(t, Config{})
		b.up(0)
		for range 10 {
			step(b)
			b.now = b.now.Add(900 * time.Millisecond)
			if r := registers(b.do(b.m.Pong(b.now))); len(r) != 0 {
				t.Fatal("registers for a steady line")
			}
		}
	})
	t.Run("a stray pong", func(t *testing.T) {
		b := newBench(t, Config{})
		b.up(0)
		if got := b.m.Pong(b.now.Add(time.Second)); got != nil {
			t.Errorf("%+v", got)
		}
	})
}

func TestStop(t *testing.T) {
	t.Run("registered", func(t *testing.T) {
		b := newBench(t, Config{})
		b.up(0)
		if got := b.do(b.m.Stop(b.now)); len(got) != 1 || !has[Unregister](got) || b.m.Done() {
			t.Fatalf("%+v", got)
		}
		b.ok(0)
		if s := b.m.State(); s.Registered || s.Info.State != Unregistered || !b.m.Done() || !b.m.NextTimer().IsZero() {
			t.Errorf("%+v", s)
		}
	})
	t.Run("no answer", func(t *testing.T) {
		b := newBench(t, Config{})
		b.up(0)
		b.do(b.m.Stop(b.now))
		within(t, "give up", b.m.NextTimer().Sub(b.now), 2*time.Second, 2*time.Second)
		b.now = b.m.NextTimer()
		b.do(b.m.Tick(b.now))
		if s := b.m.State(); s.Info.State != Stopped || s.Info.Reason == "" || !b.m.Done() {
			t.Errorf("%+v", s)
		}
	})
	t.Run("refused", func(t *testing.T) {
		b := newBench(t, Config{})
		b.up(0)
		b.do(b.m.Stop(b.now))
		b.do(b.m.Response(b.now, Response{Code: 500, Reason: "Oops"}))
		if s := b.m.State(); s.Info.State != Stopped || s.Info.Code != 500 || !b.m.Done() {
			t.Errorf("%+v", s)
		}
	})
	t.Run("while the first REGISTER is pending", func(t *testing.T) {
		b := newBench(t, Config{})
		b.do(b.m.Start(b.now))
		if got := b.do(b.m.Stop(b.now)); has[Unregister](got) {
			t.Fatal("two requests under way")
		}
		if got := b.do(b.m.Response(b.now, Response{Code: 200})); !has[Unregister](got) {
			t.Fatalf("the binding stays: %+v", got)
		}
		b.ok(0)
		if s := b.m.State(); s.Info.State != Unregistered {
			t.Errorf("%+v", s)
		}
	})
	t.Run("while a REGISTER fails", func(t *testing.T) {
		b := newBench(t, Config{})
		b.do(b.m.Start(b.now))
		b.do(b.m.Stop(b.now))
		b.do(b.m.TransportError(b.now, syscall.ECONNREFUSED))
		if s := b.m.State(); s.Info.State != Stopped || !b.m.Done() {
			t.Errorf("%+v", s)
		}
	})
	t.Run("and start again at once", func(t *testing.T) {
		b := newBench(t, Config{})
		b.up(0)
		b.do(b.m.Stop(b.now))
		b.do(b.m.Start(b.now))
		if got := b.do(b.m.Response(b.now, Response{Code: 200})); len(registers(got)) != 1 || b.m.Done() {
			t.Errorf("%+v", got)
		}
		b.ok(0)
		if !b.m.State().Registered {
			t.Errorf("%+v", b.m.State())
		}
	})
	t.Run("never started", func(t *testing.T) {
		b := newBench(t, Config{})
		if got := b.m.Stop(b.now); got != nil {
			t.Errorf("%+v", got)
		}
	})
}

func TestStrayAnswersAreIgnored(t *testing.T) {
	b := newBench(t, Config{})
	b.up(0)
	for _, got := range [][]Action{
		b.m.Response(b.now, Response{Code: 200}), b.m.Response(b.now, Response{Code: 403}),
		b.m.Timeout(b.now), b.m.TransportError(b.now, net.ErrClosed), b.m.Start(b.now),
	} {
		if got != nil {
			t.Errorf("%+v", got)
		}
	}
	b.do(b.m.Kick(b.now.Add(time.Minute)))
	if got := b.m.Response(b.now, Response{Code: 100}); got != nil {
		t.Errorf("provisional: %+v", got)
	}
}

func TestWordsForEveryCode(t *testing.T) {
	for code := 300; code < 700; code++ {
		b := newBench(t, Config{Server: "pbx", User: "10"})
		b.do(b.m.Start(b.now))
		b.do(b.m.Response(b.now, Response{Code: code}))
		i := b.m.State().Info
		if i.State != Failed || i.Code != code || i.Reason == "" || len(i.Hint) < 30 || i.NextTry.IsZero() {
			t.Errorf("%d: %+v", code, i)
		}
	}
}

func TestHints(t *testing.T) {
	code := func(c int) func(*Machine) []Action {
		return func(m *Machine) []Action { return m.Response(epoch(), Response{Code: c, Reason: "X"}) }
	}
	fault := func(err error) func(*Machine) []Action {
		return func(m *Machine) []Action { return m.TransportError(epoch(), fmt.Errorf("dial: %w", err)) }
	}
	tests := []struct {
		name string
		in   func(*Machine) []Action
		want string
	}{
		{"401", code(401), "FRITZ!Box"},
		{"407", code(407), "3CX"},
		{"403", code(403), "max_contacts"},
		{"404", code(404), "does not know user 10"},
		{"405", code(405), "takes no registrations"},
		{"408", code(408), "proxy"},
		{"480", code(480), "not ready"},
		{"484", code(484), "incomplete"},
		{"502", code(502), "fault of its own"},
		{"503", code(503), "overloaded"},
		{"603", code(603), "declines"},
		{"302", code(302), "moved"},
		{"421", code(421), "extension"},
		{"no login known", func(m *Machine) []Action {
			return m.Response(epoch(), Response{Code: 401, AuthErr: errors.New("algorithm \"AKA\"")})
		}, "cannot give: algorithm \"AKA\""},
		{"time-out", func(m *Machine) []Action { return m.Timeout(epoch()) }, "over udp"},
		{"nil error", func(m *Machine) []Action { return m.TransportError(epoch(), nil) }, "does not answer"},
		{"refused", fault(&net.OpError{Op: "read", Err: syscall.ECONNREFUSED}), "nothing listens"},
		{"unreachable", fault(syscall.EHOSTUNREACH), "no way"},
		{"reset", fault(syscall.ECONNRESET), "closed the connection"},
		{"firewall", fault(syscall.EPERM), "firewall"},
		{"bound", fault(syscall.EADDRNOTAVAIL), "local address"},
		{"size", fault(syscall.EMSGSIZE), "too large"},
		{"slow", fault(&net.DNSError{IsTimeout: true}), "looked up"},
		{"dial time-out", fault(syscall.ETIMEDOUT), "does not answer"},
		{"no name", fault(&net.DNSError{IsNotFound: true}), "spelling"},
		{"unknown CA", fault(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), "SIP_TLS_CA_FILE"},
		{"wrong name", fault(x509.HostnameError{Certificate: &x509.Certificate{}, Host: "a"}), "another name"},
		{"expired", fault(x509.CertificateInvalidError{Reason: x509.Expired}), "clock"},
		{"not for servers", fault(x509.CertificateInvalidError{Reason: x509.IncompatibleUsage}), "not accepted"},
		{"plain port", fault(tls.RecordHeaderError{Msg: "no TLS"}), "5061"},
		{"alert", fault(tls.AlertError(40)), "handshake"},
		{"anything", fault(errors.New("boom")), "cannot be reached"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, Config{Server: "pbx", User: "10", Transport: "udp"})
			b.do(b.m.Start(b.now))
			b.do(tt.in(b.m))
			if i := b.m.State().Info; i.State != Failed || i.Reason == "" || !strings.Contains(i.Hint, tt.want) {
				t.Errorf("%+v", i)
			}
		})
	}
}

func TestWordsFromTheNetworkAreCleaned(t *testing.T) {
	b := newBench(t, Config{})
	b.do(b.m.Start(b.now))
	b.do(b.m.Response(b.now, Response{Code: 500, Reason: "a\r\nb\x00\xff" + strings.Repeat("x", 10_000), Warning: "399 pbx \"why\"\n"}))
	r := b.m.State().Info.Reason
	if len(r) > 500 || strings.ContainsAny(r, "\r\n\x00") || !utf8.ValidString(r) || !strings.HasPrefix(r, "a b") || !strings.HasSuffix(r, `(399 pbx "why")`) {
		t.Errorf("%q", r)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, cfg := range []Config{
		{Expires: time.Second}, {Expires: 48 * time.Hour}, {MinBackoff: -1}, {MinBackoff: time.Hour},
		{AuthAttempts: -1}, {AuthBackoff: 2 * time.Hour}, {StopWait: -1}, {MinGap: -1}, {PingTimeout: -1}, {MaxRetryAfter: -1},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v accepted", cfg)
		}
	}
}
