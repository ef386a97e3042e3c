package main

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"housephone/e2e/peers"
	"housephone/phone/phonetest"
)

// registrar answers every REGISTER at once with 200.
type registrar struct {
	sip        *socket
	registered chan time.Time // when an answer was sent
}

func newRegistrar(t testing.TB) *registrar {
	t.Helper()
	r := &registrar{sip: listen(t, 0), registered: make(chan time.Time, inboxSize)}
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		r.serve(stop)
	}()
	t.Cleanup(func() {
		close(stop)
		<-ended
	})
	return r
}

func (r *registrar) serve(stop <-chan struct{}) {
	for {
		select {
		case p := <-r.sip.packets:
			m, err := phonetest.ParseMsg(p.data)
			if err != nil || m.Method != "REGISTER" {
				continue
			}
			m.Source = p.from
			if err := r.answer(m); err != nil {
				continue
			}
			r.registered <- time.Now()
		case <-stop:
			return
		}
	}
}

// answer grants what is asked for (RFC 3261 10.3 step 8).
func (r *registrar) answer(m *phonetest.Msg) error {
	ok := r.sip.response(m, 200, "OK", "registrar")
	ok.Set("Contact", m.Header("Contact"))
	if e := m.Header("Expires"); e != "" {
		ok.Add("Expires", e)
	}
	_, err := r.sip.send(ok.Bytes(), m.Source)
	return err
}

// startTimes are a program's samples.
type startTimes struct {
	answered []time.Duration // process made to REGISTER answered
	told     []time.Duration // process made to the MQTT event that says so
}

// startUps starts the programs in turns, each time a new process.
func startUps(t testing.TB, d *driver, s setup, kinds []starter, n int) []startTimes {
	t.Helper()
	r := newRegistrar(t)
	s.registrar = r.sip.addr.String()
	out := make([]startTimes, len(kinds))
	for i := range n {
		for k, start := range kinds {
			s.id = "s" + strconv.Itoa(i)
			d.mqtt.forget()
			for len(r.registered) > 0 {
				<-r.registered
			}
			err := inScope(t.Context(), func(t testing.TB) {
				p := start(t, peers.NewPorts(t), s)
				answered, told, err := r.wait(t.Context(), d, p)
				if err != nil {
					t.Fatalf("%s, start %d: %v", p.name, i, err)
				}
				out[k].answered = append(out[k].answered, answered)
				out[k].told = append(out[k].told, told)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return out
}

func (r *registrar) wait(ctx context.Context, d *driver, p *subject) (answered, told time.Duration, err error) {
	select {
	case at := <-r.registered:
		answered = at.Sub(p.born)
	case <-time.After(patience):
		return 0, 0, fmt.Errorf("no REGISTER: %w", errTimeout)
	case <-ctx.Done():
		return 0, 0, ctx.Err()
	}
	m, err := d.mqtt.await(ctx, "the registration", p.registered)
	return answered, m.at.Sub(p.born), err
}
