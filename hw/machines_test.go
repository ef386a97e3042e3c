package hw

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"housephone/hw/display"
	"housephone/hw/font"
	"housephone/hw/hwtest"
)

func epoch() time.Time { return time.Date(2026, 3, 2, 12, 34, 50, 0, time.UTC) } // a Monday

// play feeds a contact's trace to a machine the way the goroutine of a button does, and tells the gestures with their
// times after the epoch.
func play(p *press, trace hwtest.Trace) []string {
	var out []string
	closed, left := false, trace.Edges
	feed := func(at time.Duration) {
		switch p.sample(closed, epoch().Add(at)) {
		case gestureShort:
			out = append(out, fmt.Sprintf("short %v", at))
		case gestureLong:
			out = append(out, fmt.Sprintf("long %v", at))
		}
	}
	feed(0)
	for at := time.Duration(0); at < trace.Length; {
		next := at + p.wait(epoch().Add(at), poll)
		if len(left) > 0 && left[0].At <= next {
			next, closed, left = left[0].At, left[0].Closed, left[1:]
		}
		at = next
		feed(at)
	}
	return out
}

func newPress() *press {
	return &press{debounce: 30 * time.Millisecond, long: time.Second, quiet: 200 * time.Millisecond}
}

func TestPressTraces(t *testing.T) {
	for _, trace := range hwtest.Bounces() {
		if len(trace.Edges)%2 != 0 && trace.Name != "stuck" {
			t.Errorf("%s: the contact stays closed", trace.Name)
		}
		got := play(newPress(), trace)
		var short, long int
		for _, g := range got {
			if strings.HasPrefix(g, "short") {
				short++
			} else {
				long++
			}
		}
		if short != trace.Short || long != trace.Long {
			t.Errorf("%s: %d short, %d long, want %d and %d: %v", trace.Name, short, long, trace.Short, trace.Long, got)
		}
	}
}

