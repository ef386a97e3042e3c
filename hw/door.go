package hw

import (
	"context"
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// offRetry is how soon switching the relay off is tried again.
const offRetry = 100 * time.Millisecond

// door is the relay and the goroutine that owns it.
type door struct {
	spec  pinSpec
	pulse pulse
	pin   gpio.PinOut // nil for sim
	emit  func(Event)
	calls chan call

	stuck bool // the relay could not be switched off
}

func newDoor(spec pinSpec, length time.Duration, emit func(Event)) *door {
	return &door{spec: spec, pulse: pulse{length: length}, emit: emit, calls: make(chan call)}
}

// open takes the pin and switches the relay off.
func (d *door) open(board Board) error {
	if !d.spec.sim() {
		pin, err := board.Pin(d.spec.name)
		if err != nil {
			return fmt.Errorf("%s: pin %s: %w", varDoor, d.spec.name, err)
		}
		d.pin = pin
	}
	if err := d.set(false); err != nil {
		return fmt.Errorf("%s: pin %s: %w", varDoor, d.spec.name, explain(err, "gpio"))
	}
	return nil
}

func (d *door) set(on bool) error {
	if d.pin == nil {
		return nil
	}
	return d.pin.Out(d.spec.level(on))
}

// run owns the relay until ctx ends, and leaves it off.
func (d *door) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	d.emit(DoorState{Unlocked: false})
	for {
		switch {
		case d.stuck:
			timer.Reset(offRetry)
		case d.pulse.on:
			timer.Reset(time.Until(d.pulse.until))
		default:
			timer.Stop()
		}
		select {
		case call := <-d.calls:
			call(ctx, time.Now())
		case now := <-timer.C:
			if d.stuck || d.pulse.over(now) {
				d.close()
			}
		case <-ctx.Done():
			for try := 0; try < 10 && (d.pulse.on || d.stuck); try++ {
				if d.close(); d.stuck {
					time.Sleep(offRetry / 10)
				}
			}
			return
		}
	}
}

// unlock switches the relay on. During a pulse the door is open already, and nothing is switched.
func (d *door) unlock(now time.Time) error {
	if d.stuck {
		return ErrRelay
	}
	if !d.pulse.unlock(now) {
		return nil
	}
	if err := d.set(true); err != nil {
		d.pulse.lock()
		d.off()
		d.emit(Fault{Part: "door", Err: fmt.Errorf("switch relay on: %w", err)})
		return fmt.Errorf("switch relay on: %w", err)
	}
	d.emit(DoorState{Unlocked: true})
	return nil
}

// close ends a pulse.
func (d *door) close() {
	was := d.pulse.lock() || d.stuck
	d.off()
	if was && !d.stuck {
		d.emit(DoorState{Unlocked: false})
	}
}

// off switches the relay off and remembers if that has failed.
func (d *door) off() {
	err := d.set(false)
	switch {
	case err != nil && !d.stuck:
		d.emit(Fault{Part: "door", Err: fmt.Errorf("switch relay off: %w", err)})
	case err == nil && d.stuck:
		d.emit(Fault{Part: "door"})
	}
	d.stuck = err != nil
}
