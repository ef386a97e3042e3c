package g722

import "sync"

// The names of the tables are those of ITU-T G.722 section 6.2 (tables 11 to 20).
const (
	lowLevels = 30   // decision intervals of one sign in the low band
	lowTop    = 2919 // highest decision level of the low band, scaled by 4096
	lowZero   = 72   // below this one the quantised difference is zero
	nbLowMax  = 18432
	nbHighMax = 22528
)

// level is what one quantised difference means to the adaptation: the quantised
// difference for a unit step size (qm4 or qm2, scaled by 32768) and the change
// of the logarithmic step size (wl or wh).
type level struct {
	q, w int
}

// sixBits is the same of a code of the low band; fine is the quantised difference
// by all of its bits (qm6), not only the upper four.
type sixBits struct {
	level
	fine int
}

// scale is one step size of the low band and its reciprocal.
type scale struct {
	step  int
	recip uint64 // ceil(2^42 / step)
}

// change is a change of the six zero coefficients, in the order band keeps them.
type change struct {
	w, v uint64
}

// tables holds what the Recommendation gives and what follows from it.
type tables struct {
	low6  [64]sixBits       // inverse quantiser of the low band
	high  [4]level          // inverse quantiser of the high band
	slot  [lowTop + 1]byte  // normalised difference -> interval
	size  [lowTop + 1]int16 // normalised difference -> quantised, for a unit step size
	code  [64]byte          // interval | sign<<5 -> low band code
	wl    [32]int           // interval -> change of the low band's logarithm
	low   [nbLowMax>>6 + 1]scale
	highs [nbHighMax>>6 + 1]int
	delta [128]change // signs that differ (6 bits), difference is zero (bit 6) -> change
}

//nolint:gochecknoglobals // read-only, built once
var shared = sync.OnceValue(newTables)

func newTables() *tables {
	t := &tables{}
	t.inverse()
	t.quantiser()
	t.scales()
	t.deltas()
	return t
}

// inverse fills the inverse quantisers (tables 12, 15, 16, 18, 19 of section 6.2).
func (t *tables) inverse() {
	qm4 := [8]int{0, 20456, 12896, 8968, 6288, 4240, 2584, 1200}
	wl := [8]int{-60, 3042, 1198, 538, 334, 172, 58, -30}
	qm6 := [30]int{
		24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360,
		8576, 7856, 7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576,
		3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136,
	}
	for i := range 32 {
		up, down := (i>>2+1)%8, i>>2
		t.low6[i] = sixBits{level{-qm4[down], wl[down]}, -136} // 0 to 3 are never sent; the Recommendation reads them so
		t.low6[i+32] = sixBits{level: level{qm4[up], wl[up]}}
	}
	for i, q := range qm6 {
		t.low6[32+i].fine = q
		if i < 28 {
			t.low6[4+i].fine = -q
		}
	}
	t.low6[62].fine, t.low6[63].fine = -432, -136
	t.high = [4]level{{-7408, 798}, {-1616, -214}, {7408, 798}, {1616, -214}}
}

// quantiser fills the decision of the low band's 6-bit quantiser (tables 11, 13).
func (t *tables) quantiser() {
	q6 := [lowLevels]int{
		0, 35, 72, 110, 150, 190, 233, 276, 323, 370,
		422, 473, 530, 587, 650, 714, 786, 858, 940, 1023,
		1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, lowTop,
	}
	interval := 0
	for v := range t.slot {
		for interval+1 < lowLevels && q6[interval+1] <= v {
			interval++
		}
		t.slot[v] = byte(interval)
	}
	for v := range t.size {
		t.size[v] = int16(t.low6[61-t.slot[v]].q)
	}
	for i := range lowLevels {
		t.code[i] = byte(61 - i)
		t.code[i|32] = byte(33 - i)
		t.wl[i] = t.low6[61-i].w
	}
	t.code[0|32], t.code[1|32] = 63, 62
}

// scales fills the antilogarithm of the step size (table 14, ILB), for each
// value of the six top bits that the logarithm can take.
func (t *tables) scales() {
	ilb := [32]int{
		2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543,
		2599, 2656, 2714, 2774, 2834, 2896, 2960, 3025, 3091, 3158, 3228,
		3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
	}
	antilog := func(i, shift int) int {
		return ilb[i&31] << 1 >> (shift + 1 - i>>5) << 2
	}
	for i := range t.low {
		step := antilog(i, 8)
		t.low[i] = scale{step, (1<<42 + uint64(step) - 1) / uint64(step)}
	}
	for i := range t.highs {
		t.highs[i] = antilog(i, 10)
	}
}

// deltas fills the change of the zero coefficients (UPZERO): 128 up where the
// signs agree, down where not, nothing at a difference of zero. 128 more make up for
// what the leak takes from the offset: see band.step.
func (t *tables) deltas() {
	for row := range t.delta {
		var change [8]uint64
		for i := range change {
			change[i] = 128
			if row < 64 && i < 6 {
				change[i] += 128 - 256*uint64(row>>i&1)
			}
		}
		for i := range 4 {
			t.delta[row].w += change[i] << (16 * i)
			t.delta[row].v += change[4+i] << (16 * i)
		}
	}
}
