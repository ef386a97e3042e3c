package device

import "time"

const (
	together = 2 * time.Millisecond // what moves within this time is one piece
	settled  = 16                   // pieces that the usual length is a mean of
)

// pace finds the length of the pieces in which one side of a buffer moves sound.
type pace struct {
	usual float64 // samples
	begun time.Duration
	sum   int // samples of the piece so far
	count int // pieces before it
}

// move tells that n samples move at now, and returns whether a piece begins with them.
func (p *pace) move(n int, now time.Duration) bool {
	if p.sum > 0 && now-p.begun < together {
		p.sum += n
		if p.count == 0 {
			p.usual = float64(p.sum)
		}
		return false
	}
	if p.sum > 0 {
		p.count = min(p.count+1, settled)
		// One long piece, after a stall, is not the usual one.
		last := min(float64(p.sum), 2*p.usual)
		p.usual += (last - p.usual) / float64(p.count)
	} else {
		p.usual = float64(n)
	}
	p.begun, p.sum = now, n
	return true
}
