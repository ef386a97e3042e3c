package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// window is how many commands wait for their answers at a time: what a busy house sends at once, and less than any
// queue on the way holds.
const window = 32

// ready waits until a program carries out commands.
func (d *driver) ready(ctx context.Context, s *subject) error {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if _, err := d.mqtt.publish(s.command(0)); err != nil {
			return err
		}
		short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		_, err := d.mqtt.await(short, "readiness", s.answers)
		cancel()
		if err == nil {
			return nil
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
	return fmt.Errorf("%s carries out no command: %w", s.name, errTimeout)
}

// rate sends n commands and gives how many were carried out a second; all of them are.
func (d *driver) rate(ctx context.Context, s *subject, n int) (float64, error) {
	d.clear()
	start := time.Now()
	var last time.Time
	for sent, answered := 0, 0; answered < n; {
		for sent < n && sent-answered < window {
			if _, err := d.mqtt.publish(s.command(sent)); err != nil {
				return 0, err
			}
			sent++
		}
		m, err := d.mqtt.await(ctx, "an answer", s.answers)
		if err != nil {
			return 0, fmt.Errorf("%s, command %d: %w", s.name, answered, err)
		}
		answered++
		last = m.at
	}
	return float64(n) / last.Sub(start).Seconds(), nil
}
