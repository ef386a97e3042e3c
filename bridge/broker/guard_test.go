package broker

import (
	"strings"
	"testing"
	"time"
)

// Ten seconds are ten seconds, whatever the wall clock does meanwhile: the time that is kept has a monotonic reading.
func TestWarnsEveryTenSeconds(t *testing.T) {
	g, start := &guard{}, time.Now()
	for _, step := range []struct {
		after time.Duration
		want  bool
	}{{0, true}, {time.Second, false}, {9999 * time.Millisecond, false}, {10 * time.Second, true}, {11 * time.Second, false}} {
		if got := g.warns(start.Add(step.after)); got != step.want {
			t.Errorf("after %v: %v, want %v", step.after, got, step.want)
		}
	}
	if last := g.warned.Load().String(); !strings.Contains(last, " m=") {
		t.Errorf("%s has no monotonic reading", last)
	}
}
