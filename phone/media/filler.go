package media

import "time"

// fillerLength is the piece of sound that is repeated.
const fillerLength = 20 * time.Millisecond

// filler bridges missing sound: the last piece repeated, fading to silence.
type filler struct {
	last  []int16
	known int // samples of last that are set, at its end
	at    int
	fade  int // samples of fade left
}

func newFiller(samples int) filler { return filler{last: make([]int16, samples)} }

// learn remembers the end of what was played.
func (f *filler) learn(pcm []int16) {
	if n := len(f.last) - len(pcm); n > 0 {
		copy(f.last, f.last[len(pcm):])
		copy(f.last[n:], pcm)
	} else {
		copy(f.last, pcm[len(pcm)-len(f.last):])
	}
	f.known = min(f.known+len(pcm), len(f.last))
	f.at = len(f.last) - f.known
	f.fade = fadeFrames * len(f.last)
}

// fill writes the repeat, or silence once it has faded away. It reports
// whether there was sound to repeat.
func (f *filler) fill(dst []int16) bool {
	if f.known == 0 || f.fade == 0 {
		clear(dst)
		return false
	}
	total := fadeFrames * len(f.last)
	for i := range dst {
		dst[i] = int16(int(f.last[f.at]) * f.fade / total)
		if f.at++; f.at == len(f.last) {
			f.at = len(f.last) - f.known
		}
		f.fade = max(f.fade-1, 0)
	}
	return true
}
