package display

import (
	"image"
	"time"
)

// MaxBrightness is the highest level of [Display].SetBrightness; the lowest is 0.
const MaxBrightness = 15

// Tempo is how a display scrolls: by Units every Every.
type Tempo struct {
	Every time.Duration
	Units int
}

// Geometry is what fits on a display. The unit of Width is a column of the typeface (pixel displays) or a character.
type Geometry struct {
	Rows  int
	Width int
	Tempo Tempo
}

// Display shows rows of text.
type Display interface {
	String() string
	Geometry() Geometry
	// Measure is the number of units that text takes in one row.
	Measure(text string) int
	// Show draws v and returns when the device has taken it.
	Show(v View) error
	// SetBrightness takes a level from 0 (darkest; off where the device can do no better) to MaxBrightness.
	SetBrightness(level int) error
	// Image is a picture of what was shown last.
	Image() image.Image
	// Halt leaves the device dark.
	Halt() error
}

// View is one moment of a display: its rows from the top, those that do not fit shifted left by Offset units and
// repeated endlessly. With Still nothing is shifted and the end of a long row is cut off; with Moving also
// rows that would fit are shifted.
type View struct {
	Rows   []string
	Offset int
	Still  bool
	Moving bool
}

// gap is the number of empty cells between the end of a scrolling row and its next beginning.
const gap = 8

// window cuts width cells out of row as v wants it: whole rows are centred if centre is set.
func window[T any](v View, row []T, width, gap int, blank T, centre bool) []T {
	out := make([]T, width)
	for i := range out {
		out[i] = blank
	}
	if v.Still || len(row) <= width && !v.Moving {
		left := 0
		if centre {
			left = max(0, (width-len(row))/2)
		}
		copy(out[left:], row)
		return out
	}
	period := max(len(row), width) + gap
	for x := range out {
		if i := (x + v.Offset) % period; i < len(row) {
			out[x] = row[i]
		}
	}
	return out
}
