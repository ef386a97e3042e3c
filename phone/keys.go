package phone

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"housephone/phone/media"
	"housephone/phone/transaction"
)

// sameKey is how close an INFO and an RTP event for one key press may be.
const sameKey = 100 * time.Millisecond

// keyPressed tells a key that came as RTP event.
func (c *call) keyPressed(key string) { c.key(key, false) }

// key tells a key unless the same press has been told because it came the other way too.
func (c *call) key(key string, byInfo bool) {
	now := c.p.now()
	last := c.keys
	if key == last.key && byInfo != last.byInfo && now.Sub(last.at) < sameKey {
		c.keys = keyMemory{} // both halves of this press have come
		return
	}
	c.keys = keyMemory{key: key, at: now, byInfo: byInfo}
	c.p.emit(Key{Slot: c.slot, Key: key})
}

// infoReceived takes keys by INFO (application/dtmf-relay and application/dtmf).
func (c *call) infoReceived(s *transaction.Server) {
	p := c.p
	kind := ""
	if ct := s.Request.ContentType(); ct != nil {
		kind, _, _ = strings.Cut(strings.ToLower(ct.Value()), ";")
	}
	var key string
	switch strings.TrimSpace(kind) {
	case "application/dtmf-relay":
		key = relayKey(string(s.Request.Body()))
	case "application/dtmf":
		key = infoKey(strings.TrimSpace(string(s.Request.Body())))
	case "":
		p.answer(s, 200, "OK") // a keep-alive
		return
	default:
		p.answer(s, 415, "Unsupported Media Type", sip.NewHeader("Accept", "application/dtmf-relay, application/dtmf"))
		return
	}
	if key == "" {
		p.answer(s, 400, "Bad Key")
		return
	}
	p.answer(s, 200, "OK")
	c.key(key, true)
}

// relayKey reads "Signal=5" of application/dtmf-relay.
func relayKey(body string) string {
	for line := range strings.SplitSeq(body, "\n") {
		k, v, ok := strings.Cut(line, "=")
		if ok && strings.EqualFold(strings.TrimSpace(k), "signal") {
			return infoKey(strings.TrimSpace(v))
		}
	}
	return ""
}

func isKey(r rune) bool { return strings.ContainsRune("0123456789*#ABCD", r) }

// infoKey reads one key, also as an event number (RFC 4733 3.2: 10 is *, 11 is #, 12 to 15 are A to D).
func infoKey(v string) string {
	v = strings.ToUpper(v)
	if len(v) == 1 && isKey(rune(v[0])) {
		return v
	}
	if n, err := strconv.Atoi(v); err == nil && n >= 10 && n <= 15 {
		return string("*#ABCD"[n-10])
	}
	return ""
}

// sendKeys sends keys in the configured way; reply is called when the last one is out.
func (c *call) sendKeys(keys string, reply func(error)) {
	p := c.p
	if c.over || !c.media.live {
		reply(errf(Refused, "no call is active"))
		return
	}
	switch p.cfg.DTMF {
	case DTMFInband:
		c.inTurn(reply, func(reply func(error)) { c.playKeys(keys, reply) })
		return
	case DTMFEvent:
		err := c.media.stream.SendDTMF(keys, func() { p.post(func() { reply(nil) }) })
		switch {
		case err == nil:
			return
		case errors.Is(err, media.ErrNoTelephoneEvent):
		case errors.Is(err, media.ErrNotSending):
			reply(errf(Refused, "the call is on hold"))
			return
		default:
			reply(asError(err, Invalid))
			return
		}
	case DTMFInfo:
	}
	if c.dlg == nil {
		reply(errf(Refused, "the call is not answered"))
		return
	}
	c.inTurn(reply, func(reply func(error)) { c.infoKeys(keys, reply) })
}

// maxTyping bounds the commands whose keys wait for those before them.
const maxTyping = 32

// inTurn sends keys when those of the commands before are out. Telephone-events are queued by the stream itself.
func (c *call) inTurn(reply func(error), send func(reply func(error))) {
	if len(c.typing) >= maxTyping {
		reply(errf(Refused, "too many keys wait to be sent"))
		return
	}
	c.typing = append(c.typing, func() {
		send(func(err error) {
			reply(err)
			if c.typing = c.typing[1:]; len(c.typing) > 0 {
				c.typing[0]()
			}
		})
	})
	if len(c.typing) == 1 {
		c.typing[0]()
	}
}

// infoKeys sends one INFO a key, each after the answer to the one before.
func (c *call) infoKeys(keys string, reply func(error)) {
	p := c.p
	if c.over || keys == "" {
		if keys == "" {
			reply(nil)
		} else {
			reply(errf(Refused, "the call has ended"))
		}
		return
	}
	if keys[0] == ',' {
		c.after(500*time.Millisecond, func() { c.infoKeys(keys[1:], reply) })
		return
	}
	c.inDialog(c.dlg, sip.INFO, func(req *sip.Request) {
		ct := sip.ContentTypeHeader("application/dtmf-relay")
		req.AppendHeader(&ct)
		req.SetBody(fmt.Appendf(nil, "Signal=%c\r\nDuration=%d\r\n", keys[0], p.cfg.ToneDuration.Milliseconds()))
	}, func(res *sip.Response) {
		if !res.IsSuccess() {
			reply(statusError(res.StatusCode, clean(res.Reason), "the far end"))
			return
		}
		c.after(p.cfg.ToneGap, func() { c.infoKeys(keys[1:], reply) })
	}, func(err error) { reply(p.reachError(err, c.remote)) })
}

// playKeys sends tones as sound, for far ends that know nothing else.
func (c *call) playKeys(keys string, reply func(error)) {
	if c.over {
		reply(errf(Refused, "the call has ended"))
		return
	}
	src, length, err := newKeySource(c.media.rateOr(8000), keys, c.p.cfg.ToneDuration, c.p.cfg.ToneGap)
	if err != nil {
		reply(asError(err, Invalid))
		return
	}
	c.media.keys = src
	c.media.connect()
	c.after(length, func() {
		c.media.keys = nil
		c.media.connect()
		reply(nil)
	})
}
