package device

import (
	"math"

	"housephone/phone/audio/resample"
)

// Constants of the loop that follows the clock, a PI controller with a damping
// near one: it takes some 10 s to correct a deviation.
const (
	smoothing = 2.0   // s: time over which the level is averaged
	gain      = 0.12  // 1/s: a deviation of 1 ms asks for 120 ppm
	reset     = 0.003 // 1/s^2
	small     = 2e-3  // s: a deviation above this is not the crystals' and is corrected at a higher gain
	maxClock  = 600   // ppm: crystals stay within 200 of each other
	maxPPM    = resample.MaxDrift
)

// clock finds the correction of the rate that keeps a buffer at its target.
type clock struct {
	mean     float64 // s: fill above target, averaged
	integral float64 // ppm: the difference of the clocks as known so far
}

// update takes the seconds that the buffer holds above its target and the
// seconds since the last update, and returns how many parts in a million more
// samples should come out of the buffer's converter than go in: fewer while
// there are too many.
func (c *clock) update(above, dt float64) float64 {
	c.mean += (above - c.mean) * min(1, dt/smoothing)
	if off := math.Abs(c.mean); off > small {
		return -clamp(c.integral+c.mean*gain*off/small*1e6, maxPPM)
	}
	c.integral = clamp(c.integral+c.mean*reset*dt*1e6, maxClock)
	return -clamp(c.integral+c.mean*gain*1e6, maxPPM)
}

// jump tells that the fill was set to its target by force.
func (c *clock) jump() { c.mean = 0 }

func clamp(v, limit float64) float64 { return min(max(v, -limit), limit) }
