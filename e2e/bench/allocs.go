package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

var errNoBenchmark = errors.New("no such benchmark in the output")

// goBench is one line of the output of go test -bench -benchmem.
type goBench struct {
	name   string // without "Benchmark" and the number of processors
	ns     float64
	allocs int64
}

// packetBenchmarks runs the benchmarks of a packet sent and of one received and played.
func packetBenchmarks(ctx context.Context) (send, receive goBench, err error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^Benchmark(SendFrame|Receive)$", "-benchmem", "housephone/phone/media")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return send, receive, fmt.Errorf("go test: %w\n%s", err, out)
	}
	found := parseBench(string(out))
	send, ok1 := found["SendFrame"]
	receive, ok2 := found["Receive"]
	if !ok1 || !ok2 {
		return send, receive, fmt.Errorf("%w:\n%s", errNoBenchmark, out)
	}
	return send, receive, nil
}

// parseBench reads the output of go test -bench -benchmem.
func parseBench(out string) map[string]goBench {
	suffix := regexp.MustCompile(`-\d+$`)
	found := map[string]goBench{}
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) < 2 || !strings.HasPrefix(f[0], "Benchmark") {
			continue
		}
		b := goBench{name: suffix.ReplaceAllString(strings.TrimPrefix(f[0], "Benchmark"), ""), allocs: -1}
		for i := 2; i+1 < len(f); i += 2 {
			switch f[i+1] {
			case "ns/op":
				b.ns, _ = strconv.ParseFloat(f[i], 64)
			case "allocs/op":
				n, err := strconv.ParseInt(f[i], 10, 64)
				if err == nil && n >= 0 {
					b.allocs = n
				}
			}
		}
		if b.allocs >= 0 {
			found[b.name] = b
		}
	}
	return found
}
