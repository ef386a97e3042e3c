package phonetest

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"
)

const (
	maxTrace = 2000
	maxFull  = 60 // messages that are printed in full
)

// trace keeps what went over a peer's sockets, for the report of a failed test.
type trace struct {
	start time.Time

	mu      sync.Mutex // guards following
	entries []traceEntry
	lost    int
}

type traceEntry struct {
	at   time.Duration
	in   bool
	addr netip.AddrPort
	note string
	data []byte
}

func (tr *trace) add(in bool, addr netip.AddrPort, note string, data []byte) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if len(tr.entries) >= maxTrace {
		tr.lost++
		return
	}
	tr.entries = append(tr.entries, traceEntry{time.Since(tr.start), in, addr, note, data})
}

// String gives a ladder of start lines followed by the last messages in full.
func (tr *trace) String() string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	var ladder, full strings.Builder
	for i, e := range tr.entries {
		arrow := "->"
		if e.in {
			arrow = "<-"
		}
		first, _, _ := strings.Cut(string(e.data), "\r\n")
		head := fmt.Sprintf("%3d %9.3fs %s %s", i+1, e.at.Seconds(), arrow, e.addr)
		fmt.Fprintf(&ladder, "%s  %s%s\n", head, first, e.note)
		if i < len(tr.entries)-maxFull {
			continue
		}
		fmt.Fprintf(&full, "%s%s\n", head, e.note)
		for line := range strings.SplitSeq(strings.TrimRight(string(e.data), "\r\n"), "\r\n") {
			fmt.Fprintf(&full, "    %s\n", line)
		}
	}
	if tr.lost > 0 {
		fmt.Fprintf(&ladder, "... and %d more\n", tr.lost)
	}
	return ladder.String() + "\n" + full.String()
}
