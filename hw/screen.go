package hw

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"housephone/hw/display"
)

// MaxText is how many characters a text for the display may have.
const MaxText = 1024

// How the display moves: a long text stands still for hold before it scrolls; what does not move is sent again every
// refresh, for chips that lost their state; after an error the display is tried again after a time that doubles.
const (
	hold         = time.Second
	refresh      = 5 * time.Second
	firstRetry   = time.Second
	longestRetry = 30 * time.Second
)

// screen is the display and the goroutine that owns it.
type screen struct {
	spec    displaySpec
	log     *slog.Logger
	emit    func(Event)
	display display.Display
	free    func() error // gives the bus back
	calls   chan call
	status  chan Status // holds the newest one

	stage  stage
	view   display.View
	moves  bool
	label  string
	ends   time.Time // of the scene
	next   time.Time // when something is to be sent
	retry  time.Duration
	failed error
}

func newScreen(spec displaySpec, emit func(Event), log *slog.Logger) *screen {
	return &screen{
		spec: spec, log: log, emit: emit,
		calls: make(chan call), status: make(chan Status, 1),
		stage: stage{clock: spec.clock},
	}
}

// open starts the display.
func (s *screen) open(c Config) error {
	d, free, err := s.spec.open(c)
	if err != nil {
		return fmt.Errorf("%s=%q: %w", varDisplay, s.spec.value, err)
	}
	if err := d.SetBrightness(s.spec.brightness); err != nil {
		return closing(free, fmt.Errorf("%s=%q: %w", varDisplay, s.spec.value, err))
	}
	s.display, s.free = d, free
	s.log.Info("display found", "display", d.String())
	return nil
}

// close leaves the display dark.
func (s *screen) close() {
	if s.display == nil {
		return
	}
	if err := s.display.Halt(); err != nil {
		s.log.Warn("display stays on", "err", err)
	}
	if err := s.free(); err != nil {
		s.log.Warn("bus of the display stays open", "err", err)
	}
}

// find opens the display again and again until that works; false means that ctx has ended.
func (s *screen) find(ctx context.Context, c Config) bool {
	retry := firstRetry
	timer := time.NewTimer(retry)
	defer timer.Stop()
	for s.display == nil {
		select {
		case call := <-s.calls:
			call(ctx, time.Now())
		case s.stage.status = <-s.status:
		case <-timer.C:
			s.report(s.open(c))
			retry = min(2*retry, longestRetry)
			timer.Reset(retry)
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// run draws until ctx ends.
func (s *screen) run(ctx context.Context, c Config) {
	s.emit(DisplayBrightness{s.spec.brightness})
	s.emit(DisplayText{})
	if !s.find(ctx, c) {
		return
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	s.change(time.Now())
	for {
		timer.Reset(time.Until(s.due()))
		select {
		case call := <-s.calls:
			call(ctx, time.Now())
		case status := <-s.status:
			s.stage.status = status
			s.change(time.Now())
		case now := <-timer.C:
			s.step(now)
		case <-ctx.Done():
			return
		}
	}
}

// due is when step has something to do.
func (s *screen) due() time.Time {
	if !s.ends.IsZero() && s.ends.Before(s.next) {
		return s.ends
	}
	return s.next
}

// step goes on to the next scene, or to the next moment of this one.
func (s *screen) step(now time.Time) {
	if !s.ends.IsZero() && !now.Before(s.ends) {
		s.change(now)
		return
	}
	if s.moves && s.failed == nil {
		s.view.Offset += s.display.Geometry().Tempo.Units
	}
	s.draw(now)
}

// change shows the scene of now. A text that moves goes on moving when only the time in it has changed.
func (s *screen) change(now time.Time) {
	scene := s.stage.scene(now)
	view, moves := scene.rows(s.display)
	if scene.label == s.label && moves && s.moves {
		view.Offset = s.view.Offset
	}
	same := slices.Equal(view.Rows, s.view.Rows) && view.Still == s.view.Still && view.Moving == s.view.Moving
	s.ends = scene.until
	if scene.label != s.label {
		s.label = scene.label
		s.emit(DisplayText{s.label})
	}
	if same && !s.next.IsZero() {
		return
	}
	s.view, s.moves = view, moves
	s.draw(now)
}

// draw sends the view and sets the time of the next one.
func (s *screen) draw(now time.Time) {
	err := s.display.Show(s.view)
	switch {
	case err != nil:
		s.retry = min(max(firstRetry, 2*s.retry), longestRetry)
		s.next = now.Add(s.retry)
	case !s.moves:
		s.next = now.Add(refresh)
	case s.view.Offset == 0:
		s.next = now.Add(hold)
	default:
		s.next = now.Add(s.display.Geometry().Tempo.Every)
	}
	s.report(err)
}

// report tells when the display fails and when it works again.
func (s *screen) report(err error) {
	if (err == nil) != (s.failed == nil) {
		s.emit(Fault{Part: "display", Err: err})
	}
	if err == nil {
		s.retry = 0
	}
	s.failed = err
}

// text takes a text; the error is that of the display.
func (s *screen) text(t Text, now time.Time) error {
	s.stage.show(t, now)
	if s.display == nil {
		return s.failed
	}
	s.view = display.View{} // the same text begins anew
	s.next = time.Time{}
	s.change(now)
	return s.failed
}

func (s *screen) brightness(level int) error {
	if s.display == nil {
		return s.failed
	}
	if err := s.display.SetBrightness(level); err != nil {
		return err
	}
	s.emit(DisplayBrightness{level})
	return nil
}

// show leaves a status for the goroutine and never waits.
func (s *screen) show(status Status) { leave(s.status, status) }

// leave puts v into a channel of one place, instead of what may be there.
func leave[T any](c chan T, v T) {
	for {
		select {
		case c <- v:
			return
		default:
		}
		select {
		case <-c:
		default:
		}
	}
}
