package phone

import (
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// The values of RFC 4028 4, in seconds.
const (
	sessionExpires    = 1800
	minSessionExpires = 90
	maxSessionExpires = 24 * 3600
)

// session is what both ends have agreed about refreshing.
type session struct {
	interval time.Duration // 0 = no session timer
	uac      bool          // the caller of the last request refreshes (refresher=uac)
}

// parseExpires reads a Session-Expires header: "1800;refresher=uac".
func parseExpires(msg interface{ GetHeader(string) sip.Header }) (secs int, refresher string, ok bool) {
	h := msg.GetHeader("Session-Expires")
	if h == nil {
		if h = msg.GetHeader("x"); h == nil { // compact form
			return 0, "", false
		}
	}
	v, params, _ := strings.Cut(h.Value(), ";")
	secs, err := strconv.Atoi(strings.TrimSpace(v))
	if err != nil || secs <= 0 || secs > maxSessionExpires {
		return 0, "", false
	}
	for p := range strings.SplitSeq(params, ";") {
		if k, v, _ := strings.Cut(p, "="); strings.EqualFold(strings.TrimSpace(k), "refresher") {
			refresher = strings.ToLower(strings.TrimSpace(v))
		}
	}
	return secs, refresher, true
}

// agreeUAS answers the session timer of a request (RFC 4028 9). tooSmall asks for a 422.
func agreeUAS(req *sip.Request) (s session, tooSmall bool) {
	secs, refresher, ok := parseExpires(req)
	if !ok {
		return session{}, false
	}
	timer := hasOption(req, "Supported", "timer") || hasOption(req, "Require", "timer")
	if secs < minSessionExpires {
		if timer {
			return session{}, true
		}
		secs = minSessionExpires
	}
	s = session{interval: time.Duration(secs) * time.Second, uac: timer}
	if refresher == "uas" {
		s.uac = false
	}
	return s, false
}

// agreeUAC reads what a 2xx says (RFC 4028 7.2).
func agreeUAC(res *sip.Response) session {
	secs, refresher, ok := parseExpires(res)
	if !ok {
		return session{}
	}
	return session{interval: time.Duration(max(secs, 30)) * time.Second, uac: refresher != "uas"}
}

// next is when to act: half of the interval to refresh, or shortly before its end to give up (RFC 4028 10).
func (s session) next(weRefresh bool) time.Duration {
	if weRefresh {
		return s.interval / 2
	}
	return s.interval - min(32*time.Second, s.interval/3)
}

// sessionTimer runs a session of a call.
type sessionTimer struct {
	session
	we bool // this end refreshes
	t  *timer
}

func (s *sessionTimer) stop() { s.t.stop() }

// negotiateSession looks at the INVITE; a code means that it was refused.
func (c *call) negotiateSession(req *sip.Request) int {
	agreed, tooSmall := agreeUAS(req)
	if tooSmall {
		c.p.answerAs(c.in.tx, c.tag, 422, "Session Interval Too Small", minSE())
		c.over = true
		c.media.close()
		return 422
	}
	c.sess.session, c.sess.we = agreed, !agreed.uac
	return 0
}

func minSE() sip.Header { return sip.NewHeader("Min-SE", strconv.Itoa(minSessionExpires)) }

// describe puts the agreement into a 2xx (RFC 4028 9).
func (s *sessionTimer) describe(res *sip.Response, req *sip.Request) {
	if s.interval == 0 {
		return
	}
	who := "uas"
	if s.uac {
		who = "uac"
	}
	res.AppendHeader(sip.NewHeader("Session-Expires", strconv.Itoa(int(s.interval.Seconds()))+";refresher="+who))
	if s.uac && hasOption(req, "Supported", "timer") {
		res.AppendHeader(sip.NewHeader("Require", "timer"))
	}
}

// request puts the agreement into a refresh of ours (RFC 4028 7.4).
func (s *sessionTimer) request(req *sip.Request) {
	if s.interval == 0 {
		return
	}
	who := "uas"
	if s.we {
		who = "uac"
	}
	req.AppendHeader(sip.NewHeader("Session-Expires", strconv.Itoa(int(s.interval.Seconds()))+";refresher="+who))
	req.AppendHeader(minSE())
}

// start arms the timer of an incoming call, whose agreement is known.
func (s *sessionTimer) start(c *call) {
	s.t.stop()
	if s.interval == 0 || c.over {
		return
	}
	s.t = c.after(s.next(s.we), func() {
		switch {
		case c.over:
		case s.we:
			c.refreshSession()
		default:
			c.bye(c.dlg)
			c.finish(outcome{cause: CauseFailed, byFar: true, status: 408, reason: "the far end did not refresh the session"})
		}
	})
}

// startSessionTimer takes the agreement from the 2xx of our request.
func (c *call) startSessionTimer(res *sip.Response) {
	c.sess.session = agreeUAC(res)
	c.sess.we = c.sess.uac
	c.sess.start(c)
}

// refreshSession keeps the session alive: by UPDATE when the far end allows it, else
// by a re-INVITE with an unchanged offer (RFC 4028 7.4).
func (c *call) refreshSession() {
	if c.over {
		return
	}
	if c.re.busy || c.offer.Pending() {
		c.sess.t = c.after(time.Second, c.refreshSession)
		return
	}
	c.re.busy, c.re.refresh, c.re.hold = true, true, c.held
	if !c.dlg.allows(sip.UPDATE) {
		c.reinvite()
		return
	}
	c.inDialog(c.dlg, sip.UPDATE, func(req *sip.Request) {
		req.AppendHeader(sip.NewHeader("Supported", supported))
		c.sess.request(req)
	}, c.changeAnswered, c.changeFailed)
}

// later tries a refresh again that was refused, while there is time.
func (s *sessionTimer) later(c *call) {
	if !c.re.refresh || s.interval == 0 || !s.we || c.over {
		return
	}
	s.t.stop()
	s.t = c.after(s.interval/8, c.refreshSession)
}

// renewed takes the 2xx of our refresh.
func (s *sessionTimer) renewed(c *call, res *sip.Response) {
	c.re.busy = false
	if s.interval == 0 {
		return
	}
	if agreed := agreeUAC(res); agreed.interval > 0 {
		s.session, s.we = agreed, agreed.uac
	}
	s.start(c)
}

// refreshed takes a refresh of the far end; a code asks for a refusal.
func (s *sessionTimer) refreshed(c *call, req *sip.Request) (int, sip.Header) {
	agreed, tooSmall := agreeUAS(req)
	if tooSmall {
		return 422, minSE()
	}
	s.session, s.we = agreed, agreed.interval > 0 && !agreed.uac
	s.start(c)
	return 0, nil
}
