package phone_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"housephone/phone"
	"housephone/phone/phonetest"
	"housephone/phone/transaction"
)

// quick makes 64*T1 a time that a test can wait for.
var quick = transaction.Timers{T1: 20 * time.Millisecond, T2: 160 * time.Millisecond, T4: 100 * time.Millisecond}

// rig is one phone under test and what it has told so far.
type rig struct {
	*phone.Phone
	t    *testing.T
	addr netip.AddrPort
	tcp  netip.AddrPort // zero without a listener
	stop func() error   // ends Run and waits

	mu      sync.Mutex // guards following
	events  []phone.Event
	next    int // first event that expect has not looked at
	changed chan struct{}
}

// newRig starts a phone on loopback. The peers say 200 to its last requests.
func newRig(t *testing.T, change func(*phone.Config), peers ...*phonetest.Peer) *rig {
	t.Helper()
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, changed: make(chan struct{}), addr: netip.MustParseAddrPort(udp.LocalAddr().String())}
	cfg := phone.Config{
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError})),
		UDP:    udp, RTPMin: 20000, RTPMax: 29998, Volume: phone.DefaultVolume,
		Timers: transaction.Timers{T1: 100 * time.Millisecond, T2: 400 * time.Millisecond, T4: 400 * time.Millisecond},
	}
	if change != nil {
		change(&cfg)
	}
	if cfg.TCP != nil {
		r.tcp = netip.MustParseAddrPort(cfg.TCP.Addr().String())
	}
	if r.Phone, err = phone.New(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	var pumped sync.WaitGroup
	pumped.Go(r.collect)
	go func() { ended <- r.Run(ctx) }()
	r.stop = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-ended:
			pumped.Wait()
			return err
		case <-time.After(10 * time.Second):
			return errors.New("run has not ended")
		}
	})
	t.Cleanup(func() {
		for _, p := range peers {
			for _, method := range []string{"BYE", "CANCEL", "REGISTER", "NOTIFY"} {
				p.Handle(method, func(m *phonetest.Msg) { p.Reply(m, 200, "OK") })
			}
		}
		if err := r.stop(); err != nil {
			t.Errorf("run: %v", err)
		}
		if t.Failed() {
			t.Logf("events:\n%s", r.story())
		}
	})
	return r
}

func listenTCP(t *testing.T) net.Listener {
	t.Helper()
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func (r *rig) collect() {
	for e := range r.Events() {
		r.mu.Lock()
		r.events = append(r.events, e)
		close(r.changed)
		r.changed = make(chan struct{})
		r.mu.Unlock()
	}
}

func (r *rig) story() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := ""
	for _, e := range r.events {
		out += fmt.Sprintf("  %T%+v\n", e, e)
	}
	return out
}

const patience = 8 * time.Second

// await gives the next event that f wants and forgets those before it.
func (r *rig) await(t testing.TB, what string, f func(phone.Event) bool) phone.Event {
	t.Helper()
	timeout := time.After(patience)
	for {
		r.mu.Lock()
		for r.next < len(r.events) {
			e := r.events[r.next]
			r.next++
			if f(e) {
				r.mu.Unlock()
				return e
			}
		}
		changed := r.changed
		r.mu.Unlock()
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("no %s; events:\n%s", what, r.story())
		}
	}
}

// next gives the next event of one type.
func next[E phone.Event](t testing.TB, r *rig) E {
	t.Helper()
	var want E
	e, ok := r.await(t, fmt.Sprintf("%T", want), func(e phone.Event) bool { _, ok := e.(E); return ok }).(E)
	if !ok {
		t.Fatal("await broke its word")
	}
	return e
}

// count gives how many events of one type were told.
func count[E phone.Event](r *rig) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, e := range r.events {
		if _, ok := e.(E); ok {
			n++
		}
	}
	return n
}

// status waits for a state in which the first call is in s; StatusIdle is no call.
func (r *rig) status(t testing.TB, s phone.Status) phone.Call {
	t.Helper()
	var c phone.Call
	r.call(t, "status "+string(s), func(got phone.Call) bool { c = got; return got.Status == s })
	return c
}

