package conceal

import "math"

// voiced is the least correlation of a period that is worth repeating. Below it
// there is no pitch, and the longest loop sounds least like one.
const voiced = 0.3

// findPeriod returns the lag at which the past resembles itself most, searched
// at about 4 kHz first and then around the best at the full rate.
func (c *Concealer) findPeriod() int {
	m := c.decimation()
	first := len(c.past) - len(c.low)*m
	for i := range c.low {
		sum := float32(0)
		for _, v := range c.past[first+i*m : first+(i+1)*m] {
			sum += v
		}
		c.low[i] = sum
	}
	coarse, match := search(c.low, c.samples(template)/m, c.samples(shortest)/m, c.samples(longest)/m)
	if match < voiced {
		return c.samples(longest)
	}
	from := max((coarse-1)*m, c.samples(shortest))
	to := min((coarse+1)*m, c.samples(longest))
	fine, _ := search(c.past, c.samples(template), from, to)
	return fine
}

// search returns the lag from..to at which the last n samples of x correlate
// best with those a lag before, and how well (-1..1).
func search(x []float32, n, from, to int) (lag int, match float32) {
	now := x[len(x)-n:]
	to = min(to, len(x)-n)
	own := energy(now)
	match = -2
	for l := from; l <= to; l++ {
		then := x[len(x)-n-l : len(x)-l]
		sum := float32(0)
		for i, v := range now {
			sum += v * then[i]
		}
		r := sum / float32(math.Sqrt(float64(own*energy(then)))+1)
		if r > match {
			lag, match = l, r
		}
	}
	return lag, match
}

func energy(x []float32) float32 {
	sum := float32(0)
	for _, v := range x {
		sum += v * v
	}
	return sum
}
