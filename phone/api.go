package phone

import (
	"context"
	"errors"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// ask runs f on the line and waits until it has replied.
func (p *Phone) ask(ctx context.Context, f func(reply func(error))) error {
	done := make(chan error, 1)
	posted := p.box.post(func() {
		if p.stopping {
			done <- errf(Refused, "the phone is stopping")
			return
		}
		f(func(err error) {
			select {
			case done <- err:
			default: // an answer is given once
			}
		})
	})
	if !posted {
		return errf(Refused, "the phone is not running")
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return errf(Timeout, "no outcome in time")
		}
		return errf(Failed, "given up: %v", ctx.Err())
	}
}

// pick finds the call of a slot; 0 is the one that became active last.
func (p *Phone) pick(slot int) (*call, error) {
	c := p.current
	if slot != 0 {
		if slot < 0 || slot > len(p.slots) {
			return nil, errf(Invalid, "there are the calls 1 to %d", len(p.slots))
		}
		c = p.slots[slot-1]
	}
	if c == nil {
		return nil, errf(Refused, "no call is in progress")
	}
	return c, nil
}

// Call dials a SIP URI. It returns when the far end rings or better, or with the
// reason why that did not happen.
func (p *Phone) Call(ctx context.Context, uri string) error {
	target, err := parseTarget(uri)
	if err != nil {
		return err
	}
	return p.ask(ctx, func(reply func(error)) {
		switch {
		case !p.active:
			reply(errf(Refused, "this instance is not the active one"))
		case len(p.cfg.AllowTo) > 0 && !p.cfg.AllowTo.Match(target):
			reply(errf(Refused, "calls to %s are not allowed by SIP_ALLOW_TO", partyOf("", target).User))
		case len(p.liveCalls()) >= p.cfg.MaxCalls:
			reply(errf(Busy, "a call is in progress"))
		default:
			c := p.newCall(Out, newCallID())
			p.inHand = c
			c.take()
			c.out.replies = append(c.out.replies, reply)
			c.dial(target, "")
		}
	})
}

// Answer accepts the ringing call.
func (p *Phone) Answer(ctx context.Context, slot int) error {
	return p.ask(ctx, func(reply func(error)) {
		c := p.ringingCall(slot)
		if c == nil {
			reply(errf(Refused, "nothing is ringing"))
			return
		}
		p.inHand = c
		c.accept()
		if c.over {
			reply(errf(Failed, "the call could not be answered"))
			return
		}
		reply(nil)
	})
}

func (p *Phone) ringingCall(slot int) *call {
	for _, c := range p.slots {
		if c != nil && c.status == StatusRing && (slot == 0 || slot == c.slot) {
			return c
		}
	}
	return nil
}

// Hangup ends, declines or cancels a call.
func (p *Phone) Hangup(ctx context.Context, slot int) error {
	return p.ask(ctx, func(reply func(error)) {
		c, err := p.pick(slot)
		if err != nil {
			reply(err)
			return
		}
		p.inHand = c
		o := outcome{cause: CauseCompleted}
		switch c.status {
		case StatusRing:
			o.cause = CauseDeclined
		case StatusDial:
			o.cause = CauseCancelled
		}
		c.hangup(o)
		reply(nil)
	})
}

// Transfer sends the far end of an active call, or a ringing caller, to another address.
func (p *Phone) Transfer(ctx context.Context, slot int, uri string) error {
	target, err := parseTarget(uri)
	if err != nil {
		return err
	}
	return p.ask(ctx, func(reply func(error)) {
		c, err := p.pick(slot)
		switch {
		case err != nil:
			reply(err)
		case len(p.cfg.AllowTo) > 0 && !p.cfg.AllowTo.Match(target):
			reply(errf(Refused, "calls to %s are not allowed by SIP_ALLOW_TO", partyOf("", target).User))
		default:
			p.inHand = c
			c.transferTo(target, reply)
		}
	})
}

// Hold holds or resumes.
func (p *Phone) Hold(ctx context.Context, slot int, on bool) error {
	return p.onCall(ctx, slot, func(c *call, reply func(error)) { c.setHold(on, reply) })
}

// Mute sends silence instead of the microphone. It ends with the call.
func (p *Phone) Mute(ctx context.Context, slot int, on bool) error {
	return p.onCall(ctx, slot, func(c *call, reply func(error)) {
		c.muted = on
		c.media.pauseSource(c.held)
		p.changed()
		reply(nil)
	})
}

