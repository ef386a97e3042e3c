package g722

// band is the adaptive predictor of one sub-band, the same in coder and decoder
// (block 4 of G.722 section 6.2: RECONS, PARREC, UPPOL1/2, UPZERO, FILTEP, FILTEZ).
type band struct {
	s, sz  int    // prediction of the next sample; the part of it made by the zeros
	a1, a2 int    // pole coefficients, scaled by 16384
	r      int    // last reconstructed sample, doubled and saturated
	p1, p2 int    // signs of the last two partial reconstructions: 0 or -1
	signs  uint   // signs of the last six quantised differences, newest in bit 0
	w, v   uint64 // the six zero coefficients, scaled by 16384, in lanes: see offsets
	d      [5]int // quantised differences, newest first
}

// The zero coefficients live in lanes of 16 bits with an offset of 32768, four
// in one word and two in another, so that one addition moves all of a word.
// They stay from -32768, where 255/256 of one (rounded down) and 128 less is the
// same again, to 32513, where it is with 128 more.
const (
	lowBytes = 0x00ff00ff00ff00ff
	offsets  = 0x8000800080008000
)

func newBand() band { return band{w: offsets, v: offsets} }

func clip16(v int) int { return min(max(v, -32768), 32767) }

// flip returns v for sign 0 and -v for sign -1.
func flip(v, sign int) int { return v ^ sign - sign }

// ceil256 returns a 256th of each lane, rounded up.
func ceil256(w uint64) uint64 {
	return w>>8&lowBytes + (w&lowBytes+lowBytes)>>8&lowBytes
}

// sense returns sign (0 or 1) and whether d is zero (0 or 1), as step wants them.
func sense(d int) (sign, zero uint) {
	return uint(d>>31) & 1, uint((d|-d)>>31 + 1)
}

// step takes the quantised difference d of this sample and predicts the next. It
// is written without branches that could go either way: they cost more than all
// of its arithmetic. sign and zero are those of d, which the caller knows before
// d itself.
func (p *band) step(t *tables, d int, sign, zero uint) {
	// UPZERO: each coefficient becomes b - ceil(b/256) and 128 more or less.
	row := (p.signs^-sign)&63 | zero<<6
	p.signs = p.signs<<1 | sign
	delta := &t.delta[row&127]
	w, v := p.w, p.v
	w += delta.w - ceil256(w)
	v += delta.v - ceil256(v)
	p.w, p.v = w, v

	// FILTEZ. A doubled difference never saturates: it stays below 24808. The sum
	// is saturated once, at the end.
	h := &p.d
	d1, d2, d3, d4, d5 := h[0], h[1], h[2], h[3], h[4]
	h[0], h[1], h[2], h[3], h[4] = d, d1, d2, d3, d4
	w ^= offsets
	v ^= offsets
	sz := (int(int16(w))*d)>>14 + (int(int16(w>>16))*d1)>>14 + (int(int16(w>>32))*d2)>>14 +
		(int(int64(w)>>48)*d3)>>14 + (int(int16(v))*d4)>>14 + (int(int16(v>>16))*d5)>>14

	// UPPOL2, UPPOL1
	r := (p.s + d) << 1
	p0 := (p.sz + d) >> 31
	differ1, differ2 := p0^p.p1, p0^p.p2
	p.p2, p.p1 = p.p1, p0
	a1, a2 := p.a1, p.a2
	a2 += -a2>>7 + flip(128, differ2) + min(max(flip(a1, ^differ1)>>5, -256), 255)
	a2 = min(max(a2, -12288), 12288)
	a1 += -a1>>8 + flip(192, differ1)
	a1 = min(max(a1, a2-15360), 15360-a2)
	p.a1, p.a2 = a1, a2

	// FILTEP, PREDIC. What saturates seldom is looked at first and limited after.
	if uint(r+32768) > 65535 {
		r = clip16(r)
	}
	sp := (a1*r)>>15 + (a2*p.r)>>15
	p.r = r
	s := sp + sz
	if uint(sp+32768)|uint(sz+32768)|uint(s+32768) > 65535 {
		sz = clip16(sz)
		s = clip16(clip16(sp) + sz)
	}
	p.sz, p.s = sz, s
}

// logs is the logarithms of the step sizes of both bands.
type logs struct {
	low, high int
}

// adapt moves one of them (blocks LOGSCL, LOGSCH).
func adapt(nb, w, top int) int {
	return min(max((nb*127)>>7+w, 0), top)
}
