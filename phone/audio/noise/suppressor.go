package noise

import (
	"errors"
	"fmt"
	"math"

	"housephone/phone/audio/noise/fft"
)

// Errors of this package.
var (
	ErrRate  = errors.New("sample rate out of range")
	ErrFrame = errors.New("frame is not a whole number of 10 ms")
)

// SuppressorConfig says how a Suppressor works.
type SuppressorConfig struct {
	Rate int // Hz, a multiple of 1000 from 8000 to 48000; 0 = 8000
	// Depth is the most that noise is turned down, in dB; 0 = 15. More makes
	// what is left sound unnatural.
	Depth float64
}

func (c *SuppressorConfig) setDefaults() {
	if c.Rate == 0 {
		c.Rate = 8000
	}
	if c.Depth == 0 {
		c.Depth = 15
	}
}

func (c *SuppressorConfig) validate() error {
	if c.Rate < 8000 || c.Rate > 48000 || c.Rate%1000 != 0 {
		return fmt.Errorf("noise suppression at %d Hz: %w", c.Rate, ErrRate)
	}
	if !(c.Depth > 0 && c.Depth <= 60) {
		return fmt.Errorf("noise suppression by %v dB: want 0 to 60", c.Depth)
	}
	return nil
}

// Suppressor takes steady noise (fans, rain, hiss, hum) out of a stream. It adds
// 10 ms of delay.
type Suppressor struct {
	hop      int
	fft      *fft.Real
	shape    []float32 // root of a Hann window, used before and after
	in, out  []float32 // 20 ms: the window in hand; what waits to be added
	work     []float32
	bins     []complex64
	power    []float32
	spectrum *Spectrum
}

// NewSuppressor returns a Suppressor. The error tells what in cfg is wrong.
func NewSuppressor(cfg SuppressorConfig) (*Suppressor, error) {
	cfg.setDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	hop := cfg.Rate / 100
	plan, err := fft.New(2 * hop)
	if err != nil {
		return nil, fmt.Errorf("noise suppression at %d Hz: %w", cfg.Rate, err)
	}
	s := &Suppressor{
		hop: hop, fft: plan, shape: make([]float32, 2*hop),
		in: make([]float32, 2*hop), out: make([]float32, 2*hop), work: make([]float32, 2*hop),
		bins: make([]complex64, plan.Bins()), power: make([]float32, plan.Bins()),
		spectrum: NewSpectrum(plan.Bins(), float32(math.Pow(10, -cfg.Depth/20))),
	}
	for i := range s.shape {
		s.shape[i] = float32(math.Sin(math.Pi * (float64(i) + 0.5) / float64(2*hop)))
	}
	return s, nil
}

// Process cleans frame in place; what comes out is what went in 10 ms earlier.
// The error is ErrFrame for a frame that is not a multiple of 10 ms long, which
// is left as it is.
func (s *Suppressor) Process(frame []int16) error {
	if len(frame)%s.hop != 0 {
		return fmt.Errorf("%d samples: %w", len(frame), ErrFrame)
	}
	for ; len(frame) > 0; frame = frame[s.hop:] {
		s.block(frame[:s.hop])
	}
	return nil
}

func (s *Suppressor) block(frame []int16) {
	copy(s.in, s.in[s.hop:])
	for i, v := range frame {
		s.in[s.hop+i] = float32(v)
	}
	for i, v := range s.in {
		s.work[i] = v * s.shape[i]
	}
	s.fft.Forward(s.bins, s.work)
	for i, v := range s.bins {
		s.power[i] = real(v)*real(v) + imag(v)*imag(v)
	}
	s.spectrum.Update(s.power, true)
	for i, g := range s.spectrum.Gains(s.power) {
		s.bins[i] *= complex(g, 0)
	}
	s.fft.Inverse(s.work, s.bins)
	for i := range frame {
		frame[i] = round16(float64(s.out[s.hop+i] + s.work[i]*s.shape[i]))
		s.out[s.hop+i] = s.work[s.hop+i] * s.shape[s.hop+i]
	}
}