// SendKeys sends DTMF keys 0-9 * # A-D; a comma is half a second of pause. It
// returns when the last one is out.
func (p *Phone) SendKeys(ctx context.Context, slot int, keys string) error {
	if keys == "" || strings.Trim(keys, "0123456789*#ABCD,") != "" {
		return errf(Invalid, "keys are 0-9, *, #, A-D and the comma for a pause")
	}
	return p.onCall(ctx, slot, func(c *call, reply func(error)) { c.sendKeys(keys, reply) })
}

func (p *Phone) onCall(ctx context.Context, slot int, f func(*call, func(error))) error {
	return p.ask(ctx, func(reply func(error)) {
		c, err := p.pick(slot)
		if err != nil {
			reply(err)
			return
		}
		p.inHand = c
		f(c, reply)
	})
}

// set changes a setting on the line.
func (p *Phone) set(ctx context.Context, f func()) error {
	return p.ask(ctx, func(reply func(error)) {
		f()
		p.changed()
		reply(nil)
	})
}

// SetAutoAnswer answers calls without asking.
func (p *Phone) SetAutoAnswer(ctx context.Context, on bool) error {
	return p.set(ctx, func() { p.autoAnswer = on })
}

// SetDND sends callers away as busy.
func (p *Phone) SetDND(ctx context.Context, on bool) error { return p.set(ctx, func() { p.dnd = on }) }

// SetVolume sets how loud the far end is heard: 0 is off, 20 full scale.
func (p *Phone) SetVolume(ctx context.Context, volume int) error {
	if volume < 0 || volume > 20 {
		return errf(Invalid, "the volume is off or 1 to 20")
	}
	return p.set(ctx, func() {
		p.volume = volume
		for _, c := range p.liveCalls() {
			if c.media.stream != nil {
				c.media.stream.SetVolume(volume)
			}
		}
	})
}

// Register registers now and tells how it went.
func (p *Phone) Register(ctx context.Context) error { return p.ask(ctx, p.reg.now) }

// SetActive makes this instance the active one of its pair; an inactive one has
// no registration, refuses calls and ends those it has.
func (p *Phone) SetActive(ctx context.Context, on bool) error {
	return p.set(ctx, func() {
		if p.active == on {
			return
		}
		p.active = on
		if on {
			p.reg.start()
			return
		}
		for _, c := range p.liveCalls() {
			c.hangup(outcome{cause: CauseCompleted, reason: "another instance has taken over"})
		}
		p.reg.stop()
	})
}

// Message sends a SIP MESSAGE.
func (p *Phone) Message(ctx context.Context, uri, body string) error {
	target, err := parseTarget(uri)
	if err != nil {
		return err
	}
	if body == "" || len(body) > maxMessageBody {
		return errf(Invalid, "a message has 1 to %d bytes", maxMessageBody)
	}
	return p.ask(ctx, func(reply func(error)) { p.sendMessage(target, body, reply) })
}

// Options asks a SIP address what it can do and returns the status of the answer.
func (p *Phone) Options(ctx context.Context, uri string) (code int, reason string, err error) {
	target, err := parseTarget(uri)
	if err != nil {
		return 0, "", err
	}
	err = p.ask(ctx, func(reply func(error)) {
		p.oneRequest(sip.OPTIONS, target, func(req *sip.Request) {
			req.AppendHeader(sip.NewHeader("Accept", "application/sdp"))
		}, func(res *sip.Response, err error) {
			if err != nil {
				reply(p.reachError(err, partyOf("", target)))
				return
			}
			code, reason = res.StatusCode, clean(res.Reason)
			reply(nil)
		})
	})
	return code, reason, err
}

// Snapshot is the present state.
func (p *Phone) Snapshot(ctx context.Context) (State, error) {
	var s State
	err := p.ask(ctx, func(reply func(error)) {
		for _, c := range p.liveCalls() {
			if c.media.stream != nil {
				c.media.last = qualityOf(c.media.stream.Stats())
			}
		}
		s = p.state()
		reply(nil)
	})
	return s, err
}

// parseTarget reads a SIP URI that a person or program gave; nothing that could
// break out of a header line passes (RFC 3261 25.1).
func parseTarget(s string) (sip.Uri, error) {
	var uri sip.Uri
	if hasControl(s) || strings.ContainsAny(s, "<>\"\\ ,") || len(s) > 512 {
		return uri, errf(Invalid, "%q is not a SIP address", clean(s))
	}
	if err := sip.ParseUri(s, &uri); err != nil || uri.Host == "" || uri.Wildcard {
		return uri, errf(Invalid, "%q is not a SIP address", clean(s))
	}
	if scheme := strings.ToLower(uri.Scheme); scheme != "sip" && scheme != "sips" {
		return uri, errf(Invalid, "%q is not a SIP address", clean(s))
	}
	uri.Headers = nil
	return uri, nil
}
