package g722

import "sync"

// kernel is the coefficients of two sums over pairs of samples: for each tap
// those of the first sum and those of the second, four times, as filterLanes
// takes them.
type kernel [taps][2][8]int16

type kernels struct {
	analysis, synthesis kernel
}

//nolint:gochecknoglobals // read-only, built once
var filters = sync.OnceValue(newKernels)

func newKernels() *kernels {
	even := [taps]int16{3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11}
	k := &kernels{}
	for i, e := range even {
		o := even[taps-1-i]
		for j := 0; j < 8; j += 2 {
			a, s := &k.analysis[i], &k.synthesis[i]
			a[0][j], a[0][j+1] = e, o  // lower sub-band
			a[1][j], a[1][j+1] = -e, o // upper sub-band
			s[0][j], s[0][j+1] = 0, o  // first sample
			s[1][j], s[1][j+1] = e, 0  // second sample
		}
	}
	return k
}

func analyse(dst *frame, w *window, n int) { filterLanes(dst, w, &filters().analysis, 14, n) }

func synthesise(dst *frame, w *window, n int) { filterLanes(dst, w, &filters().synthesis, 11, n) }

// filterLanes makes n pairs, rounded up to a multiple of four.
//
//go:noescape
func filterLanes(dst *frame, w *window, k *kernel, shift, n int)
