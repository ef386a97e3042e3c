package echo

const (
	slow     = 0.05 // weight of a block in the means
	fast     = 0.1  // and in the regression
	slip     = 0.5  // share of the echo left that tells of another room
	slipTime = 40   // blocks in a row
	known    = 0.1  // share left below which the room has been learnt
)

// leakage measures which share of the echo that the filter takes away is still
// left: the regression of the error's power on the echo's, over their changes.
// What the near end says changes by itself and falls out of it.
type leakage struct {
	share   float32
	ey, yy  float32
	learnt  bool
	slipped int
}

// measure takes the powers of error and echo; me and my are their means.
func (l *leakage) measure(pe, py, me, my []float32) {
	var ey, yy, total float32
	for k := range pe {
		de, dy := pe[k]-me[k], py[k]-my[k]
		ey += de * dy
		yy += dy * dy
		me[k] += slow * de
		my[k] += slow * dy
		total += py[k]
	}
	if total < float32(len(py))*100 { // no echo to speak of
		return
	}
	// A loud block says more than a soft one; one huge block must not say all.
	l.ey += fast * (ey - l.ey)
	l.yy += fast * (yy - l.yy)
	l.share = min(max(l.ey/(l.yy+1), 0.001), 1)
	if l.share < known {
		l.learnt = true
	}
	if l.share > slip {
		l.slipped++
	} else {
		l.slipped = 0
	}
}

// changed is true once when the echo slips through that was known before.
func (l *leakage) changed() bool {
	if !l.learnt || l.slipped < slipTime {
		return false
	}
	l.learnt, l.slipped = false, 0
	return true
}
