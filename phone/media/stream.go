package media

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"housephone/phone/audio"
	"housephone/phone/stun"
)

const (
	eventsHeld = 64 // events that wait for their reader
	// firstPeriod is how often a stream without an agreement is looked at.
	firstPeriod = 20 * time.Millisecond
	// rtcpTurns is how often the RTCP socket is looked at, in packet times: little comes there,
	// and the kernel's time stamps keep the round trip exact.
	rtcpTurns = 5
	// panicsAllowed is after how many failures a stream stops carrying sound.
	panicsAllowed = 5
)

// Stream is the media of one call. All methods may be called from any
// goroutine, but not from a source or sink of the stream.
type Stream struct {
	engine    *Engine
	port      int
	ssrc      uint32
	cname     string
	rtp, rtcp *socket // used with mu held
	asks      struct{ rtp, rtcp stun.Client }
	events    chan Event
	readers   sync.WaitGroup
	done      chan struct{} // closed when Close has finished
	period    atomic.Int64  // packet time in ms

	droppedEvents, panics atomic.Uint64

	mu       sync.Mutex // guards following: the pacer's half
	closed   bool
	broken   bool
	started  bool // the pacer has been told
	turns    int  // of the pacer
	session  *session
	tx       sender
	player   player
	reportAt time.Duration

	rxMu sync.Mutex // guards following: the readers' half; never held while mu is taken
	rx   receiver
}

var _ paced = (*Stream)(nil)

func newStream(e *Engine, port int, rtpSocket, rtcpSocket *socket) *Stream {
	var random [22]byte
	_, _ = rand.Read(random[:]) // never fails
	s := &Stream{
		engine: e,
		port:   port,
		rtp:    rtpSocket,
		rtcp:   rtcpSocket,
		events: make(chan Event, eventsHeld),
		done:   make(chan struct{}),
		ssrc:   binary.BigEndian.Uint32(random[:]),
		cname:  base64.RawStdEncoding.EncodeToString(random[10:]), // RFC 7022 4.2
	}
	s.tx.socket, s.tx.packet = rtpSocket, &e.packet
	s.period.Store(int64(firstPeriod / tickLength))
	s.tx.marker = true
	s.tx.header.SSRC = s.ssrc
	// In the lower half, so that a loss at the start cannot hide the first roll-over from
	// the far end's SRTP (RFC 3711 3.3.1).
	s.tx.header.SequenceNumber = binary.BigEndian.Uint16(random[4:]) >> 1
	s.tx.header.Timestamp = binary.BigEndian.Uint32(random[6:])
	s.player.gain = audio.VolumeGain(audio.MaxVolume)
	s.serve()
	return s
}

// LocalPort is the RTP port; RTCP is on the port above.
func (s *Stream) LocalPort() int { return s.port }

