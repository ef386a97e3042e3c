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
	subjects []*subject // the service first
	figures  []figure
}

// kinds are the columns of the table: the service, then what it is measured against.
func kinds() []starter { return []starter{startHousephone, startBaresip} }

// measure does all of it.
func (b *bench) measure(ctx context.Context) (report, error) {
	r := report{Machine: thisMachine()}
	err := inScope(ctx, func(t testing.TB) {
		b.t = t
		if err := b.all(); err != nil {
			t.Fatal(err)
		}
	})
	r.Figures = b.figures
	r.Run = fmt.Sprintf("%s; %d samples after %d, %d calls of %v, %d starts, %d commands, the programs in turns",
		time.Now().UTC().Format("2006-01-02 15:04 UTC"), b.samples, b.warmup, b.calls, b.call, b.starts, b.commands)
	return r, err
}

func (b *bench) all() error {
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"build and start", b.prepare},
		{"memory when idle", func() error { return b.memory("resident memory, idle", atMost(25)) }},
		{"signalling", b.measureSignalling},
		{"calls", b.measureCalls},
		{"commands", b.measureRate},
		{"memory after the work", func() error { return b.memory("resident memory, after the work", nil) }},
		{"starts", b.measureStarts},
		{"packets", b.measurePackets},
	} {
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
	for _, start := range kinds() {
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
	var values [2]float64
	for i, s := range b.subjects {
		n, err := resident(s.proc.PID())
		if err != nil {
			return err
		}
		values[i] = float64(n) / mib
	}
	b.add(beside(name, "MiB", values[0], values[1], t))
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
	b.latency("publish to INVITE on the wire", both[0].invite, both[1].invite, times(1))
	b.latency("INVITE in to 180 out", both[0].ringing, both[1].ringing, times(1))
	b.latency("INVITE in to the MQTT event", both[0].event, both[1].event, times(1))
	return nil
}

// latency adds the lines of a figure: the target speaks of the median.
func (b *bench) latency(name string, housephone, baresip []time.Duration, t *target) {
	b.add(beside(name+", median", "ms", milliseconds(median(housephone)), milliseconds(median(baresip)), t))
	b.add(beside(name+", p99", "ms", milliseconds(quantile(housephone, 0.99)), milliseconds(quantile(baresip, 0.99)), nil))
}

func (b *bench) measureCalls() error {
	var gap [2][]time.Duration
	var cpu, took [2]time.Duration
	err := profiled(b.t, b.profile, "calls", b.subjects[0].proc.PID(), func() error {
		for range b.calls {
			for i, s := range b.subjects {
				t, err := b.driver.call(b.t.Context(), s, b.ends, b.call)
				if err != nil {
					return fmt.Errorf("%s: %w", s.name, err)
				}
				gap[i] = append(gap[i], t.gaps...)
				cpu[i] += t.cpu
				took[i] += t.took
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	b.add(beside("RTP gap, standard deviation", "ms", milliseconds(deviation(gap[0])), milliseconds(deviation(gap[1])), times(0.2)))
	b.add(beside("RTP gap, p99", "ms", milliseconds(quantile(gap[0], 0.99)), milliseconds(quantile(gap[1], 0.99)), nil))
	b.add(beside("RTP gap, longest", "ms", milliseconds(quantile(gap[0], 1)), milliseconds(quantile(gap[1], 1)), nil))
	b.add(beside("processor time in a G.711 call", "%", share(cpu[0], took[0]), share(cpu[1], took[1]), times(1)))
	return nil
}

// share is in per cent of one processor.
func share(cpu, took time.Duration) float64 { return 100 * cpu.Seconds() / took.Seconds() }

// measureRate lets the programs take turns in ten parts.
func (b *bench) measureRate() error {
	const parts = 10
	var seconds [2]float64
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
	b.add(beside("MQTT commands carried out and answered", "/s", parts*float64(n)/seconds[0], parts*float64(n)/seconds[1], nil))
	return nil
}

func (b *bench) measureStarts() error {
	both := startUps(b.t, b.driver, b.setup, kinds(), b.starts)
	b.add(beside("start to registered, median", "ms", milliseconds(median(both[0].answered)), milliseconds(median(both[1].answered)), atMost(150)))
	b.add(beside("start to registered, slowest", "ms", milliseconds(quantile(both[0].answered, 1)), milliseconds(quantile(both[1].answered, 1)), nil))
	b.add(beside("start to registered on MQTT, median", "ms", milliseconds(median(both[0].told)), milliseconds(median(both[1].told)), nil))
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
