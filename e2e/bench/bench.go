package main

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"housephone/e2e/peers"
)

// bench is one run.
type bench struct {
	options
	progress io.Writer

	t        testing.TB
	driver   *driver
	setup    setup
	ends     rtpEnds
	before   string     // the service of another revision; empty = none
	subjects []*subject // the service first
	figures  []figure
}

// kinds are the columns of the table: the service, baresip, and the service of another revision if that is wanted.
func (b *bench) kinds() []starter {
	all := []starter{startHousephone, startBaresip}
	if b.before != "" {
		all = append(all, b.other(startHousephone))
	}
	return all
}

// other starts the other revision.
func (b *bench) other(start starter) starter {
	return func(t testing.TB, ports *peers.Ports, s setup) *subject {
		s.program, s.kind = b.before, "was"
		p := start(t, ports, s)
		p.name = b.beside
		return p
	}
}

// row adds a line of one value for each kind.
func (b *bench) row(name, unit string, values []float64, t *target) {
	b.add(line(name, unit, values, t))
}

// line makes a figure of one value for each kind.
func line(name, unit string, values []float64, t *target) figure {
	f := beside(name, unit, values[0], values[1], t)
	if len(values) > 2 {
		f = f.against(values[2])
	}
	return f
}

// each makes the values of a line out of what was measured of each kind.
func each[T any](all []T, value func(T) float64) []float64 {
	out := make([]float64, 0, len(all))
	for _, v := range all {
		out = append(out, value(v))
	}
	return out
}

// measure does all of it.
func (b *bench) measure(ctx context.Context) (report, error) {
	r := report{Machine: thisMachine()}
	err := inScope(ctx, func(t testing.TB) {
		b.t = t
		if err := b.all(); err != nil {
			t.Fatal(err)
		}
	})
	r.Figures, r.Beside = b.figures, b.beside
	r.Run = fmt.Sprintf("%s; %s; %d samples after %d, %d calls of %v, %d starts, %d commands, the programs in turns",
		time.Now().UTC().Format("2006-01-02 15:04 UTC"), b.only, b.samples, b.warmup, b.calls, b.call, b.starts, b.commands)
	return r, err
}

// part is a piece of a run.
type part struct {
	name string
	do   func() error
}

// parts are all there are, in their order.
func (b *bench) parts() []part {
	return []part{
		{"idle", func() error { return b.memory("resident memory, idle", atMost(25)) }},
		{"signalling", b.measureSignalling},
		{"calls", b.measureCalls},
		{"collections", b.measureCollections},
		{"opus", b.measureOpus},
		{"commands", b.measureRate},
		{"relay", b.measureRelay},
		{"work", func() error { return b.memory("resident memory, after the work", nil) }},
		{"starts", b.measureStarts},
		{"packets", b.measurePackets},
		{"mouth-to-ear", b.measureMouthToEar},
		{"sound", b.measureSound},
		{"scale", b.measureScale},
		{"most", b.measureMost},
		{"setups", b.measureSetups},
	}
}

func (b *bench) all() error {
	for _, step := range append([]part{{"build and start", b.prepare}}, b.parts()...) {
		if step.name != "build and start" && !b.wanted(step.name) {
			continue
		}
		start := time.Now()
		_, _ = fmt.Fprintf(b.progress, "%s ... ", step.name)
		if err := step.do(); err != nil {
			_, _ = fmt.Fprintln(b.progress, "failed")
			return fmt.Errorf("%s: %w", step.name, err)
		}
		_, _ = fmt.Fprintln(b.progress, time.Since(start).Round(100*time.Millisecond))
	}
	return nil
}

// prepare starts the broker, the driver and both programs, and waits until they are at rest.
func (b *bench) prepare() error {
	dir := b.profile // perf report wants to find the program there
	if dir == "" {
		dir = b.t.TempDir()
	}
	program, err := build(b.t.Context(), dir)
	if err != nil {
		return err
	}
	ports := peers.NewPorts(b.t)
	broker := startBroker(b.t, ports)
	length := callWarmup + b.call + patience // baresip hangs up at the end of the file
	b.setup = setup{broker: broker, program: program, wav: peers.WriteTone(b.t, 440, length)}
	b.driver = &driver{sip: listen(b.t, 0), mqtt: newMQTT(b.t, peers.Loopback(broker))}
	b.ends = listenRTP(b.t)
	if err := b.buildOther(); err != nil {
		return err
	}
	for _, start := range b.kinds() {
		b.subjects = append(b.subjects, start(b.t, ports, b.setup))
	}
	for _, s := range b.subjects {
		if err := b.driver.ready(b.t.Context(), s); err != nil {
			return err
		}
	}
	return pause(b.t.Context(), b.idle)
}

