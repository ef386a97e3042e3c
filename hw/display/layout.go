package display

import "strings"

// Layout puts lines onto the rows of d. A display with one row gets the lines side by side; one with more rows breaks
// long lines between words as long as there is room, and joins the lines that are too many to its last row.
func Layout(d Display, lines []string) []string {
	geometry := d.Geometry()
	rows := make([]string, 0, geometry.Rows)
	for _, line := range lines {
		rows = append(rows, strings.Split(line, "\n")...)
	}
	if len(rows) < geometry.Rows {
		rows = wrap(d, rows, geometry)
	}
	if len(rows) > geometry.Rows {
		last := strings.Join(rows[geometry.Rows-1:], " ")
		rows = append(rows[:geometry.Rows-1], last)
	}
	return rows
}

// wrap breaks rows between words unless that makes them too many.
func wrap(d Display, rows []string, geometry Geometry) []string {
	var out []string
	for _, row := range rows {
		line := ""
		for _, word := range strings.Fields(row) {
			longer := strings.TrimSpace(line + " " + word)
			if line != "" && d.Measure(longer) > geometry.Width {
				out = append(out, line)
				longer = word
			}
			line = longer
		}
		out = append(out, line)
	}
	if len(out) > geometry.Rows {
		return rows
	}
	return out
}

// Scrolls tells whether a row is too long for d.
func Scrolls(d Display, rows []string) bool {
	width := d.Geometry().Width
	for _, row := range rows {
		if d.Measure(row) > width {
			return true
		}
	}
	return false
}
