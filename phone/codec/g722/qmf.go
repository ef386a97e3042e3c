package g722

const (
	block = 160      // most sample pairs handled at a time: 20 ms; a multiple of four
	past  = 11       // pairs before a block that the filters still see
	taps  = past + 1 // coefficients of one phase
)

// frame is the samples of a block, two by two: one of each sub-band, the lower
// one first, or the two that an octet stands for.
type frame [2 * block]int16

// window is what the filters see: the last pairs of one block and all of the next.
type window [2 * (past + block)]int16

// room returns the place for n new pairs.
func (w *window) room(n int) []int16 { return w[2*past : 2*(past+n)] }

// keep moves the last pairs of a block of n to the front.
func (w *window) keep(n int) { copy(w[:2*past], w[2*n:2*(n+past)]) }

// qmf is the 24-tap quadrature mirror filter of G.722 section 3.1, split into
// its two phases. The phases are mirror images, so one table serves both.
//
// Each word holds a sample and, in the upper half, the one after it: one
// multiplication serves two pairs. The sums need 29 bits.
type qmf struct {
	even, odd [past + block]int64 // the two phases of the input, oldest first
}

// load takes n new pairs and those before them.
func (f *qmf) load(w *window, n int) {
	even, odd := f.even[:past+n], f.odd[:past+n]
	var e, o int64 // of the pair after
	for i := len(even) - 1; i >= 0; i-- {
		e, o = int64(w[2*i])+e<<32, int64(w[2*i+1])+o<<32
		even[i], odd[i] = e, o
		e, o = int64(w[2*i]), int64(w[2*i+1])
	}
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

// scalarAnalyse splits n pairs of samples into the two sub-bands.
func scalarAnalyse(dst *frame, w *window, n int) {
	var f qmf
	f.load(w, n)
	for i := 0; i < n; i += 2 {
		a, b := f.phases(i)
		a0, a1 := halves(a)
		b0, b1 := halves(b)
		out := dst[2*i : 2*i+4]
		out[0], out[1] = int16(clip16((a0+b0)>>14)), int16(clip16((b0-a0)>>14))
		out[2], out[3] = int16(clip16((a1+b1)>>14)), int16(clip16((b1-a1)>>14))
	}
}

// scalarSynthesise makes pairs of samples of n sums and differences of the sub-bands.
func scalarSynthesise(dst *frame, w *window, n int) {
	var f qmf
	f.load(w, n)
	for i := 0; i < n; i += 2 {
		a, b := f.phases(i)
		a0, a1 := halves(a)
		b0, b1 := halves(b)
		out := dst[2*i : 2*i+4]
		out[0], out[1] = int16(clip16(b0>>11)), int16(clip16(a0>>11))
		out[2], out[3] = int16(clip16(b1>>11)), int16(clip16(a1>>11))
	}
}
