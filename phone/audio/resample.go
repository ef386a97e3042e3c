package audio

import (
	"fmt"
	"math"
	"slices"
)

const (
	resampleTaps   = 48  // taps a phase at unity; more when the rate goes down
	resamplePhases = 512 // phases at most; other ratios use the nearest one
)

// Resampler converts a stream of mono PCM from one rate to another with a
// polyphase windowed-sinc filter. The state between calls belongs to one
// stream.
type Resampler struct {
	up, down int         // to/from in lowest terms
	phases   [][]float32 // filter of each phase, newest sample last
	history  []float32   // ring of the last input samples, held twice so that any window is one slice
	at       int         // oldest sample of the ring
	pos      int         // next output after the newest sample, in 1/up samples
}

// NewResampler makes a converter; both rates from 4000 to 192000 Hz.
func NewResampler(from, to int) (*Resampler, error) {
	for _, rate := range []int{from, to} {
		if err := checkRate(rate); err != nil {
			return nil, fmt.Errorf("resample %d to %d: %w", from, to, err)
		}
	}
	g := gcd(from, to)
	r := &Resampler{up: to / g, down: from / g}
	taps := resampleTaps
	cutoff := 0.5 * 0.94 // of the lower rate; leaves a transition band below Nyquist
	if to < from {
		taps = taps * from / to
		cutoff *= float64(to) / float64(from)
	}
	n := min(r.up, resamplePhases)
	for p := range n {
		r.phases = append(r.phases, sincPhase(taps, cutoff, float64(p)/float64(n)))
	}
	r.history = make([]float32, 2*taps)
	return r, nil
}

// sincPhase is one phase of the filter: output at fraction behind tap
// taps/2-1, cut-off in cycles a sample, unity gain at DC.
func sincPhase(taps int, cutoff, fraction float64) []float32 {
	h := make([]float64, taps)
	sum := 0.0
	for i := range h {
		x := float64(i-(taps/2-1)) - fraction
		w := 0.0
		if u := x / (float64(taps) / 2); u > -1 && u < 1 {
			// Blackman window.
			w = 0.42 + 0.5*math.Cos(math.Pi*u) + 0.08*math.Cos(2*math.Pi*u)
		}
		s := 2 * cutoff
		if x != 0 {
			s = math.Sin(2*math.Pi*cutoff*x) / (math.Pi * x)
		}
		h[i] = s * w
		sum += h[i]
	}
	out := make([]float32, taps)
	for i, v := range h {
		out[i] = float32(v / sum)
	}
	return out
}

// Process converts src and appends the result to dst, which it returns. It
// allocates only when dst has no room.
func (r *Resampler) Process(dst, src []int16) []int16 {
	for _, s := range src {
		r.push(s)
		for ; r.pos < r.up; r.pos += r.down {
			phase := r.phases[r.pos*len(r.phases)/r.up]
			window := r.history[r.at:][:len(phase)]
			var acc float32
			for i, h := range phase {
				acc += h * window[i]
			}
			dst = append(dst, clip(float64(acc)))
		}
		r.pos -= r.up
	}
	return dst
}

func (r *Resampler) push(s int16) {
	taps := len(r.history) / 2
	r.history[r.at], r.history[r.at+taps] = float32(s), float32(s)
	if r.at++; r.at == taps {
		r.at = 0
	}
}

// Resample converts a whole recording, in time with the original.
func Resample(pcm []int16, from, to int) ([]int16, error) {
	if from == to {
		return pcm, checkRate(from)
	}
	r, err := NewResampler(from, to)
	if err != nil {
		return nil, err
	}
	// Half a filter length goes in before the first output comes out, and the
	// same in zeros behind the end: output and input begin together.
	lead := len(r.history) / 4
	padded := slices.Concat(pcm, make([]int16, lead+1))
	for _, s := range padded[:lead] {
		r.push(s)
	}
	n := int(int64(len(pcm)) * int64(to) / int64(from))
	out := r.Process(make([]int16, 0, n+to/from+2), padded[lead:])
	return out[:min(n, len(out))], nil
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
