package echo

import (
	"fmt"
	"math"
	"time"

	"housephone/phone/audio/noise/fft"
)

const (
	searchRate = 4000 // Hz: a quarter of a millisecond is near enough
	searchLen  = 4096 // about a second
	searchStep = searchRate / 4
	faint      = 1e-4 // power, of the loudest bin's, below which a bin does not count
	certain    = 8.0  // height of a peak over the rms of all lags
)

// Estimator finds the time from a sample's playback to its echo in the
// microphone, up to half a second, by the phase of their cross spectrum (GCC
// with phase transform). It needs some speech of the far end.
type Estimator struct {
	every    int // samples of input to one of searchRate
	sums     [2]float32
	count    int
	far, mic []float32 // the last searchLen samples
	fresh    int
	fft      *fft.Real
	work     []float32
	edge     []float32
	x, y     []complex64
	cross    []complex64
	delay    time.Duration
	sure     bool
}

// NewEstimator returns an Estimator for signals at rate Hz. The error is ErrRate.
func NewEstimator(rate int) (*Estimator, error) {
	if rate < 8000 || rate > 48000 || rate%searchRate != 0 {
		return nil, fmt.Errorf("delay search at %d Hz: %w", rate, ErrRate)
	}
	plan, err := fft.New(searchLen)
	if err != nil {
		return nil, err
	}
	edge := make([]float32, searchLen/8)
	for i := range edge {
		edge[i] = float32(0.5 - 0.5*math.Cos(math.Pi*(float64(i)+0.5)/float64(len(edge))))
	}
	return &Estimator{
		edge: edge, every: rate / searchRate, fft: plan,
		far: make([]float32, searchLen), mic: make([]float32, searchLen), work: make([]float32, searchLen),
		x: make([]complex64, plan.Bins()), y: make([]complex64, plan.Bins()), cross: make([]complex64, plan.Bins()),
	}, nil
}

// Write takes what was captured and what was played in the same time, of equal
// length. It returns true when it has a new opinion: four times a second while
// the far end is heard.
func (e *Estimator) Write(mic, far []int16) bool {
	heard := false
	for i, v := range far[:min(len(far), len(mic))] {
		e.sums[0] += float32(v)
		e.sums[1] += float32(mic[i])
		if e.count++; e.count < e.every {
			continue
		}
		at := searchLen - searchStep + e.fresh
		e.far[at], e.mic[at] = e.sums[0], e.sums[1]
		e.sums, e.count = [2]float32{}, 0
		if e.fresh++; e.fresh < searchStep {
			continue
		}
		e.fresh = 0
		heard = e.look() || heard
		copy(e.far, e.far[searchStep:])
		copy(e.mic, e.mic[searchStep:])
	}
	return heard
}

// Delay returns the delay found last and whether it can be trusted.
func (e *Estimator) Delay() (time.Duration, bool) { return e.delay, e.sure }

// look correlates the last half second of mic with the last second of far, so
// that every lag up to half a second meets all of it.
func (e *Estimator) look() bool {
	if energy(e.far[searchLen/2:]) < float32(searchLen/2*e.every*e.every)*50*50 {
		return false
	}
	e.taper(0, e.far)
	e.fft.Forward(e.x, e.work)
	clear(e.work)
	e.taper(searchLen/2, e.mic)
	e.fft.Forward(e.y, e.work)
	least := float32(0)
	for _, x := range e.x {
		least = max(least, (real(x)*real(x)+imag(x)*imag(x))*faint)
	}
	for k := range e.cross {
		x, y := e.x[k], e.y[k]
		if real(x)*real(x)+imag(x)*imag(x) < least {
			e.cross[k] *= 0.7
			continue
		}
		c := y * complex(real(x), -imag(x))
		size := float32(math.Sqrt(float64(real(c)*real(c)+imag(c)*imag(c)))) + 1
		e.cross[k] += (c*complex(1/size, 0) - e.cross[k]) * 0.3
	}
	e.fft.Inverse(e.work, e.cross)
	best, sum := 0, float32(0)
	for lag, v := range e.work[:searchLen/2] {
		sum += v * v
		if v > e.work[best] {
			best = lag
		}
	}
	rms := float32(math.Sqrt(float64(sum / (searchLen / 2))))
	e.sure = e.work[best] > certain*rms
	if e.sure {
		e.delay = time.Duration(best) * time.Second / searchRate
	}
	return true
}

// taper copies x to work from sample from on, with both ends faded out: the
// edge of a window that both signals have in common is no echo.
func (e *Estimator) taper(from int, x []float32) {
	copy(e.work[from:], x[from:])
	for i, v := range e.edge {
		e.work[from+i] *= v
		e.work[searchLen-1-i] *= v
	}
}
