package bridge

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func testBackoff() backoff {
	return backoff{min: 200 * time.Millisecond, away: 1500 * time.Millisecond, refused: 10 * time.Second, contest: time.Minute}
}

func TestBackoffFailed(t *testing.T) {
	for _, tt := range []struct {
		name    string
		refused bool
		want    []time.Duration
	}{
		{"away", false, ms(200, 400, 800, 1500, 1500)},
		{"refused", true, ms(200, 400, 800, 1600, 3200, 6400, 10000, 10000)},
	} {
		b := testBackoff()
		var got []time.Duration
		for range tt.want {
			got = append(got, b.failed(tt.refused, 0))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestBackoffContest(t *testing.T) {
	b := testBackoff()
	var got []time.Duration
	var rivals []bool
	for range 12 {
		wait, rival := b.dropped(time.Second, true, 0)
		got, rivals = append(got, wait), append(rivals, rival)
	}
	if diff := cmp.Diff(ms(200, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000), got); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]bool{false, false, false, true, true, true, true, true, true, true, true, true}, rivals); diff != "" {
		t.Errorf("rival (-want +got):\n%s", diff)
	}
}

func TestBackoffForgives(t *testing.T) {
	fast := 200 * time.Millisecond
	for name, calm := range map[string]func(*backoff){
		"a broker that was away":     func(b *backoff) { b.failed(false, 0) },
		"a connection that lasted":   func(b *backoff) { b.dropped(settled, true, 0) },
		"a connection that we ended": func(b *backoff) { b.dropped(time.Second, false, 0) },
	} {
		b := testBackoff()
		for range 5 {
			b.dropped(time.Second, true, 0)
		}
		calm(&b)
		if wait, rival := b.dropped(time.Second, true, 0); wait != fast || rival {
			t.Errorf("after %s: wait %s, rival %v", name, wait, rival)
		}
	}
	b := testBackoff()
	for range 5 {
		b.failed(false, 0)
	}
	b.dropped(time.Hour, true, 0)
	if wait := b.failed(false, 0); wait != fast {
		t.Errorf("failures are remembered over a connection: wait %s", wait)
	}
}

func TestBackoffSpread(t *testing.T) {
	for random, want := range map[float64]time.Duration{0: time.Second, 0.5: 750 * time.Millisecond, 0.999999: 500 * time.Millisecond} {
		if got := spread(time.Second, random); got.Round(time.Millisecond) != want {
			t.Errorf("spread(1s, %v) = %s, want %s", random, got, want)
		}
	}
}

func ms(n ...int) []time.Duration {
	var d []time.Duration
	for _, v := range n {
		d = append(d, time.Duration(v)*time.Millisecond)
	}
	return d
}
