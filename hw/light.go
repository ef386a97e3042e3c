package hw

import (
	"context"
	"fmt"
	"time"
)

// light is the backlight and the goroutine that owns it.
type light struct {
	spec   lightSpec
	lamp   lamp
	emit   func(Event)
	calls  chan call
	status chan Status   // holds the newest one
	poke   chan struct{} // a button was pressed
	awake  awake
	on     bool  // what the lamp was last told
	failed error // why it does not work
}

func newLight(spec lightSpec, emit func(Event)) *light {
	return &light{
		spec: spec, emit: emit,
		calls: make(chan call), status: make(chan Status, 1), poke: make(chan struct{}, 1),
		awake: awake{sleep: spec.sleep},
	}
}

// open finds the lamp. One that does not say what it is doing is switched on.
func (l *light) open(ctx context.Context, c Config) error {
	lamp, err := l.spec.open(c)
	if err != nil {
		return fmt.Errorf("%s=%q: %w", varBacklight, l.spec.value, err)
	}
	on, known := lamp.lit()
	if !known {
		on = true
		if err := lamp.set(ctx, on); err != nil {
			return fmt.Errorf("%s=%q: %w", varBacklight, l.spec.value, err)
		}
	}
	l.lamp = lamp
	l.on = on
	l.awake.set(on, time.Now())
	return nil
}

// find opens the lamp again and again until that works; false means that ctx has ended.
func (l *light) find(ctx context.Context, c Config) bool {
	retry := firstRetry
	timer := time.NewTimer(retry)
	defer timer.Stop()
	for l.lamp == nil {
		select {
		case call := <-l.calls:
			call(ctx, time.Now())
		case status := <-l.status:
			l.awake.call(status.Call != CallIdle, time.Now())
		case <-l.poke:
		case <-timer.C:
			l.report(l.open(ctx, c))
			retry = min(2*retry, longestRetry)
			timer.Reset(retry)
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// run switches the lamp until ctx ends, and leaves it as it is.
func (l *light) run(ctx context.Context, c Config) {
	if !l.find(ctx, c) {
		return
	}
	l.emit(BacklightState{l.on})
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Stop()
		if due, ok := l.awake.due(); ok {
			timer.Reset(time.Until(due))
		}
		select {
		case call := <-l.calls:
			call(ctx, time.Now())
		case status := <-l.status:
			l.take(ctx, status, time.Now())
		case <-l.poke:
			l.wakeUp(ctx, time.Now())
		case now := <-timer.C:
			l.awake.rest(now)
		case <-ctx.Done():
			return
		}
		if l.awake.on != l.on {
			_ = l.apply(ctx) // a failure is told by a Fault
		}
	}
}

// take wakes the light for a call that begins to ring or is dialled.
func (l *light) take(ctx context.Context, status Status, now time.Time) {
	busy := status.Call != CallIdle
	if busy && !l.awake.busy {
		l.wakeUp(ctx, now)
	}
	l.awake.call(busy, now)
}

func (l *light) wakeUp(ctx context.Context, now time.Time) {
	if l.spec.wake {
		l.awake.wake(now)
		_ = l.apply(ctx) // a failure is told by a Fault
	}
}

// set switches the light because someone asked for it.
func (l *light) set(ctx context.Context, on bool, now time.Time) error {
	if l.lamp == nil {
		return l.failed
	}
	l.awake.set(on, now)
	return l.apply(ctx)
}

// apply tells the lamp what it is to do, also when it should be so already: something else may have switched it. What
// fails is not tried again by itself: the machine takes the lamp's state.
func (l *light) apply(ctx context.Context) error {
	err := l.lamp.set(ctx, l.awake.on)
	if ctx.Err() == nil {
		l.report(err)
	}
	if err != nil {
		l.awake.on = l.on
		return fmt.Errorf("switch backlight: %w", err)
	}
	if l.on != l.awake.on {
		l.on = l.awake.on
		l.emit(BacklightState{l.on})
	}
	return nil
}

// report tells when the lamp fails and when it works again.
func (l *light) report(err error) {
	if (err == nil) != (l.failed == nil) {
		l.emit(Fault{Part: "backlight", Err: err})
	}
	l.failed = err
}

// show leaves a status for the goroutine and never waits.
func (l *light) show(status Status) { leave(l.status, status) }

// touch tells that a button was pressed, and never waits.
func (l *light) touch() { leave(l.poke, struct{}{}) }
