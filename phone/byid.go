package phone

import "housephone/phone/audio"

// The methods below mean a call by its id. A slot may have another call by the time at
// which a command is carried out; what was recorded of one would then hear the other.

// TapCall is Tap for the call with that id.
func (p *Phone) TapCall(id string, near, far audio.Sink) *Pending {
	return p.onActive(id, func(c *call, reply func(error)) {
		c.media.near, c.media.far = near, far
		c.media.connect()
		reply(nil)
	})
}

// SpeakInto is SetSource for the call with that id.
func (p *Phone) SpeakInto(id string, src audio.Source) *Pending {
	return p.onID(id, (*call).audible, func(c *call, reply func(error)) {
		c.media.instead = src
		c.media.connect()
		reply(nil)
	})
}

// HangupCall ends the active call with that id.
func (p *Phone) HangupCall(id string) *Pending {
	return p.onActive(id, func(c *call, reply func(error)) {
		c.hangup(outcome{cause: CauseCompleted})
		reply(nil)
	})
}

// TransferCall is Transfer for the active call with that id.
func (p *Phone) TransferCall(id, uri string) *Pending {
	target, err := parseTarget(uri)
	if err != nil {
		return ended(err)
	}
	return p.onActive(id, func(c *call, reply func(error)) {
		c.mayTransferTo(target, reply)
	})
}

// onActive finds the active call with an id.
func (p *Phone) onActive(id string, f func(*call, func(error))) *Pending {
	return p.onID(id, func(c *call) bool { return c.status == StatusActive }, f)
}

// onID finds a call with an id that is in a state for it.
func (p *Phone) onID(id string, ready func(*call) bool, f func(*call, func(error))) *Pending {
	return p.ask(func(reply func(error)) {
		for _, c := range p.slots {
			if c != nil && c.id == id && ready(c) {
				p.inHand = c
				f(c, reply)
				return
			}
		}
		reply(errf(Refused, "the call has ended"))
	})
}
