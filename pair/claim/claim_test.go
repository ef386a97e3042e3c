package claim_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"housephone/pair"
	"housephone/pair/claim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// topic is a broker with one topic: everybody gets every message, in one order. The real one is in e2e.
type topic struct {
	mu       sync.Mutex // guards following
	kept     []byte
	stores   []*claim.Store
	swallows bool
}

func (b *topic) publish(payload []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.swallows {
		return nil
	}
	b.kept = payload
	for _, s := range b.stores {
		s.Received(payload, false)
	}
	return nil
}

// start runs an instance at the topic.
func start(t *testing.T, b *topic, name string) (*pair.Elector, *claim.Store, chan struct{}) {
	t.Helper()
	s := claim.New(slog.New(slog.DiscardHandler))
	e, err := pair.NewElector(pair.Config{Holder: name, Timing: pair.NewTiming(400 * time.Millisecond)}, s, pair.Boottime(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := e.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	reset := make(chan struct{}, 8)
	b.mu.Lock()
	b.stores = append(b.stores, s)
	kept := b.kept
	b.mu.Unlock()
	if kept != nil {
		s.Received(kept, true)
	}
	s.Up(func(p []byte) error { go func() { _ = b.publish(p) }(); return nil }, func() { reset <- struct{}{} })
	return e, s, reset
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestElectsAtATopic(t *testing.T) {
	t.Parallel()
	b := &topic{}
	one, _, reset := start(t, b, "one")
	eventually(t, "one is active", one.Active)
	two, _, _ := start(t, b, "two")
	eventually(t, "two knows it", func() bool { return two.Status().Holder == "one" })
	time.Sleep(500 * time.Millisecond) // two has followed for longer than a silence
	one.Release(t.Context())
	if one.Active() {
		t.Error("active after the release")
	}
	eventually(t, "two is active", two.Active)
	if one.Active() {
		t.Error("two are active")
	}
	// a broker that takes everything and shows nothing
	b.mu.Lock()
	b.swallows = true
	b.mu.Unlock()
	eventually(t, "two has stepped down", func() bool { return !two.Active() })
	eventually(t, "the connection is made anew", func() bool { return len(reset) > 0 })
}

func TestDownIsSaid(t *testing.T) {
	t.Parallel()
	b := &topic{}
	one, s, _ := start(t, b, "one")
	eventually(t, "one is active", one.Active)
	s.Down("the broker is on holiday")
	eventually(t, "it says why", func() bool { st := one.Status(); return !st.Linked && st.Trouble == "the broker is on holiday" })
	eventually(t, "and steps down", func() bool { return !one.Active() })
	s.Write(pair.Write{Token: 1}) // goes nowhere
	s.Up(func([]byte) error { return errors.New("full") }, func() {})
	eventually(t, "linked", func() bool { return one.Status().Linked })
}

// Whoever may publish to the topic may write anything.
func TestStrangeClaims(t *testing.T) {
	t.Parallel()
	b := &topic{}
	one, s, _ := start(t, b, "one")
	eventually(t, "one is active", one.Active)
	for _, p := range []string{
		"", "x", "{}", "null", "[]", `{"holder":"x"}`, `{"holder":"x","epoch":-1,"ttl_ms":1}`, `{"holder":"x","epoch":99,"ttl_ms":0}`,
		`{"holder":"x","epoch":99,"ttl_ms":99999999999}`, `{"holder":"x","epoch":1e300,"ttl_ms":1}`,
		fmt.Sprintf(`{"holder":%q,"epoch":99,"ttl_ms":1000}`, strings.Repeat("x", 300)), strings.Repeat("x", 5000),
		`{"holder":"one","epoch":99,"ttl_ms":1000,"token":77}`, // our name, but nothing of ours is under way
	} {
		s.Received([]byte(p), false)
	}
	time.Sleep(100 * time.Millisecond)
	if !one.Active() {
		t.Error("it has stepped down for nonsense")
	}
	s.Received([]byte(`{"holder":"x","epoch":99,"ttl_ms":300}`), false)
	eventually(t, "it steps down for a claim", func() bool { return one.Status().Holder == "x" && !one.Active() })
	eventually(t, "and comes back when that one is silent", one.Active)
}
