package chaos

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

// figures collects how long recoveries took.
type figures struct {
	mu   sync.Mutex
	rows []figure
}

type figure struct {
	test, what string
	took       time.Duration
	limit      time.Duration
}

// within waits until ok, writes down what it took and fails the test when the limit is over.
func within(t *testing.T, what string, limit time.Duration, ok func() bool) {
	t.Helper()
	begin := time.Now()
	for !ok() {
		if time.Since(begin) > limit {
			t.Fatalf("%s: not within %v", what, limit)
		}
		time.Sleep(5 * time.Millisecond)
	}
	chaos.figures.add(figure{t.Name(), what, time.Since(begin), limit})
}

func (f *figures) add(row figure) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rows = append(f.rows, row)
}

// print writes the table, in the order of the tests' names.
func (f *figures) print(w io.Writer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.rows) == 0 {
		return
	}
	slices.SortStableFunc(f.rows, func(a, b figure) int {
		switch {
		case a.test < b.test:
			return -1
		case a.test > b.test:
			return 1
		}
		return 0
	})
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "test\twhat\ttook\tlimit")
	for _, r := range f.rows {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", r.test, r.what, r.took.Round(time.Millisecond), r.limit)
	}
	_ = table.Flush()
}
