package phone_test

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"housephone/phone"
	"housephone/phone/phonetest"
)

// stopping ends the phone and checks that it is soon and clean, twice.
func (r *rig) stopping(t *testing.T) (done chan struct{}) {
	t.Helper()
	done = make(chan struct{})
	start := time.Now()
	go func() {
		defer close(done)
		if err := r.stop(); err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d > 3*time.Second {
			t.Errorf("stopped after %v", d)
		}
	}()
	return done
}

func TestStop(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"idle", "active", "ringing", "dialling", "dialled", "unanswered", "held"} {
		for _, answered := range []bool{true, false} {
			t.Run(fmt.Sprint(state, " ", answered), func(t *testing.T) {
				t.Parallel()
				p := phonetest.NewPeer(t)
				r := newRig(t, account200(p), p)
				r.registered(t, true)
				p.Handle("REGISTER", nil)
				p = phonetest.NewPeer(t)
				testStop(t, r, p, state, answered)
				if s := r.Stats(); s.ClientTransactions+s.ServerTxs+s.Media.Streams != 0 {
					t.Errorf("left behind: %+v", s)
				}
				if err := wait(r.Hangup(0)); err == nil {
					t.Error("a command is carried out after the end")
				}
			})
		}
	}
}

func testStop(t *testing.T, r *rig, p *phonetest.Peer, state string, answered bool) {
	t.Helper()
	records := 1
	expect := func(m string) *phonetest.Msg {
		got := p.Expect(t, m)
		if answered {
			p.Reply(got, 200, "OK")
		}
		return got
	}
	var done chan struct{}
	switch state {
	case "idle":
		records = 0
		done = r.stopping(t)
	case "active", "held":
		d := r.place(t, p)
		if state == "held" {
			r.Hold(0, true)
			p.Expect(t, "INVITE") // never answered
		}
		done = r.stopping(t)
		if state == "held" {
			p.Await(t, "BYE")
		} else {
			expect("BYE")
		}
		_ = d
	case "ringing":
		p.Invite(r.uri(), r.addr, offer())
		p.Expect(t, "180")
		done = r.stopping(t)
		p.Expect(t, "480")
	case "dialling":
		r.Call(p.URI("bob"))
		p.Expect(t, "INVITE")
		done = r.stopping(t)
	case "dialled":
		w := r.Call(p.URI("bob"))
		invite := p.Expect(t, "INVITE")
		p.Reply(invite, 180, "Ringing")
		do(t, w)
		done = r.stopping(t)
		expect("CANCEL")
		if answered {
			p.Reply(invite, 487, "Request Terminated")
			p.Expect(t, "ACK")
		}
	case "unanswered":
		r.Call(p.URI("bob"))
		invite := p.Expect(t, "INVITE")
		done = r.stopping(t)
		p.Reply(invite, 200, "OK", offer()) // crosses the end
		p.Expect(t, "ACK")
		expect("BYE")
	}
	<-done
	if n := count[phone.Ended](r); n != records {
		t.Errorf("%d records, want %d", n, records)
	}
}

// Nobody reads the events: the end comes all the same, a second after.
func TestStopWithoutReader(t *testing.T) {
	t.Parallel()
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	ph, err := phone.New(phone.Config{UDP: udp, RTPMin: 20000, RTPMax: 29998})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- ph.Run(ctx) }()
	for range 3000 {
		do(t, ph.SetDND(true))
	}
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(6 * time.Second):
		t.Fatal("run has not ended")
	}
	if err := wait(ph.SetDND(true)); err == nil {
		t.Error("a command after the end")
	}
}

// A phone whose socket is closed from outside ends, with its calls.
func TestSocketLost(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	var udp net.PacketConn
	r := newRig(t, func(c *phone.Config) { udp = c.UDP }, p)
	r.place(t, p)
	_ = udp.Close()
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if n := count[phone.Ended](r); n != 1 {
		t.Errorf("%d records", n)
	}
}

// A fault in the handling of one call ends that one, with BYE, and no other.
func TestPanicEndsOneCall(t *testing.T) {
	t.Parallel()
	p, q := phonetest.NewPeer(t), phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.MaxCalls = 2 }, p, q)
	r.place(t, q)
	r.place(t, p)
	r.Break()
	p.Reply(p.Expect(t, "BYE"), 200, "OK")
	r.ended(t, phone.CauseFailed, false, 0)
	if s := r.snapshot(t); len(s.Calls) != 1 || s.Calls[0].Slot != 1 || s.Calls[0].Status != phone.StatusActive {
		t.Errorf("%+v", s)
	}
	if s := r.Stats(); s.Panics != 1 {
		t.Errorf("%+v", s)
	}
	p.Invite(r.uri(), r.addr, offer())
	p.Expect(t, "180")
}
