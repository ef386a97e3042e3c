package media

import (
	"math"
	"time"

	"github.com/pion/rtcp"
)

const (
	unknown127 = 127 // a value that is not available (RFC 3611 4.7)
	gmin       = 16  // packets in a row that end a burst (RFC 3611 4.7.2)
	// xrConfig says: better concealment than silence, an adaptive jitter buffer of medium
	// speed (RFC 3611 4.7.6).
	xrConfig = 2<<6 | 3<<4 | 8
)

// bursts tells losses that come together from single ones: the Markov model of RFC 3611
// appendix A.2. It counts turns of the jitter buffer, so that packets too late are lost.
type bursts struct {
	received int // since the last loss
	together int // losses of the present burst

	gapKept, gapLost, begun        float64 // within gaps; bursts between gaps
	burstKept, burstLost, lostLost float64 // within bursts; losses behind a loss
}

func (b *bursts) kept() { b.received++ }

func (b *bursts) lost() {
	if b.received >= gmin {
		switch b.together { // what the losses before have been
		case 0:
		case 1:
			b.gapLost++
		default:
			b.begun++
		}
		b.together = 1
		b.gapKept += float64(b.received)
	} else {
		b.together++
		if b.received == 0 {
			b.lostLost++
		} else {
			b.burstLost++
			b.burstKept += float64(b.received - 1)
		}
	}
	b.received = 0
}

// fill writes densities and lengths for packets of the given length. Lengths stay 0 before
// the first burst has ended.
func (b *bursts) fill(m *rtcp.VoIPMetricsReportBlock, packet time.Duration) {
	m.Gmin = gmin
	m.GapDensity = share(b.gapLost, b.gapKept+float64(b.received)+b.gapLost)
	if b.begun == 0 {
		return
	}
	toLoss := 1.0 // from kept to lost within a burst
	if n := b.burstKept + b.burstLost; n >= 1 {
		toLoss = b.burstLost / n
	}
	toKept := b.burstLost / (b.begun + b.burstLost + b.lostLost)
	m.BurstDensity = share(toLoss, toLoss+toKept)
	length := float64(packet) / float64(time.Millisecond) / b.begun
	gaps := b.gapKept + b.gapLost + b.begun
	m.GapDuration = upTo16(gaps * length)
	m.BurstDuration = upTo16((b.burstKept + b.burstLost + b.begun + b.lostLost) * length)
}

// share is part of all in 1/256.
func share(part, all float64) uint8 {
	if all <= 0 {
		return 0
	}
	return uint8(min(max(256*part/all, 0), 255))
}

func upTo16(v float64) uint16 { return uint16(min(max(math.Round(v), 0), math.MaxUint16)) }

func milliseconds(d time.Duration) uint16 { return upTo16(float64(d) / float64(time.Millisecond)) }

// voice is our VoIP metrics block on the far end (RFC 3611 4.7).
func (r *receiver) voice(b *bursts) *rtcp.VoIPMetricsReportBlock {
	s, held := r.session, r.buffer.Stats()
	expected := float64(r.stats.totalExpected())
	lost := float64(max(r.stats.lost()+int64(held.Duplicates), 0))
	percent := 100 * (lost + float64(held.Late)) / max(expected, 1)
	own := held.Delay + s.Ptime // the ways of sound through us, jitter buffer and packet
	listening, talking := rating(s.Codec.Name, percent, 0), rating(s.Codec.Name, percent, r.report.rtt/2+own)
	m := &rtcp.VoIPMetricsReportBlock{
		SSRC:     r.lock.ssrc,
		LossRate: share(lost, expected), DiscardRate: share(float64(held.Late), expected),
		RoundTripDelay: milliseconds(r.report.rtt), EndSystemDelay: milliseconds(own),
		SignalLevel: unknown127, NoiseLevel: unknown127, RERL: unknown127, ExtRFactor: unknown127,
		RFactor: uint8(math.Round(talking)),
		MOSLQ:   uint8(math.Round(10 * opinion(listening))), MOSCQ: uint8(math.Round(10 * opinion(talking))),
		RXConfig:  xrConfig,
		JBNominal: milliseconds(held.Target), JBMaximum: milliseconds(maxBuffer), JBAbsMax: milliseconds(maxBuffer),
	}
	b.fill(m, s.Ptime)
	return m
}

// voice takes what the far end says of our sound.
func (h *heardReport) voice(m *rtcp.VoIPMetricsReportBlock) {
	const least, most = 10, 50 // tenths; else not known (RFC 3611 4.7.5)
	for _, score := range []uint8{m.MOSLQ, m.MOSCQ} {
		if score >= least && score <= most {
			h.mos = float64(score) / 10
		}
	}
	if m.RFactor <= 100 {
		h.rFactor = m.RFactor
	}
}
