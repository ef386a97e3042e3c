package g722

// scalar is the predictors of both bands and what is around them, in plain Go.
// It runs where there are no lanes, and is what these are compared with.
type scalar struct {
	low, high band
}

func newScalar() scalar { return scalar{newBand(), newBand()} }

// decode makes the sum and the difference of the sub-bands of each element of src.
func (p *scalar) decode(t *tables, dst []int16, src []differences) {
	dst = dst[:2*len(src)]
	for i, d := range src {
		l, h := limit(p.low.s+int(d.heardLow)), limit(p.high.s+int(d.heardHigh))
		dst[2*i], dst[2*i+1] = int16(l+h), int16(l-h)
		dl, dh := int(d.low), int(d.high)
		sign, zero := sense(dl)
		p.low.step(t, dl, sign, zero)
		sign, zero = sense(dh)
		p.high.step(t, dh, sign, zero)
	}
}

// limit is block LIMIT.
func limit(v int) int { return min(max(v, -16384), 16383) }

// encode codes the samples of the sub-bands in src, one octet for each two.
func (p *scalar) encode(t *tables, nb *logs, dst []byte, src *frame) {
	for i := range dst {
		l, h := int(src[2*i]), int(src[2*i+1])
		dst[i] = p.lowBand(t, nb, l) | p.highBand(t, nb, h)<<6
	}
}

// lowBand codes one sample of the lower sub-band in six bits (blocks SUBTRA to PREDIC).
func (p *scalar) lowBand(t *tables, nb *logs, x int) byte {
	diff := clip16(x - p.low.s)
	sign := diff >> 31
	sc := &t.low[nb.low>>6]
	// The decision levels of section 6.2.1.1 (QUANTL) are floor(q*step/4096), so
	// the interval follows from one division, done with the exact reciprocal.
	num := uint64(diff^sign+1)<<12 - 1
	q := min(num*sc.recip>>42, lowTop)
	d := (flip(int(t.size[q]), sign) * sc.step) >> 15
	zero := uint((q - lowZero) >> 63)
	slot := t.slot[q] & 31
	nb.low = adapt(nb.low, t.wl[slot], nbLowMax)
	p.low.step(t, d, uint(sign)&1&^zero, zero)
	return t.code[slot|byte(sign)&32]
}

// highBand codes one sample of the upper sub-band in two bits (QUANTH).
func (p *scalar) highBand(t *tables, nb *logs, x int) byte {
	diff := clip16(x - p.high.s)
	sign := diff >> 31
	step := t.highs[nb.high>>6]
	over := (564*step>>12 - 1 - (diff ^ sign)) >> 31 // -1 from the decision level on
	code := byte(3 + 2*sign + over)
	lv := &t.high[code&3]
	d := (lv.q * step) >> 15
	nb.high = adapt(nb.high, lv.w, nbHighMax)
	neg, zero := sense(d)
	p.high.step(t, d, neg, zero)
	return code
}
