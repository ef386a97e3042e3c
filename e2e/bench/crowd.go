package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"housephone/e2e/peers"
)

//go:embed testdata/crowd.xml
var crowdScenario []byte

//go:embed testdata/setups.xml
var setupsScenario []byte

// crowd is many calls made by sipp.
type crowd struct {
	scenario []byte
	calls    int           // in all
	most     int           // at a time
	rate     int           // new ones a second
	length   time.Duration // of each
}

// crowdPorts is where sipp's sound begins: above the blocks of ports of the programs, below the driver's.
const crowdPorts = 17000

// gathering is a crowd that is calling.
type gathering struct {
	*peers.Process
	stats string
}

// outcome is how its calls went.
type outcome struct{ done, failed int }

var errCrowd = errors.New("sipp")

// call starts the crowd.
func (c crowd) call(t testing.TB, ports *peers.Ports, s *subject) (*gathering, error) {
	dir := t.TempDir()
	silence := bytes.Repeat([]byte{0xd5}, 10*8000) // ten seconds of A-law
	for name, data := range map[string][]byte{"scenario.xml": c.scenario, "sound.alaw": silence} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return nil, err
		}
	}
	g := &gathering{stats: filepath.Join(dir, "stats.csv")}
	all := time.Duration(c.calls/c.rate)*time.Second + c.length + time.Minute
	g.Process = peers.Start(t, peers.Command{
		Path: peers.Program(t, "sipp"), Home: dir, Quiet: true,
		Args: []string{
			"-sf", "scenario.xml", "-s", s.user, "-i", "127.0.0.1", "-mi", "127.0.0.1",
			"-p", strconv.Itoa(ports.Next()), "-mp", strconv.Itoa(crowdPorts),
			"-m", strconv.Itoa(c.calls), "-l", strconv.Itoa(c.most), "-r", strconv.Itoa(c.rate),
			"-d", strconv.FormatInt(c.length.Milliseconds(), 10), "-timeout", fmt.Sprintf("%ds", int(all.Seconds())),
			"-nostdin", "-trace_stat", "-stf", g.stats, "-fd", "1", s.addr.String(),
		},
	})
	return g, nil
}

// outcome waits for the end of all calls.
func (g *gathering) outcome(ctx context.Context, limit time.Duration) (outcome, error) {
	end := time.NewTimer(limit)
	defer end.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !g.Ended() {
		select {
		case <-ctx.Done():
			return outcome{}, ctx.Err()
		case <-end.C:
			g.Kill()
			return outcome{}, fmt.Errorf("%w has not ended after %v", errCrowd, limit)
		case <-tick.C:
		}
	}
	text, err := os.ReadFile(g.stats)
	if err != nil {
		return outcome{}, fmt.Errorf("%w: %w\n%s", errCrowd, err, g.Log())
	}
	return readStats(text)
}

// readStats takes the totals out of sipp's statistics: a header, then a line a second.
func readStats(text []byte) (outcome, error) {
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma, r.FieldsPerRecord, r.LazyQuotes = ';', -1, true
	rows, err := r.ReadAll()
	if err != nil || len(rows) < 2 {
		return outcome{}, fmt.Errorf("%w: no statistics: %w", errCrowd, err)
	}
	last := rows[len(rows)-1]
	total := func(name string) (int, error) {
		for i, column := range rows[0] {
			if column == name && i < len(last) {
				return strconv.Atoi(last[i])
			}
		}
		return 0, fmt.Errorf("%w: no column %s", errCrowd, name)
	}
	done, err := total("SuccessfulCall(C)")
	failed, err2 := total("FailedCall(C)")
	return outcome{done: done, failed: failed}, errors.Join(err, err2)
}
