package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"housephone/e2e/peers"
)

// collectorSource is a file that is added to the service for one figure: it collects garbage all the time.
//
//go:embed testdata/collect.go.txt
var collectorSource []byte

// buildCollecting builds the service with that file beside its own (go help build: -overlay).
func (b *bench) buildCollecting() (string, error) {
	ctx := b.t.Context()
	folder, err := output(ctx, "", "go", "list", "-f", "{{.Dir}}", "housephone/cmd/housephone")
	if err != nil {
		return "", err
	}
	dir := b.t.TempDir()
	file, overlay, program := filepath.Join(dir, "collect.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "housephone")
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(strings.TrimSpace(folder), "collect_overlay.go"): file}})
	if err != nil {
		return "", err
	}
	for path, data := range map[string][]byte{file: collectorSource, overlay: text} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return "", err
		}
	}
	_, err = output(ctx, "", "go", "build", "-trimpath", "-overlay", overlay, "-o", program, "housephone/cmd/housephone")
	return program, err
}

// measureCollections paces a call while the service collects garbage every 100 ms. baresip, which has none, is beside.
func (b *bench) measureCollections() error {
	program, err := b.buildCollecting()
	if err != nil {
		return err
	}
	return inScope(b.t.Context(), func(t testing.TB) {
		s := b.setup
		s.program, s.id = program, "gc"
		all := make([]talk, 2)
		both := []*subject{startHousephone(t, peers.NewPorts(t), s), b.subjects[1]}
		if err := b.driver.ready(t.Context(), both[0]); err != nil {
			t.Fatal(err)
		}
		for i, p := range both {
			talk, err := b.driver.call(t.Context(), p, b.ends, silence(), b.call)
			if err != nil {
				t.Fatal(fmt.Errorf("%s: %w", p.name, err))
			}
			all[i] = talk
		}
		gap := each(all, func(t talk) float64 { return milliseconds(deviation(t.gaps)) })
		late := each(all, func(t talk) float64 { return milliseconds(quantile(t.late, 0.999)) })
		b.row("RTP gap with a collection every 100 ms, standard deviation", "ms", gap, atMost(0.15))
		b.row("RTP lateness with a collection every 100 ms, p99.9", "ms", late, atMost(1))
	})
}
