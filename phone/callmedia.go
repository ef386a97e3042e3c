package phone

import (
	"context"
	"sync/atomic"
	"time"

	"housephone/phone/audio"
	"housephone/phone/media"
	"housephone/phone/sdp"
	"housephone/phone/transport"
)

const (
	qualityEvery = 5 * time.Second
	qualityGrid  = 500 * time.Millisecond
	probeAfter   = 30 * time.Second // of silence
)

// callMedia is the sound of one call: its stream and the devices at this end.
type callMedia struct {
	call   *call
	stream *media.Stream
	flow   transport.Flow // of the signalling, decides our address
	agreed sdp.Media
	live   bool // agreed holds
	secure bool
	last   Quality

	playing, speaking bool // sink, source are wanted
	rate              int  // of the open devices, 0 = none
	source            audio.SourceCloser
	sink              audio.SinkCloser
	opening           struct{ source, sink bool }
	aside             bool         // no device takes part
	hushed            atomic.Bool  // muted or held: what a recording must not hear either
	instead           audio.Source // heard by the far end instead of the microphone
	keys              audio.Source // tones that go before everything else
	near, far         audio.Sink   // copies for a recording
	outside           outside      // how the ports are seen from there
	tick              *timer
	closed            bool
}

// open takes ports for a call that is signalled over flow; again it only notes the flow.
func (m *callMedia) open(flow transport.Flow) error {
	m.flow = flow
	if m.stream != nil {
		return nil
	}
	s, err := m.call.p.engine.Open()
	if err != nil {
		return &Error{Kind: Failed, Text: "no port for sound can be opened: " + err.Error(), Err: err}
	}
	m.stream = s
	s.SetVolume(m.call.p.volume)
	m.call.p.background(func(context.Context) {
		for e := range s.Events() {
			m.call.p.post(func() { m.event(e) })
		}
	})
	return nil
}

// local is what we offer or answer with (RFC 3264 5, 6).
func (m *callMedia) local(hold bool) sdp.Local {
	p := m.call.p
	l := sdp.Local{
		Addr: p.mediaAddr(m.flow), Port: m.stream.LocalPort(), Codecs: p.cfg.Codecs, DTMF: p.cfg.DTMF == DTMFEvent,
		SRTP: p.cfg.SRTP, ComfortNoise: p.cfg.ComfortNoise,
	}
	if rtp := m.outside.rtp; rtp.IsValid() && sameFamily(rtp, m.flow.Remote) {
		l.Addr, l.Port, l.RTCP = rtp.Addr(), int(rtp.Port()), m.outside.rtcp
	}
	if m.call.status == StatusDial {
		l.SRTP = m.call.out.offered(p.cfg.SRTP)
	}
	if hold {
		l.Direction = sdp.SendOnly // RFC 3264 8.4
	}
	return l
}

// apply puts an answer into force.
func (m *callMedia) apply(a sdp.Media) {
	if m.stream == nil {
		return
	}
	p := m.call.p
	m.agreed, m.live = a, true
	params := media.Params{
		Remote: a.Remote, RemoteRTCP: a.RTCP, RTCPMux: a.RTCPMux, Codec: a.Codec,
		SendPT: a.SendPT, RecvPT: a.RecvPT, DTMFSendPT: a.DTMFSendPT, DTMFRecvPT: a.DTMFRecvPT, DTMFClock: a.DTMFClock,
		Ptime: time.Duration(a.Ptime) * time.Millisecond, Send: a.Direction.Send(), Receive: a.Direction.Receive(),
		SendFmtp: a.SendFmtp, SRTP: a.SRTP, CNSendPT: a.CNSendPT, CNRecvPT: a.CNRecvPT,
	}
	if a.RemoteName != "" {
		m.resolve(a)
		return
	}
	if err := m.stream.Apply(params); err != nil {
		p.log.Warn("media", "call", m.call.id, "err", err)
		p.emit(Warning{"the media of the call cannot be set up: " + err.Error()})
	}
	m.secure = a.Secure
	m.reopen()
	p.changed()
}

