package resample

const (
	driftTaps   = 32
	driftPhases = 128
	// MaxDrift is the largest correction of a Drift, in parts per million. A
	// change of pitch of 0.4 %, a fifteenth of a semitone, is not noticed in speech.
	MaxDrift = 4000
)

// Drift gives slightly more or fewer samples than it takes. Sound cards are
// 20 to 200 ppm off; without it a buffer runs over or dry every few minutes.
// Its delay is 16 samples.
type Drift struct {
	filter [driftPhases + 1][driftTaps]float32
	line   [driftTaps + chunk]float32
	held   int
	pos    float64 // where in line the taps of the next output begin
	step   float64 // input samples for one output sample
}

// NewDrift returns a Drift with no correction.
func NewDrift() *Drift {
	d := &Drift{step: 1, held: driftTaps - 1}
	for p := range d.filter {
		sum := 0.0
		for i := range driftTaps {
			v := sinc(float64(i-driftTaps/2+1)-float64(p)/driftPhases, roll, driftTaps/2)
			d.filter[p][i] = float32(v)
			sum += v
		}
		for i := range driftTaps {
			d.filter[p][i] /= float32(sum)
		}
	}
	return d
}

// Set asks for ppm parts in a million more samples out than in (fewer when
// negative), at most MaxDrift either way, from the next frame on.
func (d *Drift) Set(ppm float64) {
	ppm = min(max(ppm, -MaxDrift), MaxDrift)
	d.step = 1 / (1 + ppm*1e-6)
}

// Len returns the most samples Process can give for n samples of input.
func (d *Drift) Len(n int) int { return n + n*MaxDrift/1000000 + 2 }

// Process converts src into dst and returns how many samples it wrote. It takes
// all of src; a dst shorter than Len(len(src)) may lose samples.
func (d *Drift) Process(dst, src []int16) int {
	n := 0
	for len(src) > 0 {
		m := min(len(src), len(d.line)-d.held)
		for i, v := range src[:m] {
			d.line[d.held+i] = float32(v)
		}
		d.held += m
		src = src[m:]
		n += d.drain(dst[n:])
	}
	return n
}

func (d *Drift) drain(dst []int16) int {
	n := 0
	for int(d.pos)+driftTaps <= d.held {
		at := int(d.pos)
		if n < len(dst) {
			frac := (d.pos - float64(at)) * driftPhases
			p := int(frac)
			in := d.line[at : at+driftTaps]
			near, next := dot(in, d.filter[p][:]), dot(in, d.filter[p+1][:])
			dst[n] = round16(near + (next-near)*float32(frac-float64(p)))
			n++
		}
		d.pos += d.step
	}
	keep := min(int(d.pos), d.held)
	copy(d.line[:], d.line[keep:d.held])
	d.held -= keep
	d.pos -= float64(keep)
	return n
}
