package g722

const (
	block = 160      // most sample pairs handled at a time: 20 ms
	past  = 11       // pairs before a block that the filters still see
	taps  = past + 1 // coefficients of one phase
)

// qmf is the 24-tap quadrature mirror filter of G.722 section 3.1, split into
// its two phases. The phases are mirror images, so one table serves both.
//
// Each word holds a sample and, in the upper half, the one after it: one
// multiplication serves two pairs. The sums need 29 bits.
type qmf struct {
	even, odd [past + block]int64 // the two phases of the input, oldest first
}

// put stores pair i of a block.
func (f *qmf) put(i int, even, odd int) {
	f.even[past+i-1] += int64(even) << 32
	f.odd[past+i-1] += int64(odd) << 32
	f.even[past+i], f.odd[past+i] = int64(even), int64(odd)
}

// phases returns the sums over both phases for the pairs that end at i and i+1.
func (f *qmf) phases(i int) (a, b int64) {
	e := f.even[i : i+taps : i+taps]
	o := f.odd[i : i+taps : i+taps]
	_, _ = e[11], o[11]
	a = e[0]*3 + e[1]*-11 + e[2]*12 + e[3]*32 + e[4]*-210 + e[5]*951 +
		e[6]*3876 + e[7]*-805 + e[8]*362 + e[9]*-156 + e[10]*53 + e[11]*-11
	b = o[0]*-11 + o[1]*53 + o[2]*-156 + o[3]*362 + o[4]*-805 + o[5]*3876 +
		o[6]*951 + o[7]*-210 + o[8]*32 + o[9]*12 + o[10]*-11 + o[11]*3
	return a, b
}

// halves takes two sums out of a word.
func halves(v int64) (first, second int) {
	first = int(int32(v))
	return first, int((v - int64(first)) >> 32)
}

// keep moves the last pairs of a block of n to the front.
func (f *qmf) keep(n int) {
	copy(f.even[:past], f.even[n:n+past])
	copy(f.odd[:past], f.odd[n:n+past])
}
