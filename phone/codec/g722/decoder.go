package g722

// Decoder turns G.722 octets into 16 kHz samples.
type Decoder struct {
	t         *tables
	low, high band
	out       qmf
}

// NewDecoder returns a decoder in the reset state of G.722 section 6.2.
func NewDecoder() *Decoder {
	return &Decoder{t: shared(), low: newBand(), high: newBand()}
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

func (d *Decoder) block(dst []int16, payload []byte) {
	for i, octet := range payload {
		l := d.lowBand(octet & 63)
		h := d.highBand(octet >> 6)
		d.out.put(i, l+h, l-h)
	}
	for i := 0; i < len(payload); i += 2 {
		a, b := d.out.phases(i)
		a0, a1 := halves(a)
		b0, b1 := halves(b)
		out := dst[2*i:]
		out[0], out[1] = int16(clip16(b0>>11)), int16(clip16(a0>>11))
		if len(out) >= 4 {
			out[2], out[3] = int16(clip16(b1>>11)), int16(clip16(a1>>11))
		}
	}
	d.out.keep(len(payload))
}

// lowBand decodes six bits. What is heard comes from all of them, the
// prediction from the upper four (section 4.1).
func (d *Decoder) lowBand(code byte) int {
	t, p := d.t, &d.low
	step := t.low[p.nb>>6].step
	lv := &t.low4[code>>2&15]
	out := p.s + (t.qm6[code&63]*step)>>15
	p.adapt(lv.w, nbLowMax)
	diff := (lv.q * step) >> 15
	sign, zero := sense(diff)
	p.step(t, diff, sign, zero)
	return min(max(out, -16384), 16383) // LIMIT
}

func (d *Decoder) highBand(code byte) int {
	t, p := d.t, &d.high
	step := t.highs[p.nb>>6]
	lv := &t.high[code&3]
	diff := (lv.q * step) >> 15
	out := p.s + diff
	p.adapt(lv.w, nbHighMax)
	sign, zero := sense(diff)
	p.step(t, diff, sign, zero)
	return min(max(out, -16384), 16383) // LIMIT
}
