package phone

import (
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"housephone/phone/sdp"
)

// redirect follows a 3xx to hosts that are allowed (RFC 3261 8.1.3.4).
func (c *call) redirect(res *sip.Response) bool {
	contact := res.Contact()
	if res.StatusCode == 305 || res.StatusCode == 380 || contact == nil || c.out.hops >= maxRedirects {
		return false
	}
	to := contact.Address
	if _, err := parseTarget(to.String()); err != nil { // a tel or mailto URI, for example
		return false
	}
	same := strings.EqualFold(to.Host, c.out.target.Host)
	if (!same && !c.p.isOwn(to)) || c.p.cfg.mayReach(to) != nil {
		c.p.emit(Warning{"a redirection to " + partyOf("", to).URI + " was not followed"})
		return false
	}
	c.out.hops++
	c.out.target = sip.Uri{Scheme: strings.ToLower(to.Scheme), User: to.User, Host: to.Host, Port: to.Port, UriParams: to.UriParams.Clone()}
	c.again()
	return true
}

// longerSession repeats the INVITE with the interval of a 422 (RFC 4028 6).
func (c *call) longerSession(res *sip.Response) bool {
	h := res.GetHeader("Min-SE")
	if h == nil {
		return false
	}
	v, _, _ := strings.Cut(h.Value(), ";")
	secs, err := strconv.Atoi(strings.TrimSpace(v))
	if err != nil || secs <= max(sessionExpires, c.out.minSE) || secs > int((24*time.Hour).Seconds()) {
		return false
	}
	c.out.minSE = secs
	c.again()
	return true
}

// causeOf classifies the final status of an outgoing call.
func causeOf(code int) Cause {
	switch code {
	case 486, 600:
		return CauseBusy
	case 603, 403, 607, 608:
		return CauseDeclined
	case 408, 480:
		return CauseNoAnswer
	case 487:
		return CauseCancelled
	}
	return CauseFailed
}

// withoutSRTP repeats an offer in which encryption was optional (RFC 8643) and that
// was refused as a whole: as RTP/SAVP, which some far ends want, and then in the clear.
func (c *call) withoutSRTP() bool {
	if c.p.cfg.SRTP != sdp.SRTPOptional || c.out.fallback >= 2 {
		return false
	}
	c.out.fallback++
	c.again()
	return true
}

// offered is how our first offer treats encryption.
func (o *outgoing) offered(configured sdp.SRTPMode) sdp.SRTPMode {
	if configured != sdp.SRTPOptional {
		return configured
	}
	return []sdp.SRTPMode{sdp.SRTPOptional, sdp.SRTPRequired, sdp.SRTPOff}[o.fallback]
}
