package soak

import (
	"math"
	"testing"
	"time"
)

func TestSlope(t *testing.T) {
	t.Parallel()
	var samples []Sample
	for i := range 60 {
		noise := float64(i%2*2 - 1)
		samples = append(samples, Sample{At: time.Duration(i) * time.Minute, Files: 20, Resident: 30 + float64(i)/60*12 + noise})
	}
	if rise, off := Slope(samples, func(s Sample) float64 { return s.Files }); rise != 0 || off != 0 {
		t.Errorf("flat: %v an hour, off by %v", rise, off)
	}
	rise, off := Slope(samples, func(s Sample) float64 { return s.Resident })
	if math.Abs(rise-12) > 0.2 || math.Abs(off-1) > 0.1 {
		t.Errorf("12 an hour with a noise of 1: %v an hour, off by %v", rise, off)
	}
	if rise, _ := Slope(samples[:1], func(s Sample) float64 { return s.Resident }); rise != 0 {
		t.Errorf("one sample: %v", rise)
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	c := NewClock(8000)
	if _, ok := c.PPM(); ok {
		t.Error("nothing was heard, and it tells")
	}
	for i := range 50 * 60 { // a minute of packets of 20 ms from a clock that is 50 ppm too fast
		at := time.Duration(float64(i) * 20e6 / (1 + 50e-6))
		late := time.Duration(i%7) * 100 * time.Microsecond
		c.Add(at+late, uint32(i*160))
	}
	if ppm, ok := c.PPM(); !ok || math.Abs(ppm-50) > 1 {
		t.Errorf("50 ppm: %v, %v", ppm, ok)
	}
}
