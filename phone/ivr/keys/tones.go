package keys

import "math"

// keypad holds the keys row by row; rows are the low tones, columns the high
// ones (ITU-T Q.23).
const keypad = "123A456B789C*0#D"

// spread is how far around a nominal frequency tones are looked for, and step
// how finely. Accepted is less than that: 1.5 % must be (ITU-T Q.24), 3.5 % must
// not.
const (
	spread   = 0.032
	steps    = 9 // from -spread to +spread
	accepted = 0.023
)

// toneBank holds the eight frequencies with the search grid around each.
type toneBank struct {
	hz   [8]float64 // four low, four high
	grid [8][steps]float64
}

func newToneBank() toneBank {
	b := toneBank{hz: [8]float64{697, 770, 852, 941, 1209, 1336, 1477, 1633}}
	for i, hz := range b.hz {
		for k := range steps {
			b.grid[i][k] = 2 * math.Cos(2*math.Pi/rate*hz*(1+offset(float64(k))))
		}
	}
	return b
}

// offset is the deviation of position k of the grid.
func offset(k float64) float64 { return spread * (2*k/(steps-1) - 1) }

// goertzel is the power at one frequency, as mean square, by its coefficient
// 2 cos(w).
func goertzel(x *[window]float64, coeff float64) float64 {
	var s1, s2 float64
	for _, v := range x {
		s1, s2 = v+coeff*s1-s2, s1
	}
	return 2 * (s1*s1 + s2*s2 - coeff*s1*s2) / (window * window)
}

// analyse returns the key whose tones fill the window, or 0.
func (b *toneBank) analyse(x *[window]float64) (byte, tonePair) {
	var total float64
	for _, v := range x {
		total += v * v
	}
	total /= window
	if total < minPower {
		return 0, tonePair{}
	}
	row, lowPower := b.strongest(x, 0)
	col, highPower := b.strongest(x, 4)
	if lowPower+highPower < roughPower*total {
		return 0, tonePair{}
	}
	lowHz, ok1 := b.refine(x, row)
	highHz, ok2 := b.refine(x, col)
	if !ok1 || !ok2 {
		return 0, tonePair{}
	}
	p := fit(x, lowHz, highHz)
	if p.low+p.high < purity*total || twisted(p) {
		return 0, tonePair{}
	}
	return keypad[row*4+col-4], p
}

// strongest is the strongest of four nominal frequencies.
func (b *toneBank) strongest(x *[window]float64, from int) (index int, power float64) {
	for i := from; i < from+4; i++ {
		if p := goertzel(x, b.grid[i][steps/2]); p > power {
			index, power = i, p
		}
	}
	return max(index, from), power
}

// refine finds the peak near a nominal frequency; ok is false where there is
// none within the accepted deviation.
func (b *toneBank) refine(x *[window]float64, i int) (hz float64, ok bool) {
	var power [steps]float64
	best := 0
	for k := range steps {
		power[k] = goertzel(x, b.grid[i][k])
		if power[k] > power[best] {
			best = k
		}
	}
	if best == 0 || best == steps-1 {
		return 0, false
	}
	// A parabola through the three highest points has its peak here.
	left, mid, right := power[best-1], power[best], power[best+1]
	at := float64(best)
	if curve := left - 2*mid + right; curve < 0 {
		at += 0.5 * (left - right) / curve
	}
	deviation := offset(at)
	return b.hz[i] * (1 + deviation), math.Abs(deviation) <= accepted
}

// fit is the least-squares fit of two sines of known frequency: their powers are
// right even where the tones, seen through a short window, leak into each other.
func fit(x *[window]float64, lowHz, highHz float64) tonePair {
	var a [4][5]float64 // normal equations with the right-hand side
	basis := [4]float64{1, 0, 1, 0}
	sl, cl := math.Sincos(2 * math.Pi * lowHz / rate)
	sh, ch := math.Sincos(2 * math.Pi * highHz / rate)
	for _, v := range x {
		for i := range basis {
			for j := i; j < 4; j++ {
				a[i][j] += basis[i] * basis[j]
			}
			a[i][4] += basis[i] * v
		}
		basis = [4]float64{
			basis[0]*cl - basis[1]*sl, basis[1]*cl + basis[0]*sl,
			basis[2]*ch - basis[3]*sh, basis[3]*ch + basis[2]*sh,
		}
	}
	c := solve(&a)
	return tonePair{
		low: (c[0]*c[0] + c[1]*c[1]) / 2, high: (c[2]*c[2] + c[3]*c[3]) / 2,
		lowHz: lowHz, highHz: highHz,
	}
}

// solve solves the symmetric equations whose upper half is given. Rows and
// columns are 170 Hz apart at least, so the matrix is near the diagonal and
// needs no pivoting.
func solve(a *[4][5]float64) (c [4]float64) {
	for i := range 4 {
		for j := range i {
			a[i][j] = a[j][i]
		}
	}
	for i := range 4 {
		for r := i + 1; r < 4; r++ {
			f := a[r][i] / a[i][i]
			for k := i; k < 5; k++ {
				a[r][k] -= f * a[i][k]
			}
		}
	}
	for i := 3; i >= 0; i-- {
		v := a[i][4]
		for k := i + 1; k < 4; k++ {
			v -= a[i][k] * c[k]
		}
		c[i] = v / a[i][i]
	}
	return c
}
