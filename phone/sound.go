package phone

import "housephone/phone/audio"

// SetSource lets the far end of a call hear src instead of the microphone; nil gives
// the microphone back. src is read by the media thread at Call.Rate and must not block.
// It ends with the call. A caller who hears us before the answer (Config.EarlyMedia)
// hears it then already.
func (p *Phone) SetSource(slot int, src audio.Source) *Pending {
	return p.onCall(slot, func(c *call, reply func(error)) {
		if !c.audible() {
			reply(errf(Refused, "no call is active"))
			return
		}
		c.media.instead = src
		c.media.connect()
		reply(nil)
	})
}

// Tap copies what a call sends to near and what it receives to far, frame by frame
// at Call.Rate; nil ends that. The sinks are called by the media thread and must not block.
func (p *Phone) Tap(slot int, near, far audio.Sink) *Pending {
	return p.onCall(slot, func(c *call, reply func(error)) {
		if c.status != StatusActive {
			reply(errf(Refused, "no call is active"))
			return
		}
		c.media.near, c.media.far = near, far
		c.media.connect()
		reply(nil)
	})
}

// audible tells that the far end hears what we send.
func (c *call) audible() bool {
	return c.status == StatusActive || c.status == StatusRing && c.media.live
}