func (b *bench) add(f figure) { b.figures = append(b.figures, f) }

func (b *bench) memory(name string, t *target) error {
	const mib = 1 << 20
	var values []float64
	for _, s := range b.subjects {
		n, err := resident(s.proc.PID())
		if err != nil {
			return err
		}
		values = append(values, float64(n)/mib)
	}
	b.row(name, "MiB", values, t)
	return nil
}

func (b *bench) measureSignalling() error {
	var both []signals
	err := profiled(b.t, b.profile, "signalling", b.subjects[0].proc.PID(), func() (err error) {
		both, err = b.driver.signalling(b.t.Context(), b.subjects, b.options, b.ends.rtp.addr.Port())
		return err
	})
	if err != nil {
		return err
	}
	b.latency("publish to INVITE on the wire", both, func(s signals) []time.Duration { return s.invite })
	b.latency("INVITE in to 180 out", both, func(s signals) []time.Duration { return s.ringing })
	b.latency("INVITE in to the MQTT event", both, func(s signals) []time.Duration { return s.event })
	return nil
}

// latency adds the lines of a figure: the target speaks of the median.
func (b *bench) latency(name string, all []signals, of func(signals) []time.Duration) {
	at := func(q float64) []float64 {
		return each(all, func(s signals) float64 { return milliseconds(quantile(of(s), q)) })
	}
	b.row(name+", median", "ms", at(0.5), times(1))
	b.row(name+", p99", "ms", at(0.99), nil)
}

func (b *bench) measureCalls() error {
	all := make([]talk, len(b.subjects))
	err := profiled(b.t, b.profile, "calls", b.subjects[0].proc.PID(), func() error {
		for range b.calls {
			for i, s := range b.subjects {
				t, err := b.driver.call(b.t.Context(), s, b.ends, silence(), b.call)
				if err != nil {
					return fmt.Errorf("%s: %w", s.name, err)
				}
				all[i].add(t)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	gap := func(f func([]time.Duration) time.Duration) []float64 {
		return each(all, func(t talk) float64 { return milliseconds(f(t.gaps)) })
	}
	b.row("RTP gap, standard deviation", "ms", gap(deviation), times(0.2))
	b.row("RTP gap, p99", "ms", gap(func(g []time.Duration) time.Duration { return quantile(g, 0.99) }), nil)
	b.row("RTP gap, longest", "ms", gap(func(g []time.Duration) time.Duration { return quantile(g, 1) }), nil)
	b.row("processor time in a G.711 call", "%", each(all, func(t talk) float64 { return share(t.cpu, t.took) }), times(1))
	return nil
}

// share is in per cent of one processor.
func share(cpu, took time.Duration) float64 { return 100 * cpu.Seconds() / took.Seconds() }

// measureRate lets the programs take turns in ten parts.
func (b *bench) measureRate() error {
	const parts = 10
	seconds := make([]float64, len(b.subjects))
	n := max(b.commands/parts, 1)
	for range parts {
		for i, s := range b.subjects {
			rate, err := b.driver.rate(b.t.Context(), s, n)
			if err != nil {
				return err
			}
			seconds[i] += float64(n) / rate
		}
	}
	rates := each(seconds, func(s float64) float64 { return parts * float64(n) / s })
	b.add(line("MQTT commands carried out and answered", "/s", rates, nil).rising())
	return nil
}

func (b *bench) measureStarts() error {
	all := startUps(b.t, b.driver, b.setup, b.kinds(), b.starts)
	ms := func(of func(startTimes) time.Duration) []float64 {
		return each(all, func(s startTimes) float64 { return milliseconds(of(s)) })
	}
	b.row("start to registered, median", "ms", ms(func(s startTimes) time.Duration { return median(s.answered) }), atMost(150))
	b.row("start to registered, slowest", "ms", ms(func(s startTimes) time.Duration { return quantile(s.answered, 1) }), nil)
	b.row("start to registered on MQTT, median", "ms", ms(func(s startTimes) time.Duration { return median(s.told) }), nil)
	return nil
}

func (b *bench) measurePackets() error {
	send, receive, err := packetBenchmarks(b.t.Context())
	if err != nil {
		return err
	}
	b.add(alone("allocations per RTP packet sent", "allocs", float64(send.allocs), atMost(0)))
	b.add(alone("allocations per RTP packet received", "allocs", float64(receive.allocs), atMost(0)))
	b.add(alone("time per RTP packet sent", "us", send.ns/1000, nil))
	b.add(alone("time per RTP packet received and played", "us", receive.ns/1000, nil))
	return nil
}
