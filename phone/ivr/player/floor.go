package player

import (
	"math"
	"math/rand/v2"
	"slices"

	"housephone/phone/audio"
)

// floorLevel is how loud the floor is in dBFS: far below speech, above what
// G.711 can tell from nothing.
const floorLevel = -62

// Floor is the faint noise that is heard where nothing plays: digital silence
// sounds as if the line were dead. One table serves all calls of a rate.
type Floor struct{ noise []int16 }

// NewFloor makes two seconds of noise at rate Hz, always the same.
func NewFloor(rate int) *Floor {
	rnd := rand.New(rand.NewPCG(1, uint64(rate)))
	shaped := make([]float64, 2*rate)
	last, power := 0.0, 0.0
	smooth := math.Exp(-2 * math.Pi * 1000 / float64(rate)) // dull above 1 kHz, as rooms are
	for range rate / 10 {
		last = smooth*last + (1-smooth)*rnd.NormFloat64()
	}
	for i := range shaped {
		last = smooth*last + (1-smooth)*rnd.NormFloat64()
		shaped[i] = last
		power += last * last
	}
	gain := 32768 * math.Pow(10, floorLevel/20.0) / math.Sqrt(power/float64(len(shaped)))
	f := &Floor{noise: make([]int16, len(shaped))}
	for i, v := range shaped {
		f.noise[i] = int16(math.Round(v * gain))
	}
	return f
}

// Under makes a source that is src, and the floor where src has nothing, or a
// frame of nothing but zeros, as speech engines leave them between sentences.
// The frame is always filled.
func (f *Floor) Under(src audio.Source) audio.Source {
	at := rand.IntN(len(f.noise)) // calls are not alike
	return audio.SourceFunc(func(frame []int16) int {
		n := src.Read(frame)
		if !slices.ContainsFunc(frame[:n], func(v int16) bool { return v != 0 }) {
			n = 0
		}
		for n < len(frame) {
			copied := copy(frame[n:], f.noise[at:])
			n += copied
			at = (at + copied) % len(f.noise)
		}
		return len(frame)
	})
}
