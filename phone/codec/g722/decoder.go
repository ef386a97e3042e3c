package g722

// Decoder turns G.722 octets into 16 kHz samples.
type Decoder struct {
	t   *tables
	nb  logs
	p   predictor
	out window
}

// NewDecoder returns a decoder in the reset state of G.722 section 6.2.
func NewDecoder() *Decoder {
	return &Decoder{t: shared(), p: newPredictor()}
}

// Decode writes two samples to dst for each octet of payload and returns how
// many it wrote: twice the lesser of len(dst)/2 and len(payload). What does not
// fit is dropped. Every octet is valid.
func (d *Decoder) Decode(dst []int16, payload []byte) int {
	total := min(len(dst)/2, len(payload))
	for done := 0; done < total; {
		n := min(total-done, block)
		d.block(dst[2*done:2*(done+n)], payload[done:done+n])
		done += n
	}
	return 2 * total
}

// differences is one octet without its quantisation. What is heard of the lower
// band comes from all six bits, its prediction from the upper four (section 4.1).
type differences struct {
	low, high           int16 // what the prediction goes by
	heardLow, heardHigh int16 // what is added to the prediction
}

// block decodes one or more octets, at most as many as a block has.
func (d *Decoder) block(dst []int16, payload []byte) {
	var diffs [block]differences
	var pcm frame
	n := len(payload)
	d.inverse(diffs[:n], payload)
	d.p.decode(d.t, d.out.room(n), diffs[:n])
	synthesise(&pcm, &d.out, n)
	d.out.keep(n)
	copy(dst, pcm[:])
}

// inverse undoes the quantiser (blocks INVQAL, INVQBL, INVQAH).
func (d *Decoder) inverse(dst []differences, payload []byte) {
	t, nb := d.t, d.nb
	dst = dst[:len(payload)]
	for i, octet := range payload {
		l, step := &t.low6[octet&63], t.low[nb.low>>6].step
		h := &t.high[octet>>6]
		high := int16((h.q * t.highs[nb.high>>6]) >> 15)
		dst[i] = differences{int16((l.q * step) >> 15), high, int16((l.fine * step) >> 15), high}
		nb.low, nb.high = adapt(nb.low, l.w, nbLowMax), adapt(nb.high, h.w, nbHighMax)
	}
	d.nb = nb
}