// resolve looks up the host name of a c= line.
func (m *callMedia) resolve(a sdp.Media) {
	p := m.call.p
	p.background(func(ctx context.Context) {
		targets, err := p.resolver.Targets(ctx, p.now(), hostPort(a.RemoteName, int(a.Remote.Port())), string(transport.UDP))
		p.post(func() {
			if err != nil || len(targets) == 0 || m.closed || m.agreed != a {
				return
			}
			m.apply(a.Resolved(targets[0].Addr.Addr()))
		})
	})
}

func (m *callMedia) heldByFar() bool { return m.live && m.agreed.RemoteHold }

func (m *callMedia) codecName() string {
	if !m.live {
		return ""
	}
	return m.agreed.Codec.Name
}

// rateOr is the sample rate of the codec in force.
func (m *callMedia) rateOr(rate int) int {
	if m.live {
		return m.agreed.Codec.SampleRate
	}
	return rate
}

// startPlayback lets early media be heard; startAudio opens the microphone too.
func (m *callMedia) startPlayback() {
	m.playing = true
	m.reopen()
}

func (m *callMedia) startAudio() {
	m.playing, m.speaking = true, true
	m.reopen()
}

// reopen opens the devices at the codec's rate. That may take long, so it is done aside.
func (m *callMedia) reopen() {
	p := m.call.p
	if !m.live || m.closed || m.stream == nil {
		return
	}
	if rate := m.agreed.Codec.SampleRate; m.rate != rate {
		m.release()
		m.rate = rate
	}
	if m.aside {
		return
	}
	if m.playing && m.sink == nil && !m.opening.sink && p.cfg.Playback != nil {
		m.opening.sink = true
		open(m, p.cfg.Playback.OpenSink, &m.opening.sink, func(s audio.SinkCloser) { m.sink = s })
	}
	if m.speaking && m.source == nil && !m.opening.source && p.cfg.Capture != nil {
		m.opening.source = true
		open(m, p.cfg.Capture.OpenSource, &m.opening.source, func(s audio.SourceCloser) { m.source = s })
	}
}

// leaveAside keeps the devices out of the call, takePart lets them in again.
func (m *callMedia) leaveAside() {
	m.aside = true
	m.release()
}

func (m *callMedia) takePart() {
	m.aside = false
	m.reopen()
	m.connect()
	m.call.p.changed()
}

// open opens one end of a device in the background and hands it to use, unless
// the call has moved on meanwhile.
func open[T interface{ Close() error }](m *callMedia, f func(int) (T, error), opening *bool, use func(T)) {
	p, rate := m.call.p, m.rate
	p.background(func(context.Context) {
		dev, err := f(rate)
		posted := p.box.post(func() {
			*opening = false
			switch {
			case err != nil:
				p.log.Warn("sound device", "err", err)
				p.emit(Warning{"the call goes on without sound device: " + err.Error()})
			case m.closed || m.aside || m.rate != rate:
				p.jobs.Go(func() { _ = dev.Close() })
				m.reopen()
			default:
				use(dev)
				m.connect()
			}
		})
		if !posted && err == nil {
			_ = dev.Close()
		}
	})
}

// connect lets the stream speak and listen as things stand.
func (m *callMedia) connect() {
	if m.stream == nil || m.closed {
		return
	}
	var source audio.Source
	if m.source != nil {
		source = m.source
	}
	if m.instead != nil {
		source = m.instead
	}
	if m.keys != nil {
		source = m.keys
	}
	m.stream.SetSource(tapSource(source, m.near, &m.hushed))
	var sink audio.Sink
	if m.sink != nil {
		sink = m.sink
	}
	m.stream.SetSink(tapSink(sink, m.far))
}

