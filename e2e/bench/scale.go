package main

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"housephone/e2e/peers"
)

const (
	mostCalls  = 5000
	crowdRate  = 100             // new calls a second while a crowd gathers
	crowdRest  = 3 * time.Second // until all of it has settled
	firstSound = 34000           // first port of the programs' sound
	soundSpan  = 10200           // ports for each program
)

// held is what is measured while a number of calls lasts.
type held struct {
	outcome
	cpu, generator float64 // per cent of a core, all calls together
	memory         float64 // KiB, resident
	before, after  paced   // the service's histogram
}

// voices starts one of each kind that answers calls by itself and lets the caller hear a file.
func (b *bench) voices(t testing.TB, calls int) ([]*subject, error) {
	var all []*subject
	for i, start := range b.kinds() {
		s := b.setup
		s.id, s.calls, s.ports = "v", calls+2, firstSound+i*soundSpan
		all = append(all, start(t, peers.NewPorts(t), s))
	}
	for _, s := range all {
		if err := b.driver.ready(t.Context(), s); err != nil {
			return nil, err
		}
	}
	return all, pause(t.Context(), time.Second)
}

// attend lets answered calls hear something until the returned function is called.
func (d *driver) attend(ctx context.Context, s *subject) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case m := <-d.mqtt.messages:
				if s.prompt == nil {
					continue
				}
				if command, ok := s.prompt(m); ok {
					_, _ = d.mqtt.publish(command) // a broker that is gone shows elsewhere
				}
			}
		}
	})
	return func() {
		cancel()
		group.Wait()
	}
}

// holdCalls lets a crowd call, measures while all of it talks, and waits for its end.
func (b *bench) holdCalls(t testing.TB, s *subject, calls, rate int) (h held, err error) {
	ctx := t.Context()
	stop := b.driver.attend(ctx, s)
	defer stop()
	gather := time.Duration(float64(calls)/float64(rate)*float64(time.Second)) + crowdRest
	c := crowd{scenario: crowdScenario, calls: calls, most: calls, rate: rate, length: gather + b.hold}
	g, err := c.call(t, peers.NewPorts(t), s)
	if err != nil {
		return h, err
	}
	if err := pause(ctx, gather); err != nil {
		return h, err
	}
	if err := h.measure(ctx, s, g, b.hold-time.Second); err != nil {
		return h, err
	}
	h.outcome, err = g.outcome(ctx, gather+b.hold+time.Minute)
	return h, err
}

func (h *held) measure(ctx context.Context, s *subject, g *gathering, length time.Duration) (err error) {
	if h.before, err = s.paced(ctx); err != nil {
		return err
	}
	cpu, err := cpuTime(s.proc.PID())
	if err != nil {
		return err
	}
	others, err := cpuTime(g.PID())
	if err != nil {
		return fmt.Errorf("%w ended early: %w\n%s", errCrowd, err, g.Log())
	}
	start := time.Now()
	if err := pause(ctx, length); err != nil {
		return err
	}
	used, err := cpuTime(s.proc.PID())
	if err != nil {
		return fmt.Errorf("%s has ended: %w", s.name, err)
	}
	if now, err := cpuTime(g.PID()); err == nil {
		h.generator = share(now-others, time.Since(start))
	}
	h.cpu = share(used-cpu, time.Since(start))
	bytes, err := resident(s.proc.PID())
	if err != nil {
		return err
	}
	h.memory = float64(bytes) / 1024
	h.after, err = s.paced(ctx)
	return err
}

// late is the lateness that the share q of the frames keeps to, in ms; a negative value where it is not known.
func (h held) late(q float64) float64 {
	if l, ok := h.after.quantile(h.before, q); ok {
		return milliseconds(l)
	}
	return -1
}

// measureScale tells how the costs grow with the number of calls at a time.
func (b *bench) measureScale() error {
	return inScope(b.t.Context(), func(t testing.TB) {
		voices, err := b.voices(t, b.sizes[len(b.sizes)-1])
		if err != nil {
			t.Fatal(err)
		}
		all := make([][]held, len(voices))
		for _, calls := range b.sizes {
			for i, s := range voices {
				h, err := b.holdCalls(t, s, calls, crowdRate)
				if err != nil {
					t.Fatalf("%s, %d calls: %v", s.name, calls, err)
				}
				all[i] = append(all[i], h)
			}
		}
		b.scaleRows(all)
	})
}

// scaleRows writes the lines. The targets are those of the service alone: a core's share and memory of a call.
func (b *bench) scaleRows(all [][]held) {
	x := make([]float64, len(b.sizes))
	for n, calls := range b.sizes {
		x[n] = float64(calls)
		name := fmt.Sprintf("%d calls at a time: ", calls)
		b.row(name+"processor time of all", "%", each(all, func(h []held) float64 { return h[n].cpu }), nil)
		b.row(name+"resident memory", "MiB", each(all, func(h []held) float64 { return h[n].memory / 1024 }), nil)
		b.row(name+"failed", "calls", each(all, func(h []held) float64 { return float64(h[n].failed) }), atMost(0))
	}
	last := len(b.sizes) - 1
	if late := all[0][last].late(0.99); late >= 0 {
		b.add(alone(fmt.Sprintf("%d calls at a time: lateness of a packet, p99 (at most)", b.sizes[last]), "ms", late, atMost(1)))
	}
	b.add(alone(fmt.Sprintf("%d calls at a time: processor time of the generator", b.sizes[last]), "%", all[0][last].generator, nil))
	if len(x) < 2 {
		return
	}
	through := func(of func(held) float64) []straight {
		var out []straight
		for _, h := range all {
			out = append(out, fit(x, each(h, of)))
		}
		return out
	}
	cpu := through(func(h held) float64 { return h.cpu })
	memory := through(func(h held) float64 { return h.memory })
	b.row("processor time of one more call", "%", each(cpu, func(s straight) float64 { return s.slope }), atMost(0.1))
	b.row("what that line misses, root mean square", "%", each(cpu, func(s straight) float64 { return s.residual }), nil)
	b.row("resident memory of one more call", "KiB", each(memory, func(s straight) float64 { return s.slope }), atMost(60))
	b.row("what that line misses, root mean square", "KiB", each(memory, func(s straight) float64 { return s.residual }), nil)
}
