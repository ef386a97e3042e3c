//go:build !amd64

package g722

// predictor is what an Encoder and a Decoder use: here plain Go.
type predictor = scalar

func newPredictor() scalar { return newScalar() }

func analyse(dst *frame, w *window, n int) { scalarAnalyse(dst, w, n) }

func synthesise(dst *frame, w *window, n int) { scalarSynthesise(dst, w, n) }