// Apply puts a new agreement into force as a whole. SSRC, sequence numbers and
// timestamps go on; the far address is learnt anew only when Params.Remote
// changed; keys not yet sent are dropped when they no longer can be.
//
// Errors: [ErrParams], [ErrRemote], [codec.ErrUnknown], [ErrClosed]; the
// agreement before stays in force then.
func (s *Stream) Apply(p Params) error {
	p = p.withDefaults()
	if err := p.validate(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if old := s.session; old != nil && !p.Send && (!p.Remote.IsValid() || p.Remote.Addr().IsUnspecified()) {
		p.Remote, p.RemoteRTCP = old.Remote, old.RemoteRTCP // old-style hold, RFC 3264 8.4
	}
	if err := checkRemote(p.Remote, s.engine.cfg.Bind, s.port); err != nil {
		return err
	}
	if checkRemote(p.RemoteRTCP, s.engine.cfg.Bind, s.port+1) != nil {
		p.RemoteRTCP = netip.AddrPortFrom(p.Remote.Addr(), p.Remote.Port()+1)
	}
	next, err := newSession(p, s.engine.cfg, s.session)
	if err != nil {
		return err
	}
	s.put(next)
	return nil
}

// put swaps the session in; mu is held.
func (s *Stream) put(next *session) {
	first := s.session == nil
	s.session = next
	s.tx.configure(next)
	s.player.configure(next)
	s.period.Store(int64(next.Ptime / tickLength))
	if !next.Send || next.DTMFSendPT < 0 {
		s.abortKeys()
	}
	now := s.engine.clock.now()
	s.rxMu.Lock()
	s.rx.configure(next, now)
	s.rxMu.Unlock()
	if first {
		s.reportAt = nextReport(now - reportEvery/2)
		early := s.rtp.drop() + s.rtcp.drop()
		s.rxMu.Lock()
		s.rx.foreign += early
		s.rxMu.Unlock()
		s.start()
	}
}

// start hands the stream to the pacer; mu is held.
func (s *Stream) start() {
	if !s.started {
		s.started = true
		s.engine.start(s)
	}
}

// SetSource replaces where sent sound comes from; nil sends silence. Once it
// has returned the former source is not used any more. The source must give
// samples at the codec's SampleRate.
func (s *Stream) SetSource(src audio.Source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.tx.source = src
	}
}

// SetSink replaces where received sound goes; nil drops it. Once it has
// returned the former sink is not used any more. A sink gets one frame each
// packet time at the codec's SampleRate, silence included, from the first
// Apply on.
func (s *Stream) SetSink(sink audio.Sink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.player.sink = sink
	}
}

// SetMute sends silence instead of the source, which goes on being read.
func (s *Stream) SetMute(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tx.muted = on
}

// SetVolume sets the volume of received sound: 0 is off, 1 to 20 as
// [audio.VolumeGain] has it. It is 20 at first.
func (s *Stream) SetVolume(step int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.player.gain = audio.VolumeGain(step)
}

// SendDTMF queues keys (0-9 * # A-D, and ',' for a pause of half a second) to
// be sent as telephone-events (RFC 4733). done, which may be nil, is called
// from a goroutine of its own when the last key and its gap are over, or when
// they are dropped by Apply or Close.
//
// Errors: [ErrKeys], [ErrNotSending], [ErrNoTelephoneEvent], [ErrClosed]; done
// is not called then.
func (s *Stream) SendDTMF(keys string, done func()) error {
	keys, err := checkKeys(keys)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return ErrClosed
	case s.session == nil:
		return ErrNotSending
	case s.session.DTMFSendPT < 0:
		return ErrNoTelephoneEvent
	case !s.session.Send:
		return fmt.Errorf("on hold: %w", ErrNotSending)
	}
	return s.tx.dtmf.queue(keys, done)
}

// Events are what happens on the stream, in order. Up to 64 wait for their
// reader, further ones are dropped and counted. Close closes the channel.
func (s *Stream) Events() <-chan Event { return s.events }

// Close ends the stream: RTCP says BYE, and when Close has returned no packet
// is sent, no source or sink is called and the ports are free. It may be
// called more than once.
func (s *Stream) Close() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		<-s.done
		return
	}
	if s.session != nil {
		s.sendReport(s.engine.clock.now(), true)
	}
	s.closed = true
	s.tx.source, s.player.sink = nil, nil
	s.abortKeys()
	s.mu.Unlock()

	s.rtp.close() // ends the readers
	s.rtcp.close()
	s.readers.Wait()
	close(s.events)
	s.engine.release(s)
	close(s.done)
}

// abortKeys drops keys not sent; mu is held.
func (s *Stream) abortKeys() {
	for _, done := range s.tx.dtmf.abort() {
		s.engine.callback(done)
	}
}

// emit reports an event or counts it as dropped.
func (s *Stream) emit(ev Event) {
	if ev.Kind == 0 {
		return
	}
	select {
	case s.events <- ev:
	default:
		s.droppedEvents.Add(1)
	}
}
