package hw

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// poll is the longest time between two looks at a contact, and so how long stopping may take.
const poll = 250 * time.Millisecond

// button is one doorbell button: a contact, or only a name that is pressed by topic.
type button struct {
	spec buttonSpec
	pin  gpio.PinIn // nil for sim
	emit func(Event)

	mu    sync.Mutex // guards following
	press press
}

func newButton(spec buttonSpec, emit func(Event)) *button {
	return &button{
		spec: spec, emit: emit,
		press: press{debounce: spec.debounce, long: spec.long, quiet: spec.quiet},
	}
}

// open takes the pin.
func (b *button) open(board Board) error {
	if b.spec.pin.sim() {
		return nil
	}
	pin, err := board.Pin(b.spec.pin.name)
	if err == nil {
		err = explain(pin.In(b.spec.pin.pull, gpio.BothEdges), "gpio")
		if saysErrno(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
			err = fmt.Errorf("%w (a chip without resistors of its own needs pull=none)", err)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: pin %s: %w", varDoorbell, b.spec.pin.name, err)
	}
	b.pin = pin
	return nil
}

// close gives the pin back, where that is possible.
func (b *button) close() {
	if b.pin == nil {
		return
	}
	_ = b.pin.Halt() // there is nobody left to tell
	if c, ok := b.pin.(interface{ Close() }); ok {
		c.Close()
	}
}

// run watches the contact until ctx ends. It never waits for an edge without an end, because drivers do not agree
// on what that is, and it sleeps where a driver does not wait at all.
func (b *button) run(ctx context.Context) {
	if b.pin == nil {
		<-ctx.Done()
		return
	}
	b.sample(b.pin.Read())
	for ctx.Err() == nil {
		b.mu.Lock()
		begin := time.Now()
		wait := b.press.wait(begin, poll)
		b.mu.Unlock()

		edge := b.pin.WaitForEdge(wait)
		if rest := wait - time.Since(begin); !edge && rest > wait/2 {
			sleep(ctx, rest)
		}
		if ctx.Err() == nil {
			b.sample(b.pin.Read())
		}
	}
}

func (b *button) sample(l gpio.Level) {
	now := time.Now()
	b.mu.Lock()
	gesture := b.press.sample(l == b.spec.pin.level(true), now)
	b.mu.Unlock()
	if gesture != gestureNone {
		b.emit(Pressed{Button: b.spec.name, Long: gesture == gestureLong, At: now})
	}
}

// ring is a press without a finger.
func (b *button) ring() error {
	now := time.Now()
	b.mu.Lock()
	counts := b.press.ring(now)
	b.mu.Unlock()
	if !counts {
		return ErrTooSoon
	}
	b.emit(Pressed{Button: b.spec.name, At: now})
	return nil
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
