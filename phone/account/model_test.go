package account

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"
)

// model plays owner, network and registrar with random behaviour, and checks after each step
// what must always hold.
type model struct {
	t   *testing.T
	r   *rand.Rand
	m   *Machine
	now time.Time

	out      pending   // what we still have to answer
	answerBy time.Time // when we do
	shown    State     // the last one told
	starts   []time.Time
	ended    time.Time // when the last request ended
	stopped  time.Time // when Stop was called, zero while started
	boundTo  time.Time // when the binding ends, as the registrar sees it
	refused  int
}

func TestModel(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 1))
		m, err := New(Config{Rand: r.Float64})
		if err != nil {
			t.Fatal(err)
		}
		w := &model{t: t, r: r, m: m, now: epoch(), shown: m.State()}
		for range 1500 {
			w.step()
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
	}
}

// step lets time pass to the next thing that happens and does it.
func (w *model) step() {
	if w.r.IntN(8) == 0 {
		w.disturb()
		return
	}
	timer := w.m.NextTimer()
	switch {
	case w.out != none && (timer.IsZero() || !w.answerBy.After(timer)):
		w.now = later(w.now, w.answerBy)
		w.answer()
	case !timer.IsZero():
		w.now = later(w.now, timer)
		w.carry(w.m.Tick(w.now))
		w.progress()
	default:
		w.now = w.now.Add(time.Second)
		w.stopped = time.Time{}
		w.carry(w.m.Start(w.now))
	}
}

// progress: a tick leaves nothing that is due at the same moment for ever.
func (w *model) progress() {
	for range 5 {
		next := w.m.NextTimer()
		if next.IsZero() || next.After(w.now) {
			return
		}
		w.carry(w.m.Tick(w.now))
	}
	w.t.Errorf("spins at %v", w.now)
}

// disturb is an input out of turn, at a random moment before the next thing due.
func (w *model) disturb() {
	if timer := w.m.NextTimer(); timer.After(w.now) {
		at := w.now.Add(time.Duration(w.r.Int64N(int64(timer.Sub(w.now)))))
		if w.out == none || at.Before(w.answerBy) {
			w.now = at
		}
	}
	switch w.r.IntN(10) {
	case 0, 1, 2:
		w.carry(w.m.Kick(w.now))
	case 3, 4, 5:
		w.carry(w.m.Lost(w.now))
	case 6, 7:
		w.carry(w.m.Pong(w.now))
	case 8:
		w.stopped = time.Time{}
		w.carry(w.m.Start(w.now))
	case 9:
		if w.stopped.IsZero() {
			w.stopped = w.now
		}
		w.carry(w.m.Stop(w.now))
	}
}

// answer ends the pending request.
func (w *model) answer() {
	was := w.out
	w.out, w.ended = none, w.now
	switch n := w.r.IntN(20); {
	case n < 9:
		granted := time.Duration(w.r.IntN(4000)) * time.Second
		w.boundTo = time.Time{}
		if was == register {
			w.boundTo = w.now.Add(max(granted, minGranted))
			if granted == 0 {
				w.boundTo = w.now.Add(w.m.ask)
			}
			w.refused = 0
		}
		w.carry(w.m.Response(w.now, Response{Code: 200, Reason: "OK", Expires: granted}))
	case n < 12:
		w.carry(w.m.Timeout(w.now))
	case n < 14:
		w.carry(w.m.TransportError(w.now, errors.New("unreachable")))
	case n < 15:
		w.carry(w.m.Response(w.now, Response{Code: 423, MinExpires: time.Duration(w.r.IntN(7200)) * time.Second}))
	case n < 17:
		if was == register {
			w.refused++
		}
		w.carry(w.m.Response(w.now, Response{Code: 403}))
	default:
		w.carry(w.m.Response(w.now, Response{Code: 300 + w.r.IntN(400), RetryAfter: time.Duration(w.r.IntN(2)*w.r.IntN(3600)) * time.Second}))
	}
}

// carry takes the actions and checks them and the state.
func (w *model) carry(actions []Action) {
	w.t.Helper()
	for _, a := range actions {
		switch a := a.(type) {
		case Register:
			w.request(register)
			w.starts = append(w.starts, w.now)
			if a.Expires < minGranted || a.Attempt < 1 {
				w.t.Errorf("%+v", a)
			}
		case Unregister:
			w.request(unregister)
		case Ping:
			if !w.shown.Registered || w.out != none {
				w.t.Errorf("ping while %+v, pending %v", w.shown, w.out)
			}
		case State:
			if a == w.shown {
				w.t.Errorf("nothing new in %+v", a)
			}
			w.shown = a
			if a.Info.State == Stopped {
				w.out = none // given up
			}
		}
	}
	w.check()
}

func (w *model) request(p pending) {
	if w.out != none {
		w.t.Errorf("two requests under way at %v", w.now)
	}
	w.out = p
	w.answerBy = w.now.Add(time.Duration(w.r.Int64N(int64(32 * time.Second))))
}

func (w *model) check() {
	w.t.Helper()
	s := w.m.State()
	if s != w.shown {
		w.t.Errorf("state %+v was told as %+v", s, w.shown)
	}
	i := s.Info
	switch {
	case s.Registered != (i.State == Registered):
		w.t.Errorf("registered %v, but %+v", s.Registered, i)
	case s.Registered && (i.Expires <= 0 || i.Hint != "" || w.now.After(w.boundTo)):
		w.t.Errorf("registered until %v at %v: %+v", w.boundTo, w.now, i)
	case !s.Registered && i.Expires != 0:
		w.t.Errorf("not registered, expires in %v", i.Expires)
	case i.State == Failed && (i.Reason == "" || i.Hint == ""):
		w.t.Errorf("failure without words: %+v", i)
	case i.Since.After(w.now):
		w.t.Errorf("since %v, now %v", i.Since, w.now)
	}
	w.checkTimes()
}

func (w *model) checkTimes() {
	timer := w.m.NextTimer()
	if w.m.Done() {
		if w.out != none {
			w.t.Errorf("stopped, but %v is pending", w.out)
		}
		if !timer.IsZero() {
			w.t.Errorf("a stopped machine waits for %v", timer)
		}
		return
	}
	if !w.stopped.IsZero() && w.now.Sub(w.stopped) > 2*time.Second {
		w.t.Errorf("still stopping after %v", w.now.Sub(w.stopped))
	}
	if timer.IsZero() {
		w.t.Errorf("waits for nothing")
	}
	if w.out == none && w.stopped.IsZero() && !w.ended.IsZero() {
		const longest = 66 * time.Minute // refused credentials: an hour and its jitter; refreshes are shorter
		if quiet := w.now.Sub(w.ended); quiet > longest {
			w.t.Errorf("quiet for %v", quiet)
		}
		if w.refused < 2 && !w.shown.Registered && w.now.Sub(w.ended) > 11*time.Minute {
			w.t.Errorf("no try for %v: %+v", w.now.Sub(w.ended), w.shown)
		}
	}
	w.checkRate()
}

// checkRate: at most one REGISTER a second; each may be followed by two that obey a 423.
func (w *model) checkRate() {
	const window = 10
	if n := len(w.starts); n > 3*window {
		first := w.starts[n-3*window]
		if d := w.starts[n-1].Sub(first); d < (window-1)*time.Second {
			w.t.Errorf("%d REGISTERs in %v", 3*window, d)
		}
	}
}
