package g722

import (
	"math/rand/v2"
	"testing"
)

// zero returns a zero coefficient, without its offset.
func (p *band) zero(i int) int {
	word := p.w
	if i >= 4 {
		word = p.v
	}
	return int(word>>(i%4*16)&0xffff) - 32768
}

// The zero coefficients as the Recommendation writes them, one by one, through
// signs that bring each of them to its highest and to its lowest value.
func TestZeroCoefficients(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	least, most := 0, 0
	for _, period := range []int{1, 2, 3, 4, 5, 6, 10000} {
		p := newBand()
		var want, signs [6]int
		for n := range 10000 {
			d := 100
			if n/period%2 == 1 {
				d = -d
			}
			if n > 5000 { // and away from there
				d = rnd.IntN(3) - 1
			}
			sign, zero := sense(d)
			p.step(shared(), d, sign, zero)
			for i := range want {
				want[i] = want[i] * 255 >> 8
				switch {
				case d == 0:
				case d < 0 == (signs[i] < 0):
					want[i] += 128
				default:
					want[i] -= 128
				}
				least, most = min(least, want[i]), max(most, want[i])
				if got := p.zero(i); got != want[i] {
					t.Fatalf("signs change every %d: coefficient %d after %d samples is %d, want %d", period, i+1, n+1, got, want[i])
				}
			}
			copy(signs[1:], signs[:5])
			signs[0] = d
		}
	}
	if least != -32768 || most != 32513 {
		t.Errorf("coefficients from %d to %d, want the whole range", least, most)
	}
}
