package tones

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// ErrUnknown tells that a country, signal or key is not in the table.
var ErrUnknown = errors.New("unknown tone")

// Segment is a part of a cadence: up to four frequencies at once for a time.
// No frequency is silence.
type Segment struct {
	Hz [4]float64
	// Length of the segment; 0 means without end.
	Length time.Duration
}

// Tone is a cadence, played round and round or once.
type Tone struct {
	Segments []Segment
	Once     bool
	// Level of each frequency in dBFS, where 0 is a sine that reaches full scale.
	Level float64
	// Decay is the time in which a segment fades by 60 dB, like a bell; 0 holds
	// the level.
	Decay time.Duration
}

// Signal is what the line tells its user.
type Signal int

// The call progress tones of E.180.
const (
	Dial Signal = iota
	Ringback
	Busy
	Congestion
)

// String returns the name of the signal in the words of E.180.
func (s Signal) String() string {
	names := [...]string{"dial", "ringback", "busy", "congestion"}
	if s < 0 || int(s) >= len(names) {
		return fmt.Sprintf("signal %d", int(s))
	}
	return names[s]
}

// level of a call progress tone at the ear: E.180 section 6 wants it between
// that of quiet and of loud speech.
const level = -18

// Countries returns the codes that Progress knows, in order. "itu" is what E.180
// recommends.
func Countries() []string { return []string{"de", "fr", "gb", "it", "itu", "us"} }

// Progress returns a call progress tone of a country: "itu" (also for an empty
// code), "us", "gb" (or "uk"), "de", "fr", "it", in any case. The error is
// ErrUnknown.
func Progress(country string, s Signal) (Tone, error) {
	code := strings.ToLower(country)
	switch code {
	case "":
		code = "itu"
	case "uk":
		code = "gb"
	}
	if s < Dial || s > Congestion {
		return Tone{}, fmt.Errorf("%v: %w", s, ErrUnknown)
	}
	if !slices.Contains(Countries(), code) {
		return Tone{}, fmt.Errorf("country %q: %w", country, ErrUnknown)
	}
	return Tone{Segments: cadences()[code][s], Level: level}, nil
}

// cadences is the table of E.180 and its Supplement 2.
func cadences() map[string][4][]Segment {
	return map[string][4][]Segment{
		"itu": {
			Dial:       {on(0, 425)},
			Ringback:   {on(1000, 425), off(4000)},
			Busy:       {on(500, 425), off(500)},
			Congestion: {on(250, 425), off(250)},
		},
		"us": {
			Dial:       {on(0, 350, 440)},
			Ringback:   {on(2000, 440, 480), off(4000)},
			Busy:       {on(500, 480, 620), off(500)},
			Congestion: {on(250, 480, 620), off(250)},
		},
		"gb": {
			Dial:       {on(0, 350, 440)},
			Ringback:   {on(400, 400, 450), off(200), on(400, 400, 450), off(2000)},
			Busy:       {on(375, 400), off(375)},
			Congestion: {on(400, 400), off(350), on(225, 400), off(525)},
		},
		"de": {
			Dial:       {on(0, 425)},
			Ringback:   {on(1000, 425), off(4000)},
			Busy:       {on(480, 425), off(480)},
			Congestion: {on(240, 425), off(240)},
		},
		"fr": {
			Dial:       {on(0, 440)},
			Ringback:   {on(1500, 440), off(3500)},
			Busy:       {on(500, 440), off(500)},
			Congestion: {on(250, 440), off(250)},
		},
		"it": {
			Dial:       {on(200, 425), off(200), on(600, 425), off(1000)},
			Ringback:   {on(1000, 425), off(4000)},
			Busy:       {on(500, 425), off(500)},
			Congestion: {on(200, 425), off(200)},
		},
	}
}

func on(ms int, hz ...float64) Segment {
	s := Segment{Length: time.Duration(ms) * time.Millisecond}
	copy(s.Hz[:], hz)
	return s
}

func off(ms int) Segment { return on(ms) }

// Ring returns the built-in ring tone: two strokes of a two-note chime and a
// pause of two seconds, round and round.
func Ring() Tone {
	high, low := on(350, 659.26, 1318.51, 1977.77), on(650, 523.25, 1046.5, 1569.75)
	return Tone{
		Segments: []Segment{high, low, high, low, off(2000)},
		Level:    -16,
		Decay:    1200 * time.Millisecond,
	}
}

// Key returns the tone pair of a key, 0-9 * # A-D, for a time (ITU-T Q.23); 0
// lasts without end. The error is ErrUnknown.
func Key(key rune, length time.Duration) (Tone, error) {
	const rows = "123A456B789C*0#D"
	at := -1
	if key < 128 {
		at = strings.IndexByte(rows, byte(toUpper(key)))
	}
	if at < 0 {
		return Tone{}, fmt.Errorf("key %q: %w", key, ErrUnknown)
	}
	low := [4]float64{697, 770, 852, 941}
	high := [4]float64{1209, 1336, 1477, 1633}
	return Tone{
		Segments: []Segment{{Hz: [4]float64{low[at/4], high[at%4]}, Length: max(length, 0)}},
		Once:     true,
		Level:    -12,
	}, nil
}

func toUpper(key rune) rune {
	if key >= 'a' && key <= 'd' {
		return key - 'a' + 'A'
	}
	return key
}

// amplitude of a level in dBFS, in sample values.
func amplitude(level float64) float64 { return 32767 * math.Pow(10, level/20) }
