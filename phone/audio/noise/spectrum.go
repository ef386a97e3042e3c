package noise

const (
	// The minima that stand for noise are sought over one to two of these
	// windows: within 2.4 s everyone pauses.
	window  = 120 // blocks of 10 ms
	present = 5.0 // power above the minimum that tells of speech
	most    = 7.0 // noise over its minimum, at most
	leak    = 0.95
)

// Spectrum follows the noise in a power spectrum by minima-controlled recursive
// averaging (Cohen and Berdugo, 2002) and says by how much each bin should be
// turned down (Wiener gain with decision-directed a priori ratio, Ephraim and
// Malah, 1984). It expects one spectrum for each 10 ms.
type Spectrum struct {
	smooth, low, next, speech []float32
	noise, gain, clean        []float32
	blocks                    int
	floor                     float32
}

// NewSpectrum returns a Spectrum of so many bins. Gains never go below floor
// (an amplitude, 0..1).
func NewSpectrum(bins int, floor float32) *Spectrum {
	rows := make([][]float32, 7)
	for i := range rows {
		rows[i] = make([]float32, bins)
	}
	s := &Spectrum{
		smooth: rows[0], low: rows[1], next: rows[2], speech: rows[3],
		noise: rows[4], gain: rows[5], clean: rows[6], floor: floor,
	}
	for i := range s.gain {
		s.gain[i] = 1
	}
	return s
}

// Noise returns the noise power of each bin. It changes with each Update.
func (s *Spectrum) Noise() []float32 { return s.noise }

// Update takes the power of each bin of the next 10 ms. With learn unset the
// noise is left as it is: something else than the room was heard.
func (s *Spectrum) Update(power []float32, learn bool) {
	if !learn {
		return
	}
	power = power[:len(s.noise)]
	if s.blocks < 8 { // whatever comes first is noise until it proves otherwise
		w := 1 / float32(s.blocks+1)
		for i, p := range power {
			s.noise[i] += (p - s.noise[i]) * w
		}
	}
	turn := s.blocks%window == 0
	for i, p := range power {
		around := p
		if i > 0 && i < len(power)-1 {
			around = 0.25*power[i-1] + 0.5*p + 0.25*power[i+1]
		}
		if s.blocks == 0 {
			s.smooth[i], s.low[i], s.next[i] = around, around, around
		}
		s.smooth[i] += (around - s.smooth[i]) * 0.35
		v := s.smooth[i]
		s.low[i], s.next[i] = min(s.low[i], v), min(s.next[i], v)
		if turn {
			s.low[i], s.next[i] = min(s.next[i], v), v
		}
		here := float32(0)
		if v > present*s.low[i] {
			here = 1
		}
		s.speech[i] += (here - s.speech[i]) * 0.8
		n := s.noise[i] + (p-s.noise[i])*(1-leak)*(1-s.speech[i])
		// The first block of a word leaks in before it is known for speech.
		s.noise[i] = min(n, most*s.low[i])
	}
	s.blocks++
}

// Gains returns the amplitude factor of each bin for power, to be called once
// for each 10 ms. The slice is valid until the next call.
func (s *Spectrum) Gains(power []float32) []float32 {
	power = power[:len(s.noise)]
	for i, p := range power {
		n := s.noise[i] + 1e-3
		prior := 0.97*s.clean[i]/n + 0.03*max(p/n-1, 0)
		g := max(prior/(1+prior), s.floor)
		s.gain[i] = g
		s.clean[i] = g * g * p
	}
	return s.gain
}