// call waits for a state whose first call f accepts; without a call its status is idle.
func (r *rig) call(t testing.TB, what string, f func(phone.Call) bool) {
	t.Helper()
	r.await(t, what, func(e phone.Event) bool {
		st, ok := e.(phone.StateChanged)
		if !ok {
			return false
		}
		if len(st.State.Calls) == 0 {
			return f(phone.Call{Status: phone.StatusIdle})
		}
		return f(st.State.Calls[0])
	})
}

// ended waits for the record of a call and checks why it ended.
func (r *rig) ended(t testing.TB, cause phone.Cause, byFar bool, status int) phone.Ended {
	t.Helper()
	e := next[phone.Ended](t, r)
	if e.Cause != cause || e.ByFar != byFar || e.Status != status {
		t.Fatalf("ended %s, by far end %v, status %d %q; want %s, %v, %d", e.Cause, e.ByFar, e.Status, e.Reason, cause, byFar, status)
	}
	return e
}

func (r *rig) snapshot(t testing.TB) phone.State {
	t.Helper()
	s, err := r.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// do waits for a command that must succeed, refused for one that must not.
func do(t testing.TB, w *phone.Pending) {
	t.Helper()
	if err := wait(w); err != nil {
		t.Fatalf("refused: %v", err)
	}
}

func refused(t testing.TB, w *phone.Pending, kind phone.Kind, status int) {
	t.Helper()
	err := wait(w)
	e, ok := errors.AsType[*phone.Error](err)
	if !ok || e.Kind != kind || e.Status != status {
		t.Fatalf("got %#v, want kind %s and status %d", err, kind, status)
	}
}

func wait(w *phone.Pending) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return w.Wait(ctx)
}

// uri is the address of the phone.
func (r *rig) uri() string { return "sip:phone@" + r.addr.String() }

// noCalls checks that nothing is left of any call.
func (r *rig) noCalls(t testing.TB) {
	t.Helper()
	if s := r.snapshot(t); len(s.Calls) != 0 || s.Current != 0 {
		t.Fatalf("calls are left: %+v", s)
	}
}

// dialled is a call of the phone that the peer has answered.
type dialled struct {
	invite, ok *phonetest.Msg
	rtp        *phonetest.RTP
	*phonetest.Dialog
}

// place lets the phone call the peer, which answers at once.
func (r *rig) place(t *testing.T, p *phonetest.Peer, opts ...phonetest.Opt) dialled {
	t.Helper()
	w := r.Call(p.URI("bob"))
	invite := p.Expect(t, "INVITE")
	rtp := p.RTP()
	ok := p.Reply(invite, 200, "OK", append([]phonetest.Opt{phonetest.WithSDP(phonetest.SDP(rtp.Port()))}, opts...)...)
	p.Expect(t, "ACK")
	do(t, w)
	r.status(t, phone.StatusActive)
	return dialled{invite, ok, rtp, p.Dialog(invite, ok)}
}

// receive lets the peer call the phone, which answers at once.
func (r *rig) receive(t *testing.T, p *phonetest.Peer, opts ...phonetest.Opt) dialled {
	t.Helper()
	rtp := p.RTP()
	invite := p.Invite(r.uri(), r.addr, append([]phonetest.Opt{phonetest.WithSDP(phonetest.SDP(rtp.Port()))}, opts...)...)
	p.Expect(t, "180")
	r.status(t, phone.StatusRing)
	do(t, r.Answer(0))
	ok := p.Expect(t, "200 INVITE")
	d := p.Dialog(invite, ok)
	d.Ack(ok)
	r.status(t, phone.StatusActive)
	return dialled{invite, ok, rtp, d}
}

// strange is a description without a codec that the phone knows.
func strange(port int) string {
	return strings.ReplaceAll(phonetest.SDP(port, "OPUS"), "opus/48000/2", "strange/8000")
}

// direction is the direction attribute of a body.
func direction(m *phonetest.Msg) string {
	for _, d := range []string{"sendonly", "recvonly", "inactive"} {
		if slices.Contains(lines(m), "a="+d) {
			return d
		}
	}
	return "sendrecv"
}
