package hw

import (
	"context"
	"fmt"
	"image"
	"image/png"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"housephone/hw/display"
)

// Panel is the hardware of one door station. Its methods may be called from several goroutines; those of parts that are
// not set up answer ErrNotFitted. They wait until Run serves them, their context ends, or Run has ended.
type Panel struct {
	config  Config
	log     *slog.Logger
	events  chan Event
	dropped atomic.Uint64
	stopped chan struct{}

	buttons []*button
	door    *door
	access  *access
	screen  *screen
	light   *light
}

// New makes a panel without touching hardware. It reads the codes file. Errors are ConfigErrors, or name the file.
func New(c Config) (*Panel, error) {
	plan, err := c.plan()
	if err != nil {
		return nil, err
	}
	if c.Board == nil {
		c.Board = thisMachine{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	p := &Panel{config: c, log: c.Log, events: make(chan Event, 64), stopped: make(chan struct{})}
	for _, spec := range plan.buttons {
		p.buttons = append(p.buttons, newButton(spec, p.pressed))
	}
	if plan.door.name != "" {
		p.door = newDoor(plan.door, plan.pulse, p.emit)
	}
	if c.DoorCodesFile != "" {
		p.access = &access{path: c.DoorCodesFile, log: c.Log}
		if err := p.access.load(); err != nil {
			return nil, ConfigError{varCodes, c.DoorCodesFile, err.Error(), "a file with lines of: name $argon2id$... [from=] [days=] [hours=]"}
		}
	}
	if plan.display.open != nil {
		p.screen = newScreen(plan.display, p.emit, c.Log)
	}
	if plan.light.value != "" {
		p.light = newLight(plan.light, p.emit)
	}
	return p, nil
}

// Run opens the hardware and serves it until ctx ends; then it leaves the relay off and the display dark and answers
// nil. A button or a door that cannot be opened ends it at once, with an error that names the variable. A display or a
// backlight that cannot is told as a Fault and tried again, because bell and door matter more. It runs once.
func (p *Panel) Run(ctx context.Context) error {
	defer close(p.stopped)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer p.close()
	if err := p.open(ctx); err != nil {
		return err
	}
	var parts sync.WaitGroup
	for _, b := range p.buttons {
		parts.Go(func() { b.run(ctx) })
	}
	if p.door != nil {
		parts.Go(func() { p.door.run(ctx) })
	}
	if p.screen != nil {
		parts.Go(func() { p.screen.run(ctx, p.config) })
	}
	if p.light != nil {
		parts.Go(func() { p.light.run(ctx, p.config) })
	}
	parts.Wait()
	return nil
}

// open begins with the door, so that the relay is off before anything else can fail.
func (p *Panel) open(ctx context.Context) error {
	if p.door != nil {
		if err := p.door.open(p.config.Board); err != nil {
			return err
		}
	}
	for _, b := range p.buttons {
		if err := b.open(p.config.Board); err != nil {
			return err
		}
	}
	if p.screen != nil {
		p.screen.report(p.screen.open(p.config))
	}
	if p.light != nil {
		p.light.report(p.light.open(ctx, p.config))
	}
	return nil
}

func (p *Panel) close() {
	for _, b := range p.buttons {
		b.close()
	}
	if p.screen != nil {
		p.screen.close()
	}
}

// Events is where everything that happens is told.
func (p *Panel) Events() <-chan Event { return p.events }

// Dropped is how many events were lost because nobody read them.
func (p *Panel) Dropped() uint64 { return p.dropped.Load() }

func (p *Panel) emit(e Event) {
	if fault, ok := e.(Fault); ok {
		if fault.Err != nil {
			p.log.Error("hardware fails", "part", fault.Part, "err", fault.Err)
		} else {
			p.log.Info("hardware works again", "part", fault.Part)
		}
	}
	select {
	case p.events <- e:
	default:
		if p.dropped.Add(1) == 1 {
			p.log.Error("hardware events are lost because nobody reads them")
		}
	}
}

// pressed also wakes the light.
func (p *Panel) pressed(e Event) {
	if p.light != nil {
		p.light.touch()
	}
	p.emit(e)
}

// Buttons are the names of the doorbell buttons, "" for the only one without a name.
func (p *Panel) Buttons() []string {
	var names []string
	for _, b := range p.buttons {
		names = append(names, b.spec.name)
	}
	return names
}

// Press does what a short press of the button does. With an empty name it is the first one. It answers ErrTooSoon
// right after another press.
func (p *Panel) Press(name string) error {
	if len(p.buttons) == 0 {
		return fmt.Errorf("doorbell: %w", ErrNotFitted)
	}
	for i, b := range p.buttons {
		if b.spec.name == name || name == "" && i == 0 {
			return b.ring()
		}
	}
	return fmt.Errorf("%q: %w", name, ErrNoButton)
}

// Unlock opens the door for the length of a pulse. By is who asked, in words. During a pulse the door stays open as
// long as it would have, and the answer is nil. Every call is told as a DoorAccess.
func (p *Panel) Unlock(ctx context.Context, by string, how How) error {
	return p.unlock(ctx, DoorAccess{By: by, How: how})
}

func (p *Panel) unlock(ctx context.Context, record DoorAccess) error {
	if p.door == nil {
		return fmt.Errorf("door: %w", ErrNotFitted)
	}
	return p.do(ctx, p.door.calls, func(_ context.Context, now time.Time) error {
		err := p.door.unlock(now)
		record.Opened, record.Reason, record.At = err == nil, reason(err), now
		p.emit(record)
		return err
	})
}

// Lock ends a pulse at once. Outside of one it does nothing.
func (p *Panel) Lock(ctx context.Context) error {
	if p.door == nil {
		return fmt.Errorf("door: %w", ErrNotFitted)
	}
	return p.do(ctx, p.door.calls, func(context.Context, time.Time) error {
		p.door.close()
		if p.door.stuck {
			return ErrRelay
		}
		return nil
	})
}

// UnlockByCode opens the door if the code is valid for the caller at this hour, and answers whose it is. It refuses with
// ErrWrongCode, ErrNotNow, ErrNotFromHere, ErrNoCodes, ErrCheckBusy or a LockedOutError. Every attempt is told as a
// DoorAccess. Working out the hashes takes a fraction of a second.
//
// The caller of this method vouches for the origin: keys that were sent as telephone events or in a SIP message by the
// person whose address is given, not tones heard in the sound, and not those of the visitor at the door.
func (p *Panel) UnlockByCode(ctx context.Context, attempt Attempt) (who string, err error) {
	if p.door == nil {
		return "", fmt.Errorf("door: %w", ErrNotFitted)
	}
	if p.access == nil {
		return "", ErrNoCodes
	}
	who, err = p.access.check(attempt, time.Now())
	record := DoorAccess{By: who, From: attempt.From, How: attempt.How}
	if err != nil {
		record.Reason, record.At = reason(err), time.Now()
		p.emit(record)
		return who, err
	}
	return who, p.unlock(ctx, record)
}

// ShowText puts a text on the display and answers when it stands there, or when a call that goes first does.
func (p *Panel) ShowText(ctx context.Context, t Text) error {
	if p.screen == nil {
		return fmt.Errorf("display: %w", ErrNotFitted)
	}
	if utf8.RuneCountInString(t.Text) > MaxText {
		return fmt.Errorf("%w: %d characters at most", ErrTooLong, MaxText)
	}
	return p.do(ctx, p.screen.calls, func(_ context.Context, now time.Time) error { return p.screen.text(t, now) })
}

// SetBrightness sets the display's level from 0 to 15.
func (p *Panel) SetBrightness(ctx context.Context, level int) error {
	if p.screen == nil {
		return fmt.Errorf("display: %w", ErrNotFitted)
	}
	if level < 0 || level > display.MaxBrightness {
		return fmt.Errorf("brightness %d: %w, 0 to %d are possible", level, ErrOutOfRange, display.MaxBrightness)
	}
	return p.do(ctx, p.screen.calls, func(context.Context, time.Time) error { return p.screen.brightness(level) })
}

// WriteDisplayPNG writes a picture of what the display shows.
func (p *Panel) WriteDisplayPNG(ctx context.Context, w io.Writer) error {
	if p.screen == nil {
		return fmt.Errorf("display: %w", ErrNotFitted)
	}
	var picture image.Image
	err := p.do(ctx, p.screen.calls, func(context.Context, time.Time) error {
		if p.screen.display == nil {
			return p.screen.failed
		}
		picture = p.screen.display.Image()
		return nil
	})
	if err != nil {
		return err
	}
	return png.Encode(w, picture)
}

// SetBacklight switches the light.
func (p *Panel) SetBacklight(ctx context.Context, on bool) error {
	if p.light == nil {
		return fmt.Errorf("backlight: %w", ErrNotFitted)
	}
	return p.do(ctx, p.light.calls, func(ctx context.Context, now time.Time) error { return p.light.set(ctx, on, now) })
}

// ShowStatus says what the line is doing, for the display and the light. It never waits; of several statuses that come
// faster than they are shown the newest counts.
func (p *Panel) ShowStatus(status Status) {
	if p.screen != nil {
		p.screen.show(status)
	}
	if p.light != nil {
		p.light.show(status)
	}
}

// call is something that the goroutine of a part does, with the context of Run.
type call func(ctx context.Context, now time.Time)

// do has f called by the goroutine that owns a part, and answers what f does.
func (p *Panel) do(ctx context.Context, calls chan<- call, f func(ctx context.Context, now time.Time) error) error {
	answer := make(chan error, 1)
	select {
	case calls <- func(ctx context.Context, now time.Time) { answer <- f(ctx, now) }:
		return <-answer
	case <-ctx.Done():
		return ctx.Err()
	case <-p.stopped:
		return ErrStopped
	}
}