func TestPressIsToldWhenItHasSettled(t *testing.T) {
	trace := hwtest.Trace{Edges: []hwtest.Edge{
		{At: 10 * time.Millisecond, Closed: true}, {At: 12 * time.Millisecond}, {At: 13 * time.Millisecond, Closed: true},
		{At: 2 * time.Second},
	}, Length: 3 * time.Second}
	if diff := cmp.Diff([]string{"short 43ms", "long 1.013s"}, play(newPress(), trace)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPressWithoutDebouncing(t *testing.T) {
	p := press{long: time.Second}
	p.sample(false, epoch())
	if g := p.sample(true, epoch().Add(time.Millisecond)); g != gestureShort {
		t.Errorf("gesture %d at the edge", g)
	}
}

func TestContactClosedAtTheStartIsNoPress(t *testing.T) {
	p := newPress()
	for at := time.Duration(0); at < 3*time.Second; at += poll {
		if g := p.sample(true, epoch().Add(at)); g != gestureNone {
			t.Fatalf("gesture %d after %v", g, at)
		}
	}
}

func TestPulse(t *testing.T) {
	p := pulse{length: 3 * time.Second}
	now := epoch()
	if p.over(now) || p.lock() {
		t.Error("a relay that was never on is to be switched off")
	}
	if !p.unlock(now) || p.over(now.Add(2999*time.Millisecond)) {
		t.Error("the pulse is too short")
	}
	if p.unlock(now.Add(2*time.Second)) || !p.over(now.Add(3*time.Second)) {
		t.Error("an unlock during a pulse has lengthened it")
	}
	if !p.lock() || p.over(now.Add(4*time.Second)) {
		t.Error("lock does not end the pulse")
	}
	long := pulse{length: time.Hour}
	long.unlock(now)
	if !long.over(now.Add(MaxPulse)) {
		t.Error("a pulse lasts longer than the limit")
	}
}

func TestAttempts(t *testing.T) {
	type step struct {
		at     time.Duration
		caller string
		ok     bool // the code is right; else it is wrong
		locked time.Duration
	}
	const s, m, h = time.Second, time.Minute, time.Hour
	for _, tc := range []struct {
		name  string
		steps []step // locked is looked at before the code
	}{
		{"three are free, then the time doubles", []step{
			{0, "a", false, 0}, {s, "a", false, 0}, {2 * s, "a", false, 0}, {12 * s, "a", false, 20 * s},
		}},
		{"after the time one more", []step{
			{0, "a", false, 0}, {0, "a", false, 0}, {0, "a", false, 0}, {30 * s, "a", false, 0}, {30 * s, "a", false, 60 * s},
		}},
		{"another caller is not concerned", []step{
			{0, "a", false, 0}, {0, "a", false, 0}, {0, "a", false, 0}, {s, "b", false, 0}, {s, "a", false, 29 * s},
		}},
		{"a right code makes all good", []step{
			{0, "a", false, 0}, {0, "a", false, 0}, {0, "a", true, 0}, {0, "a", false, 0}, {0, "a", false, 0}, {0, "a", false, 0},
		}},
		{"forgotten after a day", []step{
			{0, "a", false, 0}, {0, "a", false, 0}, {24 * h, "a", false, 0}, {24 * h, "a", false, 0}, {24 * h, "a", false, 0}, {24*h + m, "a", false, 0},
		}},
	} {
		var a attempts
		for i, step := range tc.steps {
			now := epoch().Add(step.at)
			locked := a.locked(step.caller, now)
			if locked != step.locked {
				t.Errorf("%s, step %d: locked for %v, want %v", tc.name, i, locked, step.locked)
			}
			switch {
			case locked > 0:
			case step.ok:
				a.succeed(step.caller)
			default:
				a.fail(step.caller, now)
			}
		}
	}
}

func TestLockOutGrowsToItsLimit(t *testing.T) {
	for n, want := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute} {
		if got := lockOut(n); got != want {
			t.Errorf("lock-out %d: %v", n, got)
		}
	}
	if got := lockOut(1000); got != longestLockOut {
		t.Errorf("lock-out 1000: %v", got)
	}
}

func TestChangingCallersAreLockedOutTogether(t *testing.T) {
	var a attempts
	now, tried := epoch(), 0
	for i := range 10_000 {
		caller := fmt.Sprint("caller ", i)
		now = now.Add(time.Second)
		if a.locked(caller, now) == 0 {
			a.fail(caller, now)
			a.succeed("resident")
			tried++
		}
		if len(a.callers) > maxCallers {
			t.Fatalf("%d callers are remembered", len(a.callers))
		}
	}
	if tried > freeAttemptsAll+10 {
		t.Errorf("%d codes were tried in 10000 seconds", tried)
	}
}

func TestTooManyCallersForgetTheOldest(t *testing.T) {
	var a attempts
	for i := range maxCallers + 1 {
		a.fail(fmt.Sprint(i), epoch().Add(time.Duration(i)*time.Hour))
	}
	if len(a.callers) != maxCallers || a.callers["0"] != nil || a.callers["1"] == nil {
		t.Errorf("%d callers, the first one is there: %v", len(a.callers), a.callers["0"] != nil)
	}
}

func TestAwake(t *testing.T) {
	at := func(s int) time.Time { return epoch().Add(time.Duration(s) * time.Second) }
	a := awake{sleep: time.Minute}
	for i, step := range []struct {
		do   func()
		rest int
		want bool
	}{
		{func() { a.wake(at(0)) }, 59, true},
		{func() {}, 60, false},
		{func() { a.wake(at(70)); a.call(true, at(70)) }, 1000, true}, // not during a call
		{func() { a.call(false, at(1000)) }, 1059, true},
		{func() {}, 1060, false},
		{func() { a.set(true, at(1100)) }, 1150, true},
		{func() { a.set(false, at(1155)) }, 1156, false},
	} {
		step.do()
		a.rest(at(step.rest))
		if a.on != step.want {
			t.Errorf("step %d: on is %v", i, a.on)
		}
	}
	never := awake{}
	never.wake(at(0))
	never.rest(at(1e6))
	if !never.on {
		t.Error("the light sleeps without being told to")
	}
}

func TestStage(t *testing.T) {
	now := epoch()
	ringing := Status{Call: CallRinging, Remote: "601"}
	for _, tc := range []struct {
		name   string
		clock  clockStyle
		status Status
		text   Text
		after  time.Duration // since the text
		lines  string
		label  string
		until  time.Duration // after now; -1 = never
	}{
		{"the clock", clock24, Status{}, Text{}, 0, "12:34", "", 10 * time.Second},
		{"the clock of twelve hours", clock12, Status{}, Text{}, 0, "12:34", "", 10 * time.Second},
		{"no clock", clockOff, Status{}, Text{}, 0, "", "", -1},
		{"a ring", clock24, ringing, Text{}, 0, "RING|601", "RING 601", -1},
		{"a ring without a number", clock24, Status{Call: CallRinging}, Text{}, 0, "RING", "RING", -1},
		{"a call out", clock24, Status{Call: CallDialing, Remote: "602"}, Text{}, 0, "DIAL|602", "DIAL 602", -1},
		{"a call", clock24, Status{Call: CallActive, Remote: "602", Since: now.Add(-83500 * time.Millisecond)}, Text{}, 0, "1:23", "CALL 602", 500 * time.Millisecond},
		{"a long call", clock24, Status{Call: CallActive, Since: now.Add(-3723 * time.Second)}, Text{}, 0, "1:02:03", "CALL", time.Second},
		{"a call from the future", clock24, Status{Call: CallActive, Since: now.Add(time.Hour)}, Text{}, 0, "0:00", "CALL", time.Second},
		{"no line", clock24, Status{Unregistered: true}, Text{}, 0, "NOT REGISTERED", "NOT REGISTERED", -1},
		{"a call without a line", clock24, Status{Unregistered: true, Call: CallActive, Since: now}, Text{}, 0, "0:00", "CALL", time.Second},
		{"a text", clock24, Status{Unregistered: true}, Text{Text: "hello"}, time.Hour, "hello", "hello", -1},
		{"a text, but it rings", clock24, ringing, Text{Text: "hello"}, 0, "RING|601", "RING 601", -1},
		{"a text for seconds, and it rings", clock24, ringing, Text{Text: "hello", For: 5 * time.Second}, 4 * time.Second, "hello", "hello", time.Second},
		{"a text whose seconds are over", clock24, ringing, Text{Text: "hello", For: 5 * time.Second}, 5 * time.Second, "RING|601", "RING 601", -1},
		{"no text for seconds", clock24, Status{}, Text{For: 5 * time.Second}, 0, "12:34", "", 10 * time.Second},
	} {
		s := stage{clock: tc.clock, status: tc.status}
		s.show(tc.text, now.Add(-tc.after))
		scene := s.scene(now)
		until := time.Duration(-1)
		if !scene.until.IsZero() {
			until = scene.until.Sub(now)
		}
		if strings.Join(scene.lines, "|") != tc.lines || scene.label != tc.label || until != tc.until {
			t.Errorf("%s: %q, label %q, until %v", tc.name, scene.lines, scene.label, until)
		}
	}
	afternoon := stage{clock: clock12}
	if got := afternoon.scene(now.Add(3 * time.Hour)).lines[0]; got != "3:34" {
		t.Errorf("clock of twelve hours: %s", got)
	}
}

// When the wall clock is set back, the display shows the new time within a minute: the next scene is due by the monotonic clock.
func TestClockIsDueByTheMonotonicClock(t *testing.T) {
	now := time.Now()
	s := stage{clock: clock24}
	next := s.scene(now).until
	if !strings.Contains(next.String(), " m=") || next.Sub(now) > time.Minute || next.Second() != 0 || next.Nanosecond() != 0 {
		t.Errorf("at %v the next scene is due at %v", now, next)
	}
}

func TestSceneOnDisplays(t *testing.T) {
	sim, err := display.NewSim(32, 8, nil)
	if err != nil {
		t.Fatal(err)
	}
	row, err := display.NewRaster(sim, font.Proportional(), 1, display.Tempo{Every: time.Second, Units: 1})
	if err != nil {
		t.Fatal(err)
	}
	lcd, err := display.NewHD44780(hwtest.NewLCD(0x27, 16, 2), 0x27, 16, 2, func(time.Duration) {})
	if err != nil {
		t.Fatal(err)
	}
	s := stage{clock: clock24, status: Status{Call: CallActive, Remote: "602", Since: epoch()}}
	talking := s.scene(epoch())
	for _, tc := range []struct {
		scene scene
		on    display.Display
		rows  string
		moves bool
	}{
		{talking, row, "0:00", false},
		{talking, lcd, "0:00|602", false},
		{named("RING", "grandmother"), row, "RING grandmother", true},
		{scene{lines: []string{"grandmother"}, scroll: ScrollNever}, row, "grandmother", false},
		{scene{lines: []string{"hi"}, scroll: ScrollOn}, row, "hi", true},
	} {
		view, moves := tc.scene.rows(tc.on)
		if strings.Join(view.Rows, "|") != tc.rows || moves != tc.moves {
			t.Errorf("%v: %q, moves %v", tc.scene, view.Rows, moves)
		}
	}
}

// FuzzPress plays random contacts: a byte is the time in milliseconds until the contact changes.
func FuzzPress(f *testing.F) {
	f.Add([]byte{10, 1, 1, 100, 1, 2, 3, 250, 250})
	f.Fuzz(func(t *testing.T, gaps []byte) {
		var trace hwtest.Trace
		var longest time.Duration
		for i, gap := range gaps {
			d := time.Duration(gap) * time.Millisecond
			if i%2 == 1 {
				longest = max(longest, d) // closed for so long
			}
			trace.Length += d
			trace.Edges = append(trace.Edges, hwtest.Edge{At: trace.Length, Closed: i%2 == 0})
		}
		if len(gaps)%2 == 1 {
			trace.Edges = append(trace.Edges, hwtest.Edge{At: trace.Length})
		}
		trace.Length += 100 * time.Millisecond
		var last time.Duration
		for _, gesture := range play(newPress(), trace) {
			kind, text, _ := strings.Cut(gesture, " ")
			at, err := time.ParseDuration(text)
			if err != nil {
				t.Fatal(err)
			}
			if longest < 30*time.Millisecond {
				t.Fatalf("a contact that was never closed for 30 ms: %s", gesture)
			}
			if kind == "short" && last > 0 && at-last < 200*time.Millisecond {
				t.Fatalf("two presses %v apart", at-last)
			}
			if kind == "short" {
				last = at
			}
		}
	})
}
