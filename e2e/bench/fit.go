package main

import "math"

// straight is a line through points, by least squares.
type straight struct {
	start, slope float64
	residual     float64 // root of the mean square of what is left
}

// fit lays a straight line through the points, which is nearer to those of few calls: their errors are smaller.
func fit(x, y []float64) straight {
	var w, sx, sy, sxx, sxy float64
	for i := range x {
		weight := 1 / x[i]
		w += weight
		sx += weight * x[i]
		sy += weight * y[i]
		sxx += weight * x[i] * x[i]
		sxy += weight * x[i] * y[i]
	}
	var s straight
	if d := w*sxx - sx*sx; d != 0 {
		s.slope = (w*sxy - sx*sy) / d
		s.start = (sy - s.slope*sx) / w
	}
	var square float64
	for i := range x {
		d := y[i] - s.start - s.slope*x[i]
		square += d * d
	}
	if len(x) > 0 {
		s.residual = math.Sqrt(square / float64(len(x)))
	}
	return s
}