// tapSource copies what is sent, which is silence while the call is hushed.
func tapSource(s audio.Source, tap audio.Sink, hushed *atomic.Bool) audio.Source {
	if tap == nil {
		return s
	}
	return audio.SourceFunc(func(frame []int16) int {
		n := 0
		if s != nil {
			n = s.Read(frame)
		}
		if hushed.Load() {
			n = 0
		}
		clear(frame[n:])
		tap.Write(frame)
		return len(frame)
	})
}

// tapSink copies what is received.
func tapSink(s, tap audio.Sink) audio.Sink {
	if tap == nil {
		return s
	}
	return audio.SinkFunc(func(frame []int16) {
		tap.Write(frame)
		if s != nil {
			s.Write(frame)
		}
	})
}

// release gives the devices back.
func (m *callMedia) release() {
	source, sink := m.source, m.sink
	m.source, m.sink = nil, nil
	if m.stream != nil {
		m.stream.SetSource(nil)
		m.stream.SetSink(nil)
	}
	m.call.p.jobs.Go(func() {
		if source != nil {
			_ = source.Close()
		}
		if sink != nil {
			_ = sink.Close()
		}
	})
}

// pauseSource keeps the microphone away while we hold.
func (m *callMedia) pauseSource(hold bool) {
	m.hushed.Store(m.call.muted || hold)
	if m.stream != nil {
		m.stream.SetMute(m.call.muted || hold)
	}
}

func (m *callMedia) event(e media.Event) {
	if m.closed {
		return
	}
	m.call.p.inHand = m.call
	switch e.Kind {
	case media.DTMF:
		m.call.keyPressed(string(rune(e.Key)))
	case media.FirstPacket, media.Silence:
	}
}

// watch measures quality and notices dead media. Calls do so at common moments, so that one
// change of state tells of all of them.
func (m *callMedia) watch() {
	now := m.call.p.now()
	next := now.Add(qualityEvery + qualityGrid - 1).Truncate(qualityGrid)
	m.tick = m.call.after(next.Sub(now), func() {
		if m.closed {
			return
		}
		m.measure()
		m.watch()
	})
}

func (m *callMedia) measure() {
	c, p := m.call, m.call.p
	st := m.stream.Stats()
	m.last = qualityOf(st)
	p.measured = true
	if !m.agreed.Direction.Receive() || c.held || c.far {
		return
	}
	silent := st.LastPacket
	if silent < 0 {
		silent = p.now().Sub(c.answered)
	}
	switch {
	case silent >= p.cfg.MediaTimeout:
		p.log.Warn("no media from the far end", "call", c.id, "for", silent)
		c.hangup(outcome{cause: CauseFailed, reason: "no media from the far end"})
	case silent >= probeAfter && !c.probing:
		c.probe()
	}
}

func qualityOf(st media.Stats) Quality {
	return Quality{
		Codec: st.Codec, Sent: st.Sent, Received: st.Received, Lost: uint64(max(st.Lost, 0)), LossPct: st.LossPercent,
		JitterMs: st.JitterMS, RTTMs: st.RTTMS, MOS: st.MOS, Dropped: st.Foreign + st.UnknownPT + st.Malformed + st.AuthFailed,
		Far: FarQuality{Known: st.RemoteReports > 0, LossPct: st.RemoteLossPercent, JitterMs: st.RemoteJitterMS, MOS: st.RemoteMOS},
	}
}

// final measures once more, for the record of the call.
func (m *callMedia) final() {
	if m.stream != nil && m.live && !m.closed {
		m.last = qualityOf(m.stream.Stats())
	}
}

// quality is the last measurement, or the final one.
func (m *callMedia) quality() Quality { return m.last }

// close ends the media. The ports are free when the background has done it.
func (m *callMedia) close() {
	if m.closed {
		return
	}
	m.closed = true
	m.tick.stop()
	m.outside.again.stop()
	if m.stream == nil {
		return
	}
	stream := m.stream
	m.release()
	m.call.p.jobs.Go(stream.Close)
}
