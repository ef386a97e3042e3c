package media

import (
	"strings"
	"time"
)

// rating is the transmission rating R from 0 to 93.2 by the E-model (ITU-T G.107) with
// all but delay, loss and codec at their default, in the usual simplification of its delay
// term. oneWay 0 leaves the delay out: that is how it sounds, not how it talks.
func rating(codecName string, lossPercent float64, oneWay time.Duration) float64 {
	const best = 93.2 // R with nothing impaired
	d := float64(oneWay) / float64(time.Millisecond)
	delay := 0.024 * d
	if d > 177.3 {
		delay += 0.11 * (d - 177.3)
	}
	ie, robustness := impairment(codecName)
	loss := ie + (95-ie)*lossPercent/(lossPercent+robustness)
	return min(max(best-delay-loss, 0), 100)
}

// mos is the mean opinion score from 1 to 4.5.
func mos(codecName string, lossPercent float64, oneWay time.Duration) float64 {
	return opinion(rating(codecName, lossPercent, oneWay))
}

// opinion is the mean opinion score of a rating (G.107 annex B).
func opinion(r float64) float64 {
	return min(max(1+0.035*r+r*(r-60)*(100-r)*7e-6, 1), 4.5)
}

// impairment is a codec's equipment factor Ie and its robustness to random loss Bpl, both
// on the narrow-band scale, with concealment.
//
// PCMU and PCMA are of ITU-T G.113 appendix I. L16 is taken as the same: its packets are
// bridged in the same way. For G.722 and Opus there are figures on the wide-band scale
// only, where their sound counts for more than the best of a telephone; here they count as
// free of impairment, so that a score tells of the line and not of the codec. Their
// robustness is that of G.722 with the concealment of its appendix IV, and of G.711 for
// Opus, which carries a copy of what was lost.
func impairment(codecName string) (ie, bpl float64) {
	switch strings.ToUpper(codecName) {
	case "PCMU", "PCMA", "L16", "OPUS":
		return 0, 25.1
	case "G722":
		return 0, 13
	}
	return 0, 20
}
