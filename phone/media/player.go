package media

import (
	"time"

	"housephone/phone/audio"
	"housephone/phone/audio/conceal"
	"housephone/phone/codec"
	"housephone/phone/jitter"
)

const (
	maxPayload  = 1280 // bytes of an incoming packet that is played
	popsPerTurn = 16   // packets decoded in one turn at most
	// bridged is the length of a gap that concealment fills with sound.
	bridged = 60 * time.Millisecond
)

// player turns the packets of the jitter buffer into frames for the sink. The
// packet length may differ from ours: what is decoded is held until due.
type player struct {
	sink    audio.Sink
	gain    audio.Gain
	codec   codec.Codec
	decoder codec.Decoder
	frame   []int16
	held    []int16 // decoded, not yet played; cap is fixed
	decoded []int16
	payload [maxPayload]byte
	conceal *conceal.Concealer
	length  int // samples of a packet
	gap     int // samples made up since the last good one
	longGap int // from here on they are silence

	concealed uint64
}

// configure takes over the receiving half of a session.
func (p *player) configure(s *session) {
	if p.codec == s.Codec && len(p.frame) == s.samples {
		return // the same sound goes on
	}
	p.codec, p.decoder = s.Codec, s.decoder
	p.frame = make([]int16, s.samples)
	longest := maxPayload * max(1, s.Codec.SampleRate/s.Codec.ClockRate)
	if len(p.decoded) != longest {
		p.decoded = make([]int16, longest)
	}
	p.held = make([]int16, 0, longest+s.samples)
	p.conceal = s.conceal
	p.length = s.samples
	p.longGap = s.Codec.Samples(bridged)
	p.gap = p.longGap // nothing to go on from
}

// turn plays one frame. pop copies the next packet's payload and tells its
// state.
func (p *player) turn(receive bool, pop func(dst []byte) (int, jitter.State)) {
	for range popsPerTurn {
		if !receive || len(p.held) >= len(p.frame) {
			break
		}
		n, state := pop(p.payload[:])
		switch state {
		case jitter.OK:
			n = p.decoder.Decode(p.decoded, p.payload[:n])
			p.conceal.Good(p.decoded[:n])
			p.hold(p.decoded[:n])
			p.gap, p.length = 0, n
		case jitter.Lost:
			p.fill(p.length)
		case jitter.Empty:
			p.fill(len(p.frame) - len(p.held))
		}
	}
	if !receive {
		p.held = p.held[:0]
	}
	n := copy(p.frame, p.held)
	clear(p.frame[n:])
	p.held = p.held[:copy(p.held, p.held[n:])]
	if p.sink != nil {
		p.gain.Apply(p.frame)
		p.sink.Write(p.frame)
	}
}

func (p *player) hold(pcm []int16) {
	n := min(len(pcm), cap(p.held)-len(p.held))
	p.held = append(p.held, pcm[:n]...)
}

// fill bridges n samples that did not arrive.
func (p *player) fill(n int) {
	n = min(n, len(p.decoded))
	if p.gap < p.longGap {
		p.conceal.Lost(p.decoded[:n])
		p.concealed++
	} else {
		clear(p.decoded[:n])
	}
	p.gap += n
	p.hold(p.decoded[:n])
}
