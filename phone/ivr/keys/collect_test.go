package keys

import (
	"errors"
	"testing"
	"time"
)

func TestCollect(t *testing.T) {
	type step struct {
		at     float64 // seconds
		key    byte    // 0 = tick, 'p' = prompt has ended
		result string  // "" = goes on
	}
	for _, tc := range []struct {
		name     string
		cfg      CollectConfig
		prompted bool
		steps    []step
	}{
		{"terminator", CollectConfig{Terminator: "#"}, false, []step{{1, '1', ""}, {2, '*', ""}, {3, '#', "1* terminator"}, {4, '5', ""}, {99, 0, ""}}},
		{"terminator alone", CollectConfig{Terminator: "*#"}, false, []step{{1, '*', " terminator"}}},
		{"max", CollectConfig{Max: 3, Terminator: "#"}, false, []step{{1, '1', ""}, {2, 'D', ""}, {3, '3', "1D3 max"}}},
		{"nothing pressed", CollectConfig{}, false, []step{{4.9, 0, ""}, {5, 0, " timeout"}, {6, 0, ""}}},
		{"time runs from key to key", CollectConfig{Timeout: 2 * time.Second}, false,
			[]step{{1.5, '1', ""}, {3, '2', ""}, {4.9, 0, ""}, {5, 0, "12 timeout"}}},
		{"no time while the prompt plays", CollectConfig{}, true, []step{{60, 0, ""}, {61, 'p', ""}, {65, 0, ""}, {66, 0, " timeout"}}},
		{"barge-in", CollectConfig{}, true, []step{{1, '7', ""}, {2, 'p', ""}, {5.9, 0, ""}, {6, 0, "7 timeout"}}},
		{"not a key", CollectConfig{Max: 1}, false, []step{{1, 'x', ""}, {1, 0xff, ""}, {2, 'A', "A max"}}},
		{"hash counts without terminator", CollectConfig{Max: 2}, false, []step{{1, '#', ""}, {2, '#', "## max"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			start := time.Unix(1000, 0)
			c, err := NewCollector(tc.cfg, tc.prompted, start)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range tc.steps {
				now := start.Add(time.Duration(s.at * float64(time.Second)))
				var got Collected
				var ok bool
				switch s.key {
				case 0:
					got, ok = c.Tick(now)
				case 'p':
					c.PromptEnded(now)
				default:
					got, ok = c.Key(s.key, now)
				}
				text := ""
				if ok {
					text = got.Digits + " " + string(got.Reason)
					if _, running := c.Deadline(); running {
						t.Error("time runs after the end")
					}
				}
				if text != s.result {
					t.Errorf("at %g: %q, want %q", s.at, text, s.result)
				}
			}
		})
	}
}

func TestCollectDeadline(t *testing.T) {
	now := time.Unix(0, 0)
	c, err := NewCollector(CollectConfig{}, true, now)
	if err != nil {
		t.Fatal(err)
	}
	if at, ok := c.Deadline(); ok {
		t.Errorf("time runs to %v during the prompt", at)
	}
	c.PromptEnded(now)
	if at, ok := c.Deadline(); !ok || at != now.Add(5*time.Second) {
		t.Errorf("deadline %v %v", at, ok)
	}
}

func TestCollectRefused(t *testing.T) {
	for _, cfg := range []CollectConfig{{Max: -1}, {Max: 65}, {Timeout: -1}, {Timeout: time.Hour}, {Terminator: "x"}} {
		if _, err := NewCollector(cfg, false, time.Time{}); !errors.Is(err, ErrCollect) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}
