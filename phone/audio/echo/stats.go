package echo

import (
	"math"
	"time"
)

// Stats says how well the echo is taken out. Levels are means over about a
// second in which the far end was heard.
type Stats struct {
	// ReturnLoss is how much softer the echo is at the microphone than the far
	// end was, in dB.
	ReturnLoss float64
	// Enhancement is how much softer it is after the canceller (ERLE), in dB,
	// and Filter the part of that which the adaptive filter did.
	Enhancement, Filter float64
	// Delay from playback to capture that is taken out before the filter.
	Delay time.Duration
}

// Stats returns how well the canceller does. Near-end speech counts as echo in
// it: read it while the near end is silent.
func (c *Canceller) Stats() Stats {
	s := c.stats.stats()
	s.Delay = time.Duration(c.line.delay) * time.Second / time.Duration(c.block*100)
	return s
}

// meter holds mean powers.
type meter struct {
	far, mic, left, out float64
	before              float64 // mic power of the block before: the output is late by one
}

func (m *meter) block(mic, left []float32, out []int16, far []float32) {
	now := float64(energy(mic))
	before := m.before
	m.before = now
	loud := float64(energy(far))
	if loud < float64(len(far))*30*30 {
		return
	}
	sum := 0.0
	for _, v := range out {
		sum += float64(v) * float64(v)
	}
	const w = 0.01
	m.far += (loud - m.far) * w
	m.mic += (before - m.mic) * w
	m.left += (float64(energy(left)) - m.left) * w
	m.out += (sum - m.out) * w
}

func (m *meter) stats() Stats {
	ratio := func(a, b float64) float64 { return 10 * math.Log10((a+1)/(b+1)) }
	return Stats{
		ReturnLoss:  ratio(m.far, m.mic),
		Enhancement: ratio(m.mic, m.out),
		Filter:      ratio(m.mic, m.left),
	}
}
