package main

import (
	"fmt"
	"testing"
	"time"

	"housephone/e2e/peers"
)

const (
	setupRate   = 300 // calls a second
	setupLength = 300 * time.Millisecond
	setupMost   = 2000 // at a time, also when they get stuck
	// linger is how long the service remembers a transaction: 64*T1 (RFC 3261 17.1.1.2), and a little.
	linger = 36 * time.Second
	// fewFail is the share of calls that may fail.
	fewFail = 0.001
)

// steps are the numbers of calls that are tried, until one is too many.
func (b *bench) steps() []int {
	var out []int
	for _, n := range []int{250, 500, 1000, 1500, 2000, 2500, 3000, 4000, mostCalls} {
		if n <= b.most {
			out = append(out, n)
		}
	}
	return out
}

// withVoices runs something with programs that answer as many calls as there may be.
func (b *bench) withVoices(f func(testing.TB, []*subject) error) error {
	return inScope(b.t.Context(), func(t testing.TB) {
		voices, err := b.voices(t, mostCalls)
		if err == nil {
			err = f(t, voices)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
}

// residents are the programs' memory in MiB.
func (b *bench) residents(all []*subject) ([]float64, error) {
	var out []float64
	for _, s := range all {
		n, err := resident(s.proc.PID())
		if err != nil {
			return nil, err
		}
		out = append(out, float64(n)/(1<<20))
	}
	return out, nil
}

// most is the largest crowd of which no more than a few calls failed, and what it cost.
type most struct {
	calls int
	held  held
}

// measureMost lets crowds grow until calls fail.
func (b *bench) measureMost() error { return b.withVoices(b.growCrowds) }

func (b *bench) growCrowds(t testing.TB, voices []*subject) error {
	start, err := b.residents(voices)
	if err != nil {
		return err
	}
	all := make([]most, len(voices))
	for i, s := range voices {
		for _, calls := range b.steps() {
			h, err := b.holdCalls(t, s, calls, crowdRate)
			if err != nil {
				return fmt.Errorf("%s, %d calls: %w", s.name, calls, err)
			}
			_, _ = fmt.Fprintf(b.progress, "\n  %s, %d calls: %d failed, %.1f %% of a core, %.1f MiB, generator %.1f %%, late %.1f ms ",
				s.name, calls, h.failed, h.cpu, h.memory/1024, h.generator, h.late(0.99))
			if float64(h.failed) >= fewFail*float64(calls) && h.failed > 0 {
				break
			}
			all[i].calls, all[i].held = calls, h
		}
	}
	if err := pause(t.Context(), linger); err != nil {
		return err
	}
	after, err := b.residents(voices)
	if err != nil {
		return err
	}
	b.add(line("most calls at a time, fewer than 0.1 % failed", "calls", each(all, func(m most) float64 { return float64(m.calls) }), atMost(500)).rising())
	b.row("processor time of all of these", "%", each(all, func(m most) float64 { return m.held.cpu }), nil)
	b.row("processor time of the generator beside them", "%", each(all, func(m most) float64 { return m.held.generator }), nil)
	if late := all[0].held.late(0.99); late >= 0 {
		b.add(alone("lateness of a packet then, p99 (at most)", "ms", late, nil))
	}
	b.row("resident memory before", "MiB", start, nil)
	b.row("resident memory of these", "MiB", each(all, func(m most) float64 { return m.held.memory / 1024 }), nil)
	b.row("resident memory when they have gone", "MiB", after, nil)
	return nil
}

// measureSetups makes calls that last a moment, at a steady rate.
func (b *bench) measureSetups() error { return b.withVoices(b.setUp) }

func (b *bench) setUp(t testing.TB, voices []*subject) error {
	var failed, cpu []float64
	for _, s := range voices {
		length := b.setups
		if s.web == 0 {
			length /= 4 // baresip's part is to be beside, not to be soaked
		}
		stop := b.driver.attend(t.Context(), s)
		used, err := cpuTime(s.proc.PID())
		if err != nil {
			stop()
			return err
		}
		c := crowd{
			scenario: setupsScenario, calls: int(setupRate * length.Seconds()), most: setupMost, rate: setupRate, length: setupLength,
		}
		g, err := c.call(t, peers.NewPorts(t), s)
		if err == nil {
			begun := time.Now()
			if err = pause(t.Context(), length); err == nil {
				now, _ := cpuTime(s.proc.PID())
				cpu = append(cpu, share(now-used, time.Since(begun)))
				var o outcome
				o, err = g.outcome(t.Context(), length+2*time.Minute)
				failed = append(failed, 100*float64(o.failed)/float64(c.calls))
			}
		}
		stop()
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	b.row(fmt.Sprintf("failed of %d set-ups a second", setupRate), "%", failed, atMost(0))
	b.row(fmt.Sprintf("processor time of %d set-ups a second", setupRate), "%", cpu, nil)
	return nil
}
