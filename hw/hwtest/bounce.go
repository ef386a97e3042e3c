package hwtest

import "time"

// Edge is a moment at which a contact opens or closes.
type Edge struct {
	At     time.Duration
	Closed bool
}

// Trace is what a contact does, beginning open, and what a person would say it did.
type Trace struct {
	Name   string
	Edges  []Edge
	Length time.Duration
	// Short and Long are how many presses there are to be told: with 30 ms of debouncing, a long press after one second, and
	// at least 200 ms between two short ones.
	Short, Long int
}

// edges alternates closed and open at these microseconds.
func edges(us ...int) []Edge {
	out := make([]Edge, len(us))
	for i, at := range us {
		out[i] = Edge{time.Duration(at) * time.Microsecond, i%2 == 0}
	}
	return out
}

// train is a contact that closes for on out of every period, from begin to end.
func train(begin, end, period, on time.Duration) []Edge {
	var out []Edge
	for at := begin; at < end; at += period {
		out = append(out, Edge{at, true}, Edge{at + on, false})
	}
	return out
}

// Bounces are the shapes that contacts show on an oscilloscope.
func Bounces() []Trace {
	const ms, second = time.Millisecond, time.Second
	return []Trace{
		{"nothing", nil, second, 0, 0},
		{"a clean press", edges(10_000, 160_000), second, 1, 0},
		{"a snap switch: three bounces in a millisecond", edges(10_000, 10_200, 10_350, 10_600, 10_700, 150_000), second, 1, 0},
		{"a leaf contact: bounces of growing length when it closes", edges(10_000, 10_400, 11_000, 12_100, 12_900, 15_000, 16_200, 19_800, 20_500, 200_000), second, 1, 0},
		{"an old switch that bounces 20 ms at both ends", edges(
			10_000, 13_000, 14_000, 18_500, 19_000, 24_000, 26_000, 29_500, 30_000,
			180_000, 182_000, 187_000, 188_500, 193_000, 194_000, 198_000), second, 1, 0},
		{"bounces only when it opens", edges(10_000, 120_000, 121_000, 124_000, 125_500, 126_000), second, 1, 0},
		{"a contact that flickers in the middle of a press", edges(10_000, 90_000, 92_000, 200_000), second, 1, 0},
		{"a spark of another switch: one spike of 40 µs", edges(10_000, 10_040), second, 0, 0},
		{"a motor: a spike every 10 ms", train(10*ms, 900*ms, 10*ms, ms), second, 0, 0},
		{"hammering, a hundred times a second", train(10*ms, 900*ms, 10*ms, 5*ms), second, 0, 0},
		{"a tap of 25 ms", edges(10_000, 35_000), second, 0, 0},
		{"a tap of 45 ms", edges(10_000, 55_000), second, 1, 0},
		{"two presses, 300 ms apart", edges(10_000, 110_000, 310_000, 410_000), second, 2, 0},
		{"two presses, 100 ms apart", edges(10_000, 60_000, 110_000, 160_000), second, 1, 0},
		{"held for a second and a half", edges(10_000, 10_500, 11_000, 1_500_000, 1_501_000, 1_502_000), 2 * second, 1, 1},
		{"held for 990 ms", edges(10_000, 1_000_000), 2 * second, 1, 0},
		{"stuck", edges(10_000), 10 * second, 1, 1},
		{"pressed ten times a second", train(10*ms, 2*second, 100*ms, 50*ms), 3 * second, 10, 0},
	}
}
