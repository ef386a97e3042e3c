package media

import (
	"time"

	"housephone/phone/audio"
	"housephone/phone/audio/noise"
)

// What a payload in the jitter buffer is; it stands in front of it.
const (
	kindSound byte = iota
	kindNoise      // comfort noise (RFC 3389)
)

const (
	// quietLevel in dBFS is below any speech, and above the noise of a quiet room.
	quietLevel = -55
	// quietAfter is how long it must be quiet before sound is not sent any more: a pause
	// between words is shorter.
	quietAfter = 300 * time.Millisecond
	// noiseEvery is how often the noise is described anew. It keeps the ways through
	// routers open too.
	noiseEvery = 500 * time.Millisecond
)

// pauses finds out when a description of the noise can take the place of sound.
type pauses struct {
	noise noise.Analyser
	quiet time.Duration // for so long already
	next  time.Duration // of quiet, when the noise is described again
}

// frame takes the next frame. While paused is true no sound is sent; describe asks for the
// description.
func (p *pauses) frame(pcm []int16, length time.Duration) (paused, describe bool) {
	if audio.Level(pcm) > quietLevel {
		*p = pauses{}
		return false, false
	}
	p.noise.Write(pcm)
	p.quiet += length
	if p.quiet < quietAfter {
		p.next = p.quiet
		return false, false
	}
	if p.quiet < p.next {
		return true, false
	}
	p.next = p.quiet + noiseEvery
	return true, true
}
