package resample

import "math"

// beta shapes the Kaiser window for a stop band of about 80 dB.
const beta = 8.0

// bessel is the modified Bessel function of the first kind and order zero.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-12; k++ {
		term *= (x / (2 * k)) * (x / (2 * k))
		sum += term
	}
	return sum
}

// sinc is the impulse response at time x (in samples) of a low pass with its
// middle at cutoff (1 = the Nyquist frequency), windowed to |x| < half.
func sinc(x, cutoff, half float64) float64 {
	if math.Abs(x) >= half {
		return 0
	}
	r := x / half
	window := bessel(beta*math.Sqrt(1-r*r)) / bessel(beta)
	a := math.Pi * x * cutoff
	if a == 0 {
		return cutoff * window
	}
	return cutoff * math.Sin(a) / a * window
}

// dot is the inner product of two slices of the same length, a multiple of four.
func dot(a, b []float32) float32 {
	var s0, s1, s2, s3 float32
	b = b[:len(a)]
	for len(a) >= 4 && len(b) >= 4 {
		s0 += a[0] * b[0]
		s1 += a[1] * b[1]
		s2 += a[2] * b[2]
		s3 += a[3] * b[3]
		a, b = a[4:], b[4:]
	}
	return s0 + s1 + (s2 + s3)
}

// round16 rounds to the nearest sample value and saturates.
func round16(v float32) int16 {
	return int16(math.Floor(float64(min(max(v, -32768), 32767)) + 0.5))
}
