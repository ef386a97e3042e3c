package g722

// predictor is what an Encoder and a Decoder use: here vectors, by SSE2, which
// every amd64 has.
type predictor = lanes

// lanes is the predictors of both bands (see band) in vectors of eight lanes. It
// begins as all zeros. Lanes that are not named hold anything.
type lanes struct {
	bLow, bHigh [8]int16 // six zero coefficients each, scaled by 16384, and two zeros
	dLow, dHigh [8]int16 // the last six quantised differences, newest first
	a           [8]int16 // pole coefficients, scaled by 16384: a1 low, high, a2 low, high, all again
	r           [8]int16 // reconstructed samples, doubled: last low, high, the ones before low, high
	p           [8]int16 // signs of partial reconstructions, 0 or -1, as in a
	s, sz       [8]int16 // prediction of the next sample, the part of it made by the zeros: low, high
}

func newPredictor() lanes { return lanes{} }

// decode makes the sum and the difference of the sub-bands of each element of src.
func (p *lanes) decode(_ *tables, dst []int16, src []differences) {
	decodeLanes(p, &dst[:2*len(src)][0], &src[0], len(src))
}

// encode codes the samples of the sub-bands in src, one octet for each two.
func (p *lanes) encode(t *tables, nb *logs, dst []byte, src *frame) {
	encodeLanes(p, t, nb, &dst[0], src, len(dst))
}

//go:noescape
func decodeLanes(p *lanes, dst *int16, src *differences, n int)

//go:noescape
func encodeLanes(p *lanes, t *tables, nb *logs, dst *byte, src *frame, n int)
