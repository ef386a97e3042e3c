package echo

import (
	"errors"
	"fmt"
	"math"
	"time"

	"housephone/phone/audio/noise/fft"
)

// ErrNotHeard tells that a recording holds no echo of the sweep.
var ErrNotHeard = errors.New("the sweep was not heard")

const (
	sweepTime = 1.0   // seconds
	sweepLow  = 200.0 // Hz; up to 0.42 of the sample rate
	sweepHigh = 0.42
	sweepPeak = 0.25 // of full scale: -12 dBFS
	longest   = 0.8  // seconds of delay and echo that are looked at
	echoTime  = 0.3  // seconds of echo that count after its beginning
	standout  = 12.0 // dB of the echo's peak over the loudest of what else there is
)

// Sweep returns the sound that Measure knows: a second of a sine from 200 Hz up,
// each octave as long as the others. rate is in Hz, 8000 to 48000; the error is
// ErrRate.
func Sweep(rate int) ([]int16, error) {
	if rate < 8000 || rate > 48000 {
		return nil, fmt.Errorf("sweep at %d Hz: %w", rate, ErrRate)
	}
	out := make([]int16, int(sweepTime*float64(rate)))
	octaves := math.Log(sweepHigh * float64(rate) / sweepLow)
	edge := rate / 100
	for i := range out {
		x := float64(i) / float64(len(out))
		phase := 2 * math.Pi * sweepLow * sweepTime / octaves * (math.Exp(x*octaves) - 1)
		v := sweepPeak * 32767 * math.Sin(phase)
		if near := min(i, len(out)-1-i); near < edge {
			v *= 0.5 - 0.5*math.Cos(math.Pi*float64(near)/float64(edge))
		}
		out[i] = int16(math.Round(v))
	}
	return out, nil
}

// Recording returns for how long to record after the sweep has begun to play, so
// that Measure sees all of the echo.
func Recording() time.Duration {
	return time.Duration((sweepTime + longest) * float64(time.Second))
}

// Result is what a sweep tells of a speakerphone.
type Result struct {
	// Delay from when a sample is given to the sound card until its echo is
	// captured.
	Delay time.Duration
	// ReturnLoss is how much softer the echo is than what was played, in dB,
	// over the frequencies of the sweep; below 0 it is louder.
	ReturnLoss float64
	// Clarity is how far the echo stands out of the noise, in dB.
	Clarity float64
}

// Measure finds the sweep in what was recorded from the moment on when it began
// to play. The errors are ErrRate and ErrNotHeard.
func Measure(rate int, recording []int16) (Result, error) {
	sweep, err := Sweep(rate)
	if err != nil {
		return Result{}, err
	}
	span := int(longest * float64(rate))
	recording = recording[:min(len(recording), len(sweep)+span)]
	n := 2
	for n < len(sweep)+span {
		n *= 2
	}
	plan, err := fft.New(n)
	if err != nil {
		return Result{}, err
	}
	x, y := spectrum(plan, sweep), spectrum(plan, recording)
	low, high := int(sweepLow*float64(n)/float64(rate))+1, int(sweepHigh*float64(n))
	for k := range y {
		if k < low || k > high {
			y[k] = 0
			continue
		}
		// In the band the sweep's power is well above zero: a plain quotient.
		p := real(x[k])*real(x[k]) + imag(x[k])*imag(x[k])
		y[k] *= complex(real(x[k])/p, -imag(x[k])/p)
	}
	response := make([]float32, n)
	plan.Inverse(response, y)
	return judge(plan, response, span, rate, [2]int{low, high})
}

// judge reads delay and loss from the response of the room.
func judge(plan *fft.Real, response []float32, span, rate int, band [2]int) (Result, error) {
	peak := 0
	for i, v := range response[:span] {
		if abs(v) > abs(response[peak]) {
			peak = i
		}
	}
	// What stands at lags that no echo has is noise.
	other := float32(0)
	for _, v := range response[span+rate/5 : len(response)-rate/50] {
		other = max(other, abs(v))
	}
	r := Result{
		Delay:   time.Duration(peak) * time.Second / time.Duration(rate),
		Clarity: 20 * math.Log10(float64(abs(response[peak])+1e-9)/float64(other+1e-9)),
	}
	if abs(response[peak]) < 1e-5 || r.Clarity < standout {
		return Result{}, fmt.Errorf("echo %.0f dB over the noise: %w", r.Clarity, ErrNotHeard)
	}
	from, to := max(peak-rate/500, 0), min(peak+int(echoTime*float64(rate)), len(response))
	clear(response[:from])
	clear(response[to:])
	h := make([]complex64, plan.Bins())
	plan.Forward(h, response)
	sum := 0.0
	for _, v := range h[band[0] : band[1]+1] {
		sum += float64(real(v)*real(v) + imag(v)*imag(v))
	}
	r.ReturnLoss = -10 * math.Log10(sum/float64(band[1]-band[0]+1))
	return r, nil
}

func spectrum(plan *fft.Real, x []int16) []complex64 {
	work := make([]float32, plan.Len())
	for i, v := range x {
		work[i] = float32(v)
	}
	bins := make([]complex64, plan.Bins())
	plan.Forward(bins, work)
	return bins
}

func abs(v float32) float32 { return max(v, -v) }
