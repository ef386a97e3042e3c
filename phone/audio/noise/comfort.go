package noise

import (
	"math"
	"math/rand/v2"
)

// Quietest is the level of comfort noise below which there is none (RFC 3389
// 3.1: 127 stands for -127 dBov).
const Quietest = 127

// order of the filter that an Analyser sends.
const order = 10

// Analyser describes the background noise of a microphone. Its zero value is
// ready. Feed it the frames of a pause in the speech, then ask for the payload.
type Analyser struct {
	r     [order + 1]float64
	count int
}

// Write takes a frame in. Older frames lose weight with a time of some frames.
func (a *Analyser) Write(frame []int16) {
	if len(frame) <= order {
		return
	}
	for i := range a.r {
		sum := 0.0
		for j := i; j < len(frame); j++ {
			sum += float64(frame[j]) * float64(frame[j-i])
		}
		sum /= float64(len(frame))
		weight := 1 / float64(min(a.count, 7)+1)
		a.r[i] += (sum - a.r[i]) * weight
	}
	a.count++
}

// Level returns the level of what was written, in dBov: 0 or less.
func (a *Analyser) Level() float64 { return min(decibels(a.r[0]), 0) }

// Payload writes the noise's level and shape (RFC 3389 3.3) to dst and returns
// its length: 11, or less if dst is shorter.
func (a *Analyser) Payload(dst []byte) int {
	if len(dst) == 0 {
		return 0
	}
	dst[0] = byte(min(math.Round(-a.Level()), Quietest))
	n := min(len(dst)-1, order)
	var k [maxOrder]float64
	r := a.r
	r[0] *= 1.0001 // white noise correction: a pure hum must not ring
	reflections(&k, r[:n+1])
	for i := range n {
		// RFC 3389 3.2: k = 258*(N-127)/32768, N = 0..254.
		dst[1+i] = byte(min(max(math.Round(k[i]*32768/258)+127, 0), 254))
	}
	return n + 1
}

// Comfort makes the noise of a payload. Its zero value is silent.
type Comfort struct {
	k      [maxOrder]float64
	order  int
	peak   float64 // excitation that the payload asks for
	now    float64 // and where it is on its way there
	filter lattice
	rnd    rand.PCG
}

// Update takes a payload as it came from the network. Any octets are safe: an
// empty payload is silence, more than 32 coefficients are cut off.
func (c *Comfort) Update(payload []byte) {
	if len(payload) == 0 || payload[0]&Quietest == Quietest {
		c.peak = 0
		return
	}
	c.order = min(len(payload)-1, maxOrder)
	left := 1.0
	for i, n := range payload[1 : 1+c.order] {
		c.k[i] = 258 * (float64(min(n, 254)) - 127) / 32768
		c.k[i] = min(max(c.k[i], -0.99), 0.99)
		left *= 1 - c.k[i]*c.k[i]
	}
	rms := 32768 * math.Pow(10, -float64(payload[0]&Quietest)/20)
	// The filter raises the power by 1/prod(1-k^2); the excitation is uniform,
	// its peak sqrt(3) times its rms.
	c.peak = rms * math.Sqrt(3*left)
}

// Read fills frame with noise and returns its length. A change of level takes
// some 50 ms at 8 kHz.
func (c *Comfort) Read(frame []int16) int {
	for i := range frame {
		c.now += (c.peak - c.now) * 0.005
		x := (float64(c.rnd.Uint64()>>11)/(1<<52) - 1) * c.now
		frame[i] = round16(c.filter.filter(x, c.k[:c.order]))
	}
	return len(frame)
}
