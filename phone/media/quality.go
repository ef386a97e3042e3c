package media

import (
	"strings"
	"time"
)

// mos is the listening quality from 1 to 4.5 by the E-model (ITU-T G.107) with
// all but delay, loss and codec at their default, in the usual simplification
// of its delay term.
func mos(codecName string, lossPercent float64, oneWay time.Duration) float64 {
	const best = 93.2 // R with nothing impaired
	d := float64(oneWay) / float64(time.Millisecond)
	delay := 0.024 * d
	if d > 177.3 {
		delay += 0.11 * (d - 177.3)
	}
	ie, robustness := impairment(codecName)
	loss := ie + (95-ie)*lossPercent/(lossPercent+robustness)
	r := min(max(best-delay-loss, 0), 100)
	return min(max(1+0.035*r+r*(r-60)*(100-r)*7e-6, 1), 4.5)
}

// impairment is a codec's equipment factor Ie and its robustness to random
// loss Bpl (ITU-T G.113 Appendix I; concealment is assumed).
func impairment(codecName string) (ie, bpl float64) {
	switch strings.ToUpper(codecName) {
	case "PCMU", "PCMA":
		return 0, 25.1
	case "G722":
		return 0, 13
	}
	return 0, 20
}
