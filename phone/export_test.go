package phone

import "time"

// ShortenSession makes the session timers of all calls run for d from now on.
func (p *Phone) ShortenSession(d time.Duration) *Pending {
	return p.set(func() {
		for _, c := range p.liveCalls() {
			c.sess.interval = d
			c.sess.start(c)
		}
	})
}

// Session tells the session timer of the current call.
func (p *Phone) Session() (interval time.Duration, weRefresh bool) {
	done := make(chan struct{})
	p.post(func() {
		defer close(done)
		interval, weRefresh = p.current.sess.interval, p.current.sess.we
	})
	<-done
	return interval, weRefresh
}

// Break lets the handling of the current call panic.
func (p *Phone) Break() {
	p.post(func() {
		p.inHand = p.current
		panic("broken by a test")
	})
}

// Kept counts the calls that are known, also those that are over.
func (p *Phone) Kept() int {
	n := make(chan int)
	p.post(func() { n <- len(p.calls) })
	return <-n
}

// AskOutside asks the STUN server at once.
func (p *Phone) AskOutside() { p.post(p.nat.ask) }

// Received counts the RTP packets of the current call; false without one.
func (p *Phone) Received() (n uint64, ok bool) {
	done := make(chan struct{})
	p.post(func() {
		defer close(done)
		if p.current != nil && p.current.media.stream != nil {
			n, ok = p.current.media.stream.Stats().Received, true
		}
	})
	<-done
	return n, ok
}
