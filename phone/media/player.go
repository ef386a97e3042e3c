package media

import (
	"time"

	"housephone/phone/audio"
	"housephone/phone/audio/conceal"
	"housephone/phone/audio/noise"
	"housephone/phone/codec"
	"housephone/phone/codec/opus"
	"housephone/phone/jitter"
)

const (
	maxPayload  = 1280 // bytes of an incoming packet that is played
	popsPerTurn = 16   // packets decoded in one turn at most
	mostMissing = 3    // packets that wait for the one behind them
	// bridged is the length of a gap that concealment fills with sound.
	bridged = 60 * time.Millisecond
	// longestPacket is the most sound in one packet: Opus may put 120 ms in
	// (RFC 6716 2.1.4).
	longestPacket = 120 * time.Millisecond
)

// lossConcealer is a decoder that bridges gaps by itself. next is the packet
// behind the gap, or nil; what it tells of the lost one is used.
type lossConcealer interface {
	Lost(dst []int16, next []byte) int
}

var _ lossConcealer = (*opus.Decoder)(nil)

// player turns the packets of the jitter buffer into frames for the sink. The
// packet length may differ from ours: what is decoded is held until due.
type player struct {
	sink    audio.Sink
	gain    audio.Gain
	codec   codec.Codec
	decoder codec.Decoder
	frame   []int16
	held    []int16 // decoded, not yet played
	most    int     // samples that held and, but for a frame, decoded may grow to
	decoded []int16
	payload []byte
	comfort noise.Comfort
	pause   bool // of the far end: comfort noise fills it
	conceal *conceal.Concealer
	native  lossConcealer // in place of conceal, where the decoder can do it
	missing int           // packets that native shall bridge once the next one is known
	length  int           // samples of a packet
	gap     int           // samples made up since the last good one
	longGap int           // from here on they are silence

	bursts bursts

	concealed uint64
}

// configure takes over the receiving half of a session.
func (p *player) configure(s *session) {
	if p.codec == s.Codec && len(p.frame) == s.samples {
		return // the same sound goes on
	}
	p.codec, p.decoder = s.Codec, s.decoder
	p.frame = make([]int16, s.samples)
	longest := max(maxPayload*max(1, s.Codec.SampleRate/s.Codec.ClockRate), s.Codec.Samples(longestPacket))
	p.decoded = make([]int16, min(longest, 2*s.samples)) // grows when packets are longer
	if _, native := s.decoder.(lossConcealer); native {  // of which the payload does not tell the length
		p.decoded = make([]int16, longest)
	}
	p.held, p.most = make([]int16, 0, 2*s.samples), longest+s.samples
	p.conceal = s.conceal
	p.native, _ = s.decoder.(lossConcealer)
	p.missing, p.pause = 0, false
	p.length = s.samples
	p.longGap = s.Codec.Samples(bridged)
	p.gap = p.longGap // nothing to go on from
}

// turn plays one frame. pop copies the next packet, its kind in front, and tells its
// state.
func (p *player) turn(receive bool, pop func(dst []byte) ([]byte, jitter.State)) {
	for range popsPerTurn {
		if !receive || len(p.held) >= len(p.frame) {
			break
		}
		var state jitter.State
		p.payload, state = pop(p.payload[:0])
		switch state {
		case jitter.OK:
			p.bursts.kept()
			p.arrived(p.payload)
		case jitter.Lost:
			p.bursts.lost()
			if p.missing++; p.native == nil || p.missing > mostMissing {
				p.bridge(nil)
			}
		case jitter.Empty:
			p.bridge(nil)
			p.fill(len(p.frame)-len(p.held), nil)
		}
	}
	if !receive {
		p.held, p.missing, p.pause = p.held[:0], 0, false
	}
	n := copy(p.frame, p.held)
	clear(p.frame[n:])
	p.held = p.held[:copy(p.held, p.held[n:])]
	if p.sink != nil {
		p.gain.Apply(p.frame)
		p.sink.Write(p.frame)
	}
}

// arrived plays a packet, of which the first octet is the kind.
func (p *player) arrived(packet []byte) {
	if len(packet) == 0 {
		return
	}
	payload := packet[1:]
	if packet[0] == kindNoise {
		p.bridge(nil)
		p.comfort.Update(payload)
		p.pause = true
		return
	}
	p.bridge(payload)
	p.pause = false
	p.good(payload)
}

// good plays a packet of sound.
func (p *player) good(payload []byte) {
	p.fit(len(payload) * max(1, p.codec.SampleRate/p.codec.ClockRate))
	n := p.decoder.Decode(p.decoded, payload)
	if n == 0 { // damaged: its time passes all the same
		p.fill(p.length, nil)
		return
	}
	p.gap, p.length = 0, n
	switch {
	case p.sink == nil:
		p.gap = p.longGap // nobody hears it: nothing to go on from
	case p.native == nil:
		p.conceal.Good(p.decoded[:n])
	}
	p.hold(p.decoded[:n])
}

// bridge fills the time of the missing packets; next is the one behind them, or
// nil.
func (p *player) bridge(next []byte) {
	for ; p.missing > 1; p.missing-- {
		p.fill(p.length, nil)
	}
	if p.missing == 1 {
		p.fill(p.length, next)
		p.missing = 0
	}
}

// fit makes room for so many decoded samples, within the bounds of what is played.
func (p *player) fit(samples int) {
	if samples = min(samples, p.most-len(p.frame)); samples > len(p.decoded) {
		p.decoded = make([]int16, samples)
	}
}

func (p *player) hold(pcm []int16) {
	n := min(len(pcm), p.most-len(p.held))
	p.held = append(p.held, pcm[:n]...)
}

// fill bridges n samples that did not arrive, before the packet next if that
// is known.
func (p *player) fill(n int, next []byte) {
	n = min(n, len(p.decoded))
	if n <= 0 {
		return
	}
	if p.pause {
		p.comfort.Read(p.decoded[:n])
		if p.sink != nil {
			p.conceal.Good(p.decoded[:n])
		}
		p.hold(p.decoded[:n])
		return
	}
	clear(p.decoded[:n])
	if p.gap < p.longGap {
		if p.native == nil {
			p.conceal.Lost(p.decoded[:n])
		} else {
			p.native.Lost(p.decoded, next)
		}
		p.concealed++
	}
	p.gap += n
	p.hold(p.decoded[:n])
}
