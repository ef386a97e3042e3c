package main

import (
	"fmt"
	"strings"
)

// figure is one line of the table.
type figure struct {
	Name       string   `json:"name"`
	Unit       string   `json:"unit"`
	Housephone float64  `json:"housephone"`
	Baresip    *float64 `json:"baresip,omitempty"` // nil = not measured there
	Ratio      *float64 `json:"ratio,omitempty"`   // housephone to baresip
	Target     *target  `json:"target,omitempty"`  // nil = for information
	Met        *bool    `json:"met,omitempty"`

	Before      *float64 `json:"before,omitempty"` // of the revision of -beside
	BeforeRatio *float64 `json:"before_ratio,omitempty"`
	More        bool     `json:"more,omitempty"` // more is better: a rate, a number of calls
}

// target is an upper bound of the ratio, or of the service's own value.
type target struct {
	Max   float64 `json:"max"`
	Ratio bool    `json:"ratio"`
}

// times is a target for the ratio, atMost one for the value.
func times(most float64) *target { return &target{Max: most, Ratio: true} }

func atMost(value float64) *target { return &target{Max: value} }

// beside makes the line of a figure that both programs have; alone that of one which only the service has.
func beside(name, unit string, housephone, baresip float64, t *target) figure {
	f := figure{Name: name, Unit: unit, Housephone: housephone, Baresip: &baresip, Target: t}
	if baresip > 0 {
		ratio := housephone / baresip
		f.Ratio = &ratio
	}
	return f.judged()
}

func alone(name, unit string, value float64, t *target) figure {
	return figure{Name: name, Unit: unit, Housephone: value, Target: t}.judged()
}

// against adds the value of another revision of the service.
func (f figure) against(before float64) figure {
	f.Before = &before
	if before > 0 {
		ratio := f.Housephone / before
		f.BeforeRatio = &ratio
	}
	return f
}

// rising is a figure of which more is better.
func (f figure) rising() figure {
	f.More = true
	return f.judged()
}

func (f figure) judged() figure {
	if got, ok := f.measured(); ok {
		met := got <= f.Target.Max
		if f.More {
			met = got >= f.Target.Max
		}
		f.Met = &met
	}
	return f
}

// measured is what the target speaks of.
func (f figure) measured() (float64, bool) {
	switch {
	case f.Target == nil:
		return 0, false
	case !f.Target.Ratio:
		return f.Housephone, true
	case f.Ratio == nil:
		return 0, false
	}
	return *f.Ratio, true
}

// tolerance is how much worse than its target a figure may be for -check: the noise of a shared machine.
const tolerance = 1.2

// acceptable compares within the run only: with the target, and with the other revision.
func (f figure) acceptable() bool {
	if r := f.BeforeRatio; r != nil && f.Target != nil && (!f.More && *r > tolerance || f.More && *r < 1/tolerance) {
		return false
	}
	got, ok := f.measured()
	if f.More {
		return !ok || got >= f.Target.Max/tolerance
	}
	return !ok || got <= f.Target.Max*tolerance
}

// report is the outcome of a run.
type report struct {
	Machine machine  `json:"machine"`
	Run     string   `json:"run"`
	Beside  string   `json:"beside,omitempty"` // the other revision
	Figures []figure `json:"figures"`
}

func (r report) acceptable() bool {
	for _, f := range r.Figures {
		if !f.acceptable() {
			return false
		}
	}
	return true
}

// table is the report as a Markdown table whose columns line up.
func (r report) table() string {
	rows := [][]string{{"figure", "housephone", "baresip", "ratio", "target", "met"}}
	if r.Beside != "" {
		rows[0] = append(rows[0], r.Beside, "ratio")
	}
	for _, f := range r.Figures {
		cells := f.cells()
		if r.Beside != "" {
			cells = append(cells, f.beforeCells()...)
		}
		rows = append(rows, cells)
	}
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], len(cell))
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n\n", r.Machine, r.Run)
	for n, row := range rows {
		for i, cell := range row {
			if i == 0 {
				fmt.Fprintf(&b, "| %-*s ", width[i], cell)
				continue
			}
			fmt.Fprintf(&b, "| %*s ", width[i], cell)
		}
		b.WriteString("|\n")
		if n == 0 {
			rule(&b, width)
		}
	}
	return b.String()
}

func rule(b *strings.Builder, width []int) {
	for i, w := range width {
		right := ":"
		if i == 0 {
			right = "-"
		}
		b.WriteString("|" + strings.Repeat("-", w+1) + right)
	}
	b.WriteString("|\n")
}

func (f figure) cells() []string {
	cells := []string{f.Name, number(f.Housephone, f.Unit), "-", "-", "-", "-"}
	if f.Baresip != nil {
		cells[2] = number(*f.Baresip, f.Unit)
	}
	if f.Ratio != nil {
		cells[3] = fmt.Sprintf("%.2fx", *f.Ratio)
	}
	if t := f.Target; t != nil && t.Ratio {
		cells[4] = fmt.Sprintf("<= %.1fx", t.Max)
	} else if t != nil && f.More {
		cells[4] = fmt.Sprintf(">= %g %s", t.Max, f.Unit)
	} else if t != nil {
		cells[4] = fmt.Sprintf("<= %g %s", t.Max, f.Unit)
	}
	if f.Met != nil {
		cells[5] = map[bool]string{true: "yes", false: "no"}[*f.Met]
	}
	return cells
}

func (f figure) beforeCells() []string {
	cells := []string{"-", "-"}
	if f.Before != nil {
		cells[0] = number(*f.Before, f.Unit)
	}
	if f.BeforeRatio != nil {
		cells[1] = fmt.Sprintf("%.2fx", *f.BeforeRatio)
	}
	return cells
}

// number writes a value with as many decimals as its size bears.
func number(v float64, unit string) string {
	decimals := 3
	switch {
	case v == float64(int64(v)) && (unit == "allocs" || unit == "calls") || v >= 1000:
		decimals = 0
	case v >= 10:
		decimals = 1
	case v >= 1:
		decimals = 2
	}
	return fmt.Sprintf("%.*f %s", decimals, v, unit)
}
