package noise

import "math"

// maxOrder is the longest filter that is sent or taken. RFC 3389 sets no limit;
// 10 to 12 describe a room.
const maxOrder = 32

// reflections turns the autocorrelation r[0..order] into reflection
// coefficients, all within +-1, by the Levinson-Durbin recursion.
// k[0] is -r[1]/r[0], the sign that RFC 3389 peers use.
func reflections(k *[maxOrder]float64, r []float64) {
	var a, next [maxOrder + 1]float64
	clear(k[:])
	left := r[0]
	for i := 1; i < len(r); i++ {
		if left <= r[0]*1e-9 {
			return
		}
		sum := r[i]
		for j := 1; j < i; j++ {
			sum += a[j] * r[i-j]
		}
		ki := min(max(-sum/left, -0.99), 0.99)
		k[i-1] = ki
		copy(next[:], a[:])
		for j := 1; j < i; j++ {
			next[j] = a[j] + ki*a[i-j]
		}
		next[i] = ki
		a = next
		left *= 1 - ki*ki
	}
}

// lattice is an all-pole filter by reflection coefficients: stable as long as
// each is within +-1, and safe to change at any sample.
type lattice struct {
	b [maxOrder + 1]float64
}

func (l *lattice) filter(x float64, k []float64) float64 {
	for i := len(k) - 1; i >= 0; i-- {
		x -= k[i] * l.b[i]
		l.b[i+1] = l.b[i] + k[i]*x
	}
	l.b[0] = x
	return x
}

// decibels of a mean square of samples, full scale = 0 (RFC 3389 3.1: dBov).
func decibels(meanSquare float64) float64 {
	return 10 * math.Log10(meanSquare/(32768*32768)+1e-13)
}

func round16(v float64) int16 {
	return int16(math.Floor(min(max(v, -32768), 32767) + 0.5))
}
