package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"housephone/e2e/peers"
)

// measureOpus is processor time in calls in Opus. Both programs encode and decode a tone at 48 kHz with what they do
// when nobody asks for anything else.
func (b *bench) measureOpus() error {
	v, err := opusTone()
	if err != nil {
		return err
	}
	var cpu, took [2]time.Duration
	err = inScope(b.t.Context(), func(t testing.TB) {
		s := b.setup
		s.id, s.codec = "opus", "opus"
		s.wav = peers.WriteToneOf(t, 48000, 2, 440, callWarmup+b.call+patience) // baresip does not convert
		ports := peers.NewPorts(t)
		var subjects []*subject
		for _, start := range []starter{startHousephone, startBaresip} {
			subjects = append(subjects, start(t, ports, s))
		}
		for i, p := range subjects {
			if err := b.driver.ready(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			talk, err := b.driver.call(t.Context(), p, b.ends, v, b.call)
			if err != nil {
				t.Fatalf("%s: %v", p.name, err)
			}
			cpu[i], took[i] = cpu[i]+talk.cpu, took[i]+talk.took
		}
	})
	if err != nil {
		return err
	}
	b.add(beside("processor time in an Opus call", "%", share(cpu[0], took[0]), share(cpu[1], took[1]), times(2)))
	return nil
}

// measureSound takes over what the tests of the sound's parts print: all of it simulated, but for the codec's time.
func (b *bench) measureSound() error {
	for _, f := range []struct {
		name, unit     string
		pkg, benchmark string
		metric         string
		scale          float64
		target         *target
	}{
		{"frames unconcealed at 5 % loss and 50 ms jitter, PCMA", "%", "phone/media", "BadNetwork/PCMA", "unconcealed-%", 1, atMost(0.5)},
		{"frames unconcealed at 5 % loss and 50 ms jitter, Opus", "%", "phone/media", "BadNetwork/opus", "unconcealed-%", 1, atMost(0.5)},
		// 25 dB of echo return loss enhancement leave 0.316 % of its power
		{"echo left after 1.5 s, room of 64 ms", "%", "phone/audio/echo", "Room/64ms", "echo-left-%", 1, atMost(0.316)},
		{"echo left after 1.5 s, room of 256 ms", "%", "phone/audio/echo", "Room/256ms", "echo-left-%", 1, atMost(0.316)},
		{"near end lost in double talk, room of 256 ms", "dB", "phone/audio/echo", "Room/256ms", "near-end-lost-dB", 1, atMost(3)},
		{"G.722, 20 ms coded and decoded", "us", "phone/codec/g722", "EncodeDecode", "ns/op", 1e-3, atMost(8)},
		{"Opus, 20 ms coded", "us", "phone/codec/opus", "Encode", "ns/op", 1e-3, nil},
		{"Opus, 20 ms decoded", "us", "phone/codec/opus", "Decode", "ns/op", 1e-3, nil},
	} {
		v, err := goMetric(b.t.Context(), f.pkg, f.benchmark, f.metric)
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		b.add(alone(f.name, f.unit, v*f.scale, f.target))
	}
	return nil
}

var errNoMetric = errors.New("no such metric in the output")

// goMetric runs one benchmark of a package and gives one of its metrics.
func goMetric(ctx context.Context, pkg, name, metric string) (float64, error) {
	pattern := "^Benchmark" + strings.ReplaceAll(regexp.QuoteMeta(name), "/", "$/^") + "$"
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", pattern, "-benchtime", "300ms", "housephone/"+pkg)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("go test: %w\n%s", err, out)
	}
	if v, ok := parseMetric(string(out), metric); ok {
		return v, nil
	}
	return 0, fmt.Errorf("%s %s: %w:\n%s", name, metric, errNoMetric, out)
}

// parseMetric finds a metric in the first line of a benchmark that has it.
func parseMetric(out, metric string) (float64, bool) {
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) == 0 || !strings.HasPrefix(f[0], "Benchmark") {
			continue
		}
		for i := 2; i+1 < len(f); i += 2 {
			if v, err := strconv.ParseFloat(f[i], 64); err == nil && f[i+1] == metric {
				return v, true
			}
		}
	}
	return 0, false
}
