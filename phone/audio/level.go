package audio

import "math"

// Silence is the level in dBFS of a frame without sound.
const Silence = -96.0

// MaxVolume is the highest volume step: sound as it came.
const MaxVolume = 20

// Gain multiplies samples; 1<<14 is unity.
type Gain int32

const unity = 1 << 14

// VolumeGain is the gain of a volume step: 0 is off, 1 to 20 go from -38 dB to
// 0 dB by 2 dB a step. Steps outside are brought to the nearest.
func VolumeGain(step int) Gain {
	if step <= 0 {
		return 0
	}
	db := 2 * float64(min(step, MaxVolume)-MaxVolume)
	return Gain(math.Round(unity * math.Pow(10, db/20)))
}

// Apply multiplies the frame in place.
func (g Gain) Apply(frame []int16) {
	switch g {
	case unity:
	case 0:
		clear(frame)
	default:
		for i, s := range frame {
			v := (int64(s)*int64(g) + unity/2) >> 14
			frame[i] = int16(min(max(v, math.MinInt16), math.MaxInt16))
		}
	}
}

// Level is the level of a frame in dBFS: a full-scale sine is 0, an empty or
// silent frame is [Silence].
func Level(frame []int16) float64 {
	var sum float64
	for _, s := range frame {
		sum += float64(s) * float64(s)
	}
	if sum == 0 {
		return Silence
	}
	return max(Silence, 10*math.Log10(2*sum/float64(len(frame))/(math.MaxInt16*math.MaxInt16)))
}

// ToneLevel is the level in dBFS of one frequency within a frame, by the
// Goertzel algorithm. A frame of n samples tells frequencies apart that differ
// by rate/n Hz or more.
func ToneLevel(frame []int16, rate int, hz float64) float64 {
	if len(frame) == 0 {
		return Silence
	}
	coeff := 2 * math.Cos(2*math.Pi*hz/float64(rate))
	var s1, s2 float64
	for _, x := range frame {
		s1, s2 = float64(x)+coeff*s1-s2, s1
	}
	power := s1*s1 + s2*s2 - coeff*s1*s2
	if power <= 0 {
		return Silence
	}
	amplitude := 2 * math.Sqrt(power) / float64(len(frame))
	return max(Silence, 20*math.Log10(amplitude/math.MaxInt16))
}

// Frequency is the strongest frequency of a frame in Hz between 50 Hz and half
// the rate, or 0 when the frame is silent (below -60 dBFS).
func Frequency(frame []int16, rate int) float64 {
	if Level(frame) < -60 {
		return 0
	}
	step := max(float64(rate)/float64(len(frame))/2, 1)
	best := strongest(frame, rate, 50, float64(rate)/2, step)
	return strongest(frame, rate, best-step, best+step, step/50)
}

func strongest(frame []int16, rate int, from, to, step float64) float64 {
	best, level := from, math.Inf(-1)
	for hz := from; hz < to; hz += step {
		if l := ToneLevel(frame, rate, hz); l > level {
			best, level = hz, l
		}
	}
	return best
}
