package soak

import (
	"math"
	"time"
)

// Sample is what a process takes at one moment.
type Sample struct {
	At         time.Duration // since the start
	Files      float64       // open file descriptors
	Goroutines float64
	Resident   float64 // MiB
	Heap       float64 // MiB in use
}

// Slope fits a straight line by least squares and returns how much it rises in an hour, and how far the values lie
// from it on average. Fewer than two moments have no slope.
func Slope(samples []Sample, value func(Sample) float64) (perHour, residual float64) {
	if len(samples) < 2 {
		return 0, 0
	}
	var n, sx, sy, sxx, sxy float64
	for _, s := range samples {
		x, y := s.At.Hours(), value(s)
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	if d := n*sxx - sx*sx; d > 0 {
		perHour = (n*sxy - sx*sy) / d
	}
	base := (sy - perHour*sx) / n
	for _, s := range samples {
		residual += math.Abs(value(s) - base - perHour*s.At.Hours())
	}
	return perHour, residual / n
}

// Clock compares the clock of a stream of RTP with ours.
type Clock struct {
	rate    float64 // of the timestamps, Hz
	samples []tick
}

type tick struct{ at, media float64 } // seconds

// NewClock makes a comparison for timestamps of a rate in Hz.
func NewClock(rate int) *Clock { return &Clock{rate: float64(rate)} }

// Add takes one packet: when it came, and how far its timestamp is from that of the first one.
func (c *Clock) Add(at time.Duration, units uint32) {
	c.samples = append(c.samples, tick{at.Seconds(), float64(units) / c.rate})
}

// PPM is how much faster the stream's clock runs than ours, in millionths; false when there is too little to tell.
func (c *Clock) PPM() (float64, bool) {
	if len(c.samples) < 100 {
		return 0, false
	}
	var n, sx, sy, sxx, sxy float64
	first := c.samples[0]
	for _, s := range c.samples {
		x, y := s.at-first.at, s.media-first.media
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	d := n*sxx - sx*sx
	if d <= 0 {
		return 0, false
	}
	return ((n*sxy-sx*sy)/d - 1) * 1e6, true
}
