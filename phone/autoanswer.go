package phone

import (
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"housephone/phone/transaction"
)

// autoAnswerDelay tells whether a call is answered by itself, and when: by the
// setting, or because an allowed caller asks for it.
func (p *Phone) autoAnswerDelay(s *transaction.Server) (time.Duration, bool) {
	if p.autoAnswer {
		return p.cfg.AutoAnswerDelay, true
	}
	if _, caller := p.asserted(s); !p.cfg.AutoAnswerFor.Match(caller) {
		return 0, false
	}
	return askedToAnswer(s.Request)
}

// askedToAnswer knows the headers that phones use to open an intercom: Answer-Mode
// (RFC 5373), Call-Info with answer-after, Alert-Info and P-Auto-Answer.
func askedToAnswer(req *sip.Request) (time.Duration, bool) {
	for _, name := range []string{"Answer-Mode", "Priv-Answer-Mode"} {
		for _, h := range req.GetHeaders(name) {
			mode, _, _ := strings.Cut(h.Value(), ";")
			if strings.EqualFold(strings.TrimSpace(mode), "auto") {
				return 0, true
			}
		}
	}
	for _, h := range req.GetHeaders("P-Auto-Answer") {
		if strings.EqualFold(strings.TrimSpace(h.Value()), "normal") {
			return 0, true
		}
	}
	for _, name := range []string{"Call-Info", "Alert-Info"} {
		for _, h := range req.GetHeaders(name) {
			if d, ok := answerAfter(strings.ToLower(h.Value())); ok {
				return d, true
			}
		}
	}
	return 0, false
}

func answerAfter(v string) (time.Duration, bool) {
	if _, rest, ok := strings.Cut(v, "answer-after="); ok {
		if i := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
			rest = rest[:i]
		}
		if secs, err := strconv.Atoi(rest); err == nil && secs <= 60 {
			return time.Duration(secs) * time.Second, true
		}
	}
	for _, word := range []string{"alert-autoanswer", "auto answer", "auto-answer", "ring answer"} {
		if strings.Contains(v, word) {
			return 0, true
		}
	}
	return 0, false
}
