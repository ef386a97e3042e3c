package pair_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"housephone/pair"
)

const (
	second = time.Second
	start  = time.Hour // of the instance's clock
)

func machine(t *testing.T, exact bool) *pair.Machine {
	t.Helper()
	m, err := pair.New(pair.Config{Holder: "us", Timing: pair.NewTiming(2 * second), Exact: exact})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func them(epoch uint64) pair.Record {
	return pair.Record{Holder: "them", Epoch: epoch, TTL: 2 * second}
}

func released(epoch uint64) pair.Record {
	r := them(epoch)
	r.Released = true
	return r
}

func claim(token, epoch uint64) []pair.Action {
	return []pair.Action{pair.Write{Token: token, Record: pair.Record{Holder: "us", Epoch: epoch, TTL: 2 * second}}}
}

func same(t *testing.T, when string, got, want []pair.Action) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("%s (-want +got):\n%s", when, d)
	}
}

// active makes a machine that has claimed with epoch 1 at start+2s.
func active(t *testing.T, exact bool) *pair.Machine {
	t.Helper()
	m := machine(t, exact)
	same(t, "linked", m.Linked(start, 0), nil)
	same(t, "silence", m.Tick(start+2*second), claim(1, 1))
	same(t, "confirmed", m.Wrote(start+2100*ms, 1, pair.Stored), []pair.Action{pair.Changed{Active: true}})
	return m
}

func TestClaimsAfterSilence(t *testing.T) {
	t.Parallel()
	m := machine(t, false)
	same(t, "linked", m.Linked(start, 0), nil)
	same(t, "heard", m.Record(start+second, them(4), true), nil)
	same(t, "not yet", m.Tick(start+2990*ms), nil)
	if m.Next() != start+3*second {
		t.Errorf("next is %v", m.Next()-start)
	}
	same(t, "now", m.Tick(start+3*second), claim(1, 5))
	if m.Active(start + 3*second) {
		t.Error("active before the store has confirmed it")
	}
	same(t, "confirmed", m.Wrote(start+3100*ms, 1, pair.Stored), []pair.Action{pair.Changed{Active: true}})
	// counted from the sending, not from the confirmation
	if !m.Active(start+4499*ms) || m.Active(start+4500*ms) {
		t.Error("the end is not 1.5 s after the sending")
	}
}

// The bound of a takeover: the last sign of life may come half a second late from a store that is polled.
func TestTakeoverIsWithinThreeSeconds(t *testing.T) {
	t.Parallel()
	timing := pair.NewTiming(2 * second)
	if worst := timing.Poll + timing.TTL + timing.Renew/4; worst > 2500*ms {
		t.Errorf("the claim is sent up to %v after the last sign of life", worst)
	}
}

func TestEndsWithoutConfirmation(t *testing.T) {
	t.Parallel()
	m := active(t, false)
	same(t, "renewal", m.Tick(start+2500*ms), claim(2, 1))
	same(t, "another", m.Tick(start+3*second), claim(3, 1))
	same(t, "end", m.Tick(start+3500*ms), []pair.Action{pair.Changed{}})
	same(t, "a confirmation that is late", m.Wrote(start+3600*ms, 2, pair.Stored), nil)
	if m.Active(start + 3600*ms) {
		t.Error("active again by a renewal that came late")
	}
	same(t, "silence", m.Tick(start+5499*ms), nil)
	same(t, "and a claim of a new epoch", m.Tick(start+5500*ms), claim(4, 2))
}

// After a stop of the process the first thing that happens may be the confirmation of an old renewal.
func TestLateConfirmationAfterAStop(t *testing.T) {
	t.Parallel()
	m := active(t, false)
	same(t, "renewal", m.Tick(start+2500*ms), claim(2, 1))
	same(t, "10 s later", m.Wrote(start+12*second, 2, pair.Stored), []pair.Action{pair.Changed{}})
}

