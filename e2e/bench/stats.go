package main

import (
	"math"
	"slices"
	"time"
)

// quantile is the value below which the share q of the samples lies (nearest rank); 0 without samples.
func quantile(samples []time.Duration, q float64) time.Duration {
	if len(samples) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(samples))
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

func median(samples []time.Duration) time.Duration { return quantile(samples, 0.5) }

// deviation is the standard deviation; 0 without samples.
func deviation(samples []time.Duration) time.Duration {
	if len(samples) == 0 {
		return 0
	}
	var sum, square float64
	for _, s := range samples {
		sum += float64(s)
	}
	mean := sum / float64(len(samples))
	for _, s := range samples {
		square += (float64(s) - mean) * (float64(s) - mean)
	}
	return time.Duration(math.Sqrt(square / float64(len(samples))))
}

// gaps are the times between neighbours.
func gaps(moments []time.Time) []time.Duration {
	var out []time.Duration
	for i := 1; i < len(moments); i++ {
		out = append(out, moments[i].Sub(moments[i-1]))
	}
	return out
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
