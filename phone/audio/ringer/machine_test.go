package ringer_test

import (
	"testing"
	"time"

	"housephone/phone/audio/ringer"
)

func TestMachine(t *testing.T) {
	line := func(l ringer.Line) func(*ringer.Machine, time.Time) {
		return func(m *ringer.Machine, now time.Time) { m.Show(ringer.State{Line: l}, now) }
	}
	ended := func(c ringer.Cause) func(*ringer.Machine, time.Time) {
		return func(m *ringer.Machine, now time.Time) { m.Show(ringer.State{Line: ringer.Ended, Cause: c}, now) }
	}
	key := func(m *ringer.Machine, now time.Time) { m.Key('5', now) }
	nothing := func(*ringer.Machine, time.Time) {}
	type step struct {
		after time.Duration
		do    func(*ringer.Machine, time.Time)
		want  ringer.Sound
	}
	const ms = time.Millisecond
	for name, steps := range map[string][]step{
		"a call comes in and is answered": {
			{0, line(ringer.Incoming), ringer.Ring}, {time.Hour, nothing, ringer.Ring}, {0, line(ringer.Active), ringer.Silence},
			{0, ended(ringer.Done), ringer.Silence}, {0, line(ringer.Idle), ringer.Silence},
		},
		"and goes away": {{0, line(ringer.Incoming), ringer.Ring}, {0, line(ringer.Idle), ringer.Silence}},
		"a call goes out and is answered": {
			{0, line(ringer.Dialling), ringer.Ringback}, {time.Hour, nothing, ringer.Ringback}, {0, line(ringer.Active), ringer.Silence},
		},
		"with early media": {
			{0, line(ringer.Dialling), ringer.Ringback}, {0, line(ringer.EarlyMedia), ringer.Silence},
			{0, ended(ringer.Failed), ringer.Congestion},
		},
		"busy for five seconds": {
			{0, line(ringer.Dialling), ringer.Ringback}, {0, ended(ringer.Busy), ringer.BusyTone},
			{4999 * ms, nothing, ringer.BusyTone}, {1 * ms, nothing, ringer.Silence}, {0, line(ringer.Idle), ringer.Silence},
		},
		"idle lets the tone end": {
			{0, ended(ringer.Failed), ringer.Congestion}, {0, line(ringer.Idle), ringer.Congestion}, {5 * time.Second, nothing, ringer.Silence},
		},
		"idle first": {{0, line(ringer.Active), ringer.Silence}, {0, line(ringer.Idle), ringer.Silence}, {0, ended(ringer.Busy), ringer.BusyTone}},
		"the next call ends the tone": {
			{0, ended(ringer.Busy), ringer.BusyTone}, {0, line(ringer.Incoming), ringer.Ring}, {time.Minute, nothing, ringer.Ring},
		},
		"told twice": {{0, ended(ringer.Busy), ringer.BusyTone}, {4 * time.Second, ended(ringer.Busy), ringer.BusyTone}, {1 * time.Second, nothing, ringer.Silence}},
		"key alone": {
			{0, key, ringer.Beep}, {99 * ms, nothing, ringer.Beep}, {301 * ms, nothing, ringer.Silence},
		},
		"key while it rings back": {
			{0, line(ringer.Dialling), ringer.Ringback}, {0, key, ringer.Beep}, {100 * ms, nothing, ringer.Ringback},
		},
		"key in a call": {{0, line(ringer.Active), ringer.Silence}, {0, key, ringer.Silence}},
		"a call has a loudspeaker open": {
			{0, func(m *ringer.Machine, _ time.Time) { m.Take(); m.Take() }, ringer.Silence}, {0, line(ringer.Incoming), ringer.Silence},
			{0, key, ringer.Silence}, {0, func(m *ringer.Machine, _ time.Time) { m.Free() }, ringer.Silence},
			{0, func(m *ringer.Machine, _ time.Time) { m.Free(); m.Free() }, ringer.Ring},
		},
		"the cause counts with the end only": {
			{0, func(m *ringer.Machine, now time.Time) {
				m.Show(ringer.State{Line: ringer.Active, Cause: ringer.Busy}, now)
			}, ringer.Silence},
		},
	} {
		var m ringer.Machine
		now := time.Unix(1000, 0)
		for i, s := range steps {
			now = now.Add(s.after)
			s.do(&m, now)
			if got := m.Now(now).Sound; got != s.want {
				t.Errorf("%s, step %d: sound %d, want %d", name, i, got, s.want)
			}
		}
	}
}

// A sound begins anew only when it is another one.
func TestTurns(t *testing.T) {
	var m ringer.Machine
	now := time.Unix(1000, 0)
	ring := func() uint64 {
		m.Show(ringer.State{Line: ringer.Incoming}, now)
		return m.Now(now).Turn
	}
	first := ring()
	if ring() != first {
		t.Error("the same state rings anew")
	}
	m.Show(ringer.State{}, now)
	if ring() == first {
		t.Error("the next call goes on with the last one's ring")
	}
	if !m.Key('1', now) {
		t.Error("no beep")
	}
	one := m.Now(now)
	m.Key('1', now)
	if two := m.Now(now); two.Turn == one.Turn || two.Key != '1' {
		t.Errorf("the key pressed again: %+v after %+v", two, one)
	}
}
