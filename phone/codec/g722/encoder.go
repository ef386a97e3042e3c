package g722

// Encoder turns 16 kHz samples into G.722 octets.
type Encoder struct {
	t  *tables
	in window
	nb logs
	p  predictor
}

// NewEncoder returns an encoder in the reset state of G.722 section 6.2.
func NewEncoder() *Encoder {
	return &Encoder{t: shared(), p: newPredictor()}
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

// block codes one or more pairs, at most as many as a block has.
func (e *Encoder) block(dst []byte, pcm []int16) {
	var bands frame
	copy(e.in.room(len(dst)), pcm)
	analyse(&bands, &e.in, len(dst))
	e.in.keep(len(dst))
	e.p.encode(e.t, &e.nb, dst, &bands)
}
