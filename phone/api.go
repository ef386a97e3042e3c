package phone

import (
	"context"
	"errors"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// Pending is a command that the line has taken. Commands are carried out in the
// order in which the methods of Phone were called, whoever waits for them.
type Pending struct{ done chan error }

// Wait returns the outcome, or an Error when ctx ends first.
func (w *Pending) Wait(ctx context.Context) error {
	select {
	case err := <-w.done:
		return err
	default:
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return errf(Timeout, "no outcome in time")
		}
		return errf(Failed, "given up: %v", ctx.Err())
	}
}

func ended(err error) *Pending {
	w := &Pending{done: make(chan error, 1)}
	w.done <- err
	return w
}

// ask posts f to the line, which replies once.
func (p *Phone) ask(f func(reply func(error))) *Pending {
	w := &Pending{done: make(chan error, 1)}
	posted := p.box.post(func() {
		if p.stopping {
			w.done <- errf(Refused, "the phone is stopping")
			return
		}
		f(func(err error) {
			select {
			case w.done <- err:
			default: // an answer is given once
			}
		})
	})
	if !posted {
		return ended(errf(Refused, "the phone is not running"))
	}
	return w
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
func (p *Phone) Call(uri string) *Pending { return p.Place(Order{URI: uri}) }

// Answer accepts the ringing call, or takes over one that is unattended.
func (p *Phone) Answer(slot int) *Pending {
	return p.ask(func(reply func(error)) {
		c := p.ringingCall(slot)
		if c == nil {
			if c = p.unattendedCall(slot); c != nil {
				c.media.takePart()
				reply(nil)
				return
			}
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

func (p *Phone) unattendedCall(slot int) *call {
	for _, c := range p.slots {
		if c != nil && c.status == StatusActive && c.media.aside && (slot == 0 || slot == c.slot) {
			return c
		}
	}
	return nil
}

// Hangup ends, declines or cancels a call.
func (p *Phone) Hangup(slot int) *Pending {
	return p.ask(func(reply func(error)) {
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
func (p *Phone) Transfer(slot int, uri string) *Pending {
	target, err := parseTarget(uri)
	if err != nil {
		return ended(err)
	}
	return p.onCall(slot, func(c *call, reply func(error)) { c.mayTransferTo(target, reply) })
}

// Hold holds or resumes.
func (p *Phone) Hold(slot int, on bool) *Pending {
	return p.onCall(slot, func(c *call, reply func(error)) { c.setHold(on, reply) })
}

// Mute sends silence instead of the microphone. It ends with the call.
func (p *Phone) Mute(slot int, on bool) *Pending {
	return p.onCall(slot, func(c *call, reply func(error)) {
		c.muted = on
		c.media.pauseSource(c.held)
		p.changed()
		reply(nil)
	})
}

// SendKeys sends DTMF keys 0-9 * # A-D; a comma is half a second of pause. It
// returns when the last one is out.
func (p *Phone) SendKeys(slot int, keys string) *Pending {
	if keys == "" || strings.Trim(keys, "0123456789*#ABCD,") != "" {
		return ended(errf(Invalid, "keys are 0-9, *, #, A-D and the comma for a pause"))
	}
	return p.onCall(slot, func(c *call, reply func(error)) { c.sendKeys(keys, reply) })
}

func (p *Phone) onCall(slot int, f func(*call, func(error))) *Pending {
	return p.ask(func(reply func(error)) {
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
func (p *Phone) set(f func()) *Pending {
	return p.ask(func(reply func(error)) {
		f()
		p.changed()
		reply(nil)
	})
}

// SetAutoAnswer answers calls without asking.
func (p *Phone) SetAutoAnswer(on bool) *Pending {
	return p.set(func() { p.autoAnswer = on })
}

// SetDND sends callers away as busy.
func (p *Phone) SetDND(on bool) *Pending { return p.set(func() { p.dnd = on }) }

// SetVolume sets how loud the far end is heard: 0 is off, 20 full scale.
func (p *Phone) SetVolume(volume int) *Pending {
	if volume < 0 || volume > 20 {
		return ended(errf(Invalid, "the volume is off or 1 to 20"))
	}
	return p.set(func() {
		p.volume = volume
		for _, c := range p.liveCalls() {
			if c.media.stream != nil {
				c.media.stream.SetVolume(volume)
			}
		}
	})
}

// Register registers now and tells how it went.
func (p *Phone) Register() *Pending { return p.ask(p.reg.now) }

// SetActive makes this instance the active one of its pair; an inactive one has
// no registration, refuses calls and ends those it has.
func (p *Phone) SetActive(on bool) *Pending {
	return p.set(func() {
		if p.active == on {
			return
		}
		if on {
			if p.cfg.MayAct != nil && !p.cfg.MayAct() { // it was, when this was asked for
				return
			}
			p.active = true
			p.reg.start()
			return
		}
		p.stepDown()
	})
}

// stepDown ends what only the active instance may do. Where another one may be active already, the binding at the
// registrar is left to expire: it may have the same Contact, and taking ours back would take away theirs.
func (p *Phone) stepDown() {
	if !p.active {
		return
	}
	p.active = false
	p.changed()
	p.dropCalls("another instance has taken over")
	if p.cfg.MayUnregister == nil || p.cfg.MayUnregister() {
		p.reg.stop()
	} else {
		p.reg.abandon()
	}
}

// guard steps down before anything else is done when the role has gone meanwhile.
func (p *Phone) guard() {
	if p.active && p.cfg.MayAct != nil && !p.cfg.MayAct() {
		p.stepDown()
	}
}

// Message sends a SIP MESSAGE.
func (p *Phone) Message(uri, body string) *Pending {
	target, err := parseTarget(uri)
	if err != nil {
		return ended(err)
	}
	if body == "" || len(body) > maxMessageBody {
		return ended(errf(Invalid, "a message has 1 to %d bytes", maxMessageBody))
	}
	return p.ask(func(reply func(error)) {
		if !p.active {
			reply(errNotActive())
			return
		}
		p.sendMessage(target, body, reply)
	})
}

// Options asks a SIP address what it can do and returns the status of the answer.
func (p *Phone) Options(ctx context.Context, uri string) (code int, reason string, err error) {
	target, err := parseTarget(uri)
	if err != nil {
		return 0, "", err
	}
	err = p.ask(func(reply func(error)) {
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
	}).Wait(ctx)
	if err != nil {
		return 0, "", err
	}
	return code, reason, nil
}

// Snapshot is the present state.
func (p *Phone) Snapshot(ctx context.Context) (State, error) {
	var s State
	err := p.ask(func(reply func(error)) {
		for _, c := range p.liveCalls() {
			if c.media.stream != nil {
				c.media.last = qualityOf(c.media.stream.Stats())
			}
		}
		s = p.state()
		reply(nil)
	}).Wait(ctx)
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