func TestOtherClaimFirst(t *testing.T) {
	t.Parallel()
	m := machine(t, false)
	m.Linked(start, 0)
	same(t, "claim", m.Tick(start+2*second), claim(1, 1))
	same(t, "theirs stands before it", m.Record(start+2050*ms, them(1), false), nil)
	same(t, "ours comes back", m.Wrote(start+2100*ms, 1, pair.Stored), nil)
	if m.Active(start + 2100*ms) {
		t.Error("both have won")
	}
	w := active(t, false)
	same(t, "the one that lost comes after ours", w.Record(start+2200*ms, them(1), false), nil)
	if !w.Active(start + 2200*ms) {
		t.Error("nobody has won")
	}
	same(t, "a later claim", w.Record(start+2300*ms, them(2), false), []pair.Action{pair.Changed{}})
}

// Who says that it has stepped down is believed only by those who followed it; a broker may keep or deliver what is old.
func TestBelievesARelease(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		exact  bool
		listen time.Duration // how long we have listened
		before *pair.Record
		said   pair.Record
		kept   bool
		want   bool
	}{
		{"followed", false, 3 * second, ptr(them(4)), released(4), false, true},
		{"not followed long enough", false, second, ptr(them(4)), released(4), false, false},
		{"kept by the broker", false, 3 * second, ptr(them(4)), released(4), true, false},
		{"of an earlier epoch", false, 3 * second, ptr(them(4)), released(3), false, false},
		{"of somebody else", false, 3 * second, ptr(pair.Record{Holder: "third", Epoch: 4, TTL: second}), released(4), false, false},
		{"out of nothing", false, 3 * second, nil, released(4), false, false},
		{"an exact store", true, 0, nil, released(4), true, true},
	} {
		m := machine(t, c.exact)
		m.Linked(start, 0)
		now := start + c.listen
		if c.before != nil {
			m.Record(now-100*ms, *c.before, false)
		}
		got := m.Record(now, c.said, c.kept)
		if claimed := len(got) == 1; claimed != c.want {
			t.Errorf("%s: claims at once %v, want %v", c.name, claimed, c.want)
		}
	}
}

func ptr[T any](v T) *T { return &v }

func TestReleaseRests(t *testing.T) {
	t.Parallel()
	m := active(t, true)
	same(t, "release", m.Release(start+2200*ms), []pair.Action{pair.Changed{}, pair.Write{Token: 2, Record: pair.Record{
		Holder: "us", Epoch: 1, TTL: 2 * second, Released: true,
	}}})
	if m.Active(start + 2200*ms) {
		t.Error("still active")
	}
	same(t, "leaves it to others", m.Tick(start+8*second), nil)
	if got := m.Tick(start + 8200*ms); len(got) != 1 {
		t.Errorf("when nobody else wants it: %v", got)
	}
}

// An exact store shows the truth: whatever somebody else has written there ends our time.
func TestExactStoreIsBelieved(t *testing.T) {
	t.Parallel()
	m := active(t, true)
	same(t, "taken by hand", m.Record(start+2200*ms, pair.Record{Holder: "them", TTL: second}, true), []pair.Action{pair.Changed{}})
}

func TestWritesNothingWithoutALink(t *testing.T) {
	t.Parallel()
	m := active(t, false)
	same(t, "unlinked", m.Unlinked(start+2200*ms), nil)
	same(t, "no renewal", m.Tick(start+3*second), nil)
	same(t, "end", m.Tick(start+3500*ms), []pair.Action{pair.Changed{}})
	same(t, "linked again", m.Linked(start+10*second, 0), nil)
	same(t, "silence is counted anew", m.Tick(start+11990*ms), nil)
	same(t, "claim", m.Tick(start+12*second), claim(2, 2))
}

func TestTimingHasToFit(t *testing.T) {
	t.Parallel()
	if _, err := pair.New(pair.Config{Holder: "us"}); err == nil {
		t.Error("no timing was accepted")
	}
	if _, err := pair.New(pair.Config{Timing: pair.NewTiming(second)}); err == nil {
		t.Error("no name was accepted")
	}
}
