package g722

// Encoder turns 16 kHz samples into G.722 octets.
type Encoder struct {
	t         *tables
	low, high band
	in        qmf
}

// NewEncoder returns an encoder in the reset state of G.722 section 6.2.
func NewEncoder() *Encoder {
	return &Encoder{t: shared(), low: newBand(), high: newBand()}
}

// Encode writes one octet to dst for each two samples of pcm and returns how
// many it wrote: the lesser of len(dst) and len(pcm)/2. What does not fit, and
// the last of an odd number of samples, is dropped.
func (e *Encoder) Encode(dst []byte, pcm []int16) int {
	total := min(len(dst), len(pcm)/2)
	for done := 0; done < total; {
		n := min(total-done, block)
		e.block(dst[done:done+n], pcm[2*done:2*(done+n)])
		done += n
	}
	return total
}

func (e *Encoder) block(dst []byte, pcm []int16) {
	for i := range dst {
		e.in.put(i, int(pcm[2*i]), int(pcm[2*i+1]))
	}
	for i := 0; i < len(dst); i += 2 {
		a, b := e.in.phases(i)
		a0, a1 := halves(a)
		b0, b1 := halves(b)
		dst[i] = e.pair(a0, b0)
		if i+1 < len(dst) {
			dst[i+1] = e.pair(a1, b1)
		}
	}
	e.in.keep(len(dst))
}

// pair codes the sums of the two phases.
func (e *Encoder) pair(a, b int) byte {
	return e.lowBand(clip16((a+b)>>14)) | e.highBand(clip16((b-a)>>14))<<6
}

// lowBand codes one sample of the lower sub-band in six bits (blocks SUBTRA to PREDIC).
func (e *Encoder) lowBand(x int) byte {
	t, p := e.t, &e.low
	diff := clip16(x - p.s)
	sign := diff >> 31
	sc := &t.low[p.nb>>6]
	// The decision levels of section 6.2.1.1 (QUANTL) are floor(q*step/4096), so
	// the interval follows from one division, done with the exact reciprocal.
	num := uint64(diff^sign+1)<<12 - 1
	q := min(num*sc.recip>>42, lowTop)
	d := (flip(int(t.size[q]), sign) * sc.step) >> 15
	zero := uint((q - lowZero) >> 63)
	code := t.code[(uint(t.slot[q])|uint(sign)&32)&63]
	p.adapt(t.low4[code>>2&15].w, nbLowMax)
	p.step(t, d, uint(sign)&1&^zero, zero)
	return code
}

// highBand codes one sample of the upper sub-band in two bits (QUANTH).
func (e *Encoder) highBand(x int) byte {
	t, p := e.t, &e.high
	diff := clip16(x - p.s)
	sign := diff >> 31
	step := t.highs[p.nb>>6]
	over := (564*step>>12 - 1 - (diff ^ sign)) >> 31 // -1 from the decision level on
	code := byte(3 + 2*sign + over)
	lv := &t.high[code&3]
	d := (lv.q * step) >> 15
	p.adapt(lv.w, nbHighMax)
	neg, zero := sense(d)
	p.step(t, d, neg, zero)
	return code
}
