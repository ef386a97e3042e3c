package media

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/pion/rtcp"

	"housephone/phone/jitter"
)

func (s *Stream) receiveRTP(raw []byte, from netip.AddrPort, now time.Duration) {
	defer s.guard("receive")
	if s.asks.rtp.Receive(raw, from) {
		return
	}
	s.rxMu.Lock()
	defer s.rxMu.Unlock()
	if s.rx.session != nil && s.rx.session.RTCPMux && isRTCP(raw) {
		s.rx.rtcp(raw, from, s.ssrc, now)
		return
	}
	events := s.rx.rtp(raw, from, now)
	s.emit(events[0])
	s.emit(events[1])
}

func (s *Stream) receiveRTCP(raw []byte, from netip.AddrPort, now time.Duration) {
	defer s.guard("receive RTCP")
	if s.asks.rtcp.Receive(raw, from) {
		return
	}
	s.rxMu.Lock()
	defer s.rxMu.Unlock()
	s.rx.rtcp(raw, from, s.ssrc, now)
}

// guard keeps a failure within one stream from ending the service. It is
// deferred.
func (s *Stream) guard(what string) {
	if r := recover(); r != nil {
		s.failed(what, r)
	}
}

// failed counts a failure; the first few are logged.
func (s *Stream) failed(what string, reason any) (tooOften bool) {
	n := s.panics.Add(1)
	if n <= panicsAllowed {
		s.engine.cfg.Logger.Error("media failed", "port", s.port, "while", what, "err", fmt.Sprint(reason))
	}
	return n > panicsAllowed
}

// silenced is guard for the pacer's half, where sources and sinks of others
// are called: the stream goes on in silence. mu is held.
func (s *Stream) silenced(what string) {
	if r := recover(); r != nil {
		s.tx.source, s.player.sink = nil, nil
		s.broken = s.failed(what, r)
	}
}

func (s *Stream) ticks() int64 { return s.period.Load() }

func (s *Stream) skip(frames int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.session == nil {
		return
	}
	s.tx.advance(frames)
	s.tx.marker = true
	s.tx.skipped.Add(uint64(frames))
}

func (s *Stream) send(time.Duration) (more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	more = true // also when the source fails
	if s.broken || s.session == nil {
		return more
	}
	defer s.silenced("send")
	s.rxMu.Lock()
	to := s.rx.lock.destination()
	s.rxMu.Unlock()
	if done := s.tx.frame(s.session, to); done != nil {
		s.engine.callback(done)
	}
	return more
}

func (s *Stream) play(now time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	defer s.silenced("play")
	s.fetch()
	if s.broken || s.session == nil {
		return
	}
	s.player.turn(s.session.Receive, func(dst []byte) ([]byte, jitter.State) {
		s.rxMu.Lock()
		defer s.rxMu.Unlock()
		f, state := s.rx.buffer.Pop(now)
		return append(dst, f.Payload...), state
	})
	s.rxMu.Lock()
	ev, quiet := s.rx.silence(s.engine.cfg.SilenceAfter, now)
	s.rxMu.Unlock()
	if quiet {
		s.emit(ev)
	}
	if now >= s.reportAt {
		s.reportAt = nextReport(now)
		s.sendReport(now, false)
	}
}

// fetch takes in what has come; mu is held.
func (s *Stream) fetch() {
	s.engine.inlet.read(s.rtp, s.receiveRTP)
	if s.turns++; s.turns%rtcpTurns == 0 || s.session == nil {
		s.engine.inlet.read(s.rtcp, s.receiveRTCP)
	}
}

// sendReport sends RTCP; mu is held. RTCP that cannot be sent is no loss to
// the call.
func (s *Stream) sendReport(now time.Duration, bye bool) {
	packets := s.tx.packets.Load()
	me := senderInfo{
		ssrc:      s.ssrc,
		active:    packets != s.tx.reported,
		timestamp: s.tx.header.Timestamp,
		packets:   uint32(packets),
		octets:    uint32(s.tx.octets.Load()),
		wall:      time.Now(),
	}
	s.tx.reported = packets
	var blocks []rtcp.ReceptionReport
	var voice *rtcp.VoIPMetricsReportBlock
	s.rxMu.Lock()
	to := s.rx.rtcpTo()
	if s.rx.stats.started {
		blocks = append(blocks, s.rx.report.block(s.rx.lock.ssrc, &s.rx.stats, now))
		voice = s.rx.voice(&s.player.bursts)
	}
	if me.active {
		s.rx.report.sent(me.wall, now)
	}
	s.rxMu.Unlock()
	raw, err := compound(me, s.cname, blocks, voice, bye)
	if err != nil || !to.IsValid() {
		return
	}
	if s.tx.out != nil {
		s.tx.reports++
		if raw, err = s.tx.out.rtcp(raw); err != nil {
			return
		}
	}
	socket := s.rtcp
	if s.session.RTCPMux {
		socket = s.rtp
	}
	_ = socket.send(raw, to)
}

// Stats is the record so far.
func (s *Stream) Stats() Stats {
	s.mu.Lock()
	out := Stats{
		Sent: s.tx.packets.Load(), SentBytes: s.tx.octets.Load(), SendFails: s.tx.fails.Load(),
		Skipped: s.tx.skipped.Load(), DTMFSent: s.tx.keys.Load(),
		Concealed: s.player.concealed, DroppedEvents: s.droppedEvents.Load(), Panics: s.panics.Load(),
		LastPacket: -1,
	}
	session := s.session
	s.mu.Unlock()

	s.rxMu.Lock()
	defer s.rxMu.Unlock()
	if session != nil {
		s.rx.fill(&out, session, s.engine.clock.now())
	}
	out.Foreign = s.rx.foreign
	return out
}

// fill adds the receiver's share.
func (r *receiver) fill(out *Stats, s *session, now time.Duration) {
	b := r.buffer.Stats()
	out.Codec, out.Remote = s.Codec.Name, r.lock.destination()
	out.Received, out.ReceivedBytes = r.packets, r.octets
	out.UnknownPT, out.Malformed, out.DTMFReceived = r.unknownPT, r.malformed, r.keys
	out.AuthFailed = r.unauthentic
	// RTCP's count lets duplicates make up for losses; ours does not.
	out.Lost = r.stats.lost() + int64(b.Duplicates)
	out.LossPercent = 100 * float64(max(out.Lost, 0)) / float64(max(r.stats.totalExpected(), 1))
	out.JitterMS = r.stats.jitterMS()
	out.ClockPPM = r.stats.clockPPM()
	out.BufferMS = float64(b.Delay) / float64(time.Millisecond)
	out.Late, out.Duplicates, out.Reordered = b.Late, b.Duplicates, b.Reordered
	out.RTTMS = float64(r.report.rtt) / float64(time.Millisecond)
	out.RemoteReports = r.report.blocksOnUs
	out.RemoteLossPercent = r.report.loss
	out.RemoteMOS = r.report.mos
	out.RemoteJitterMS = 1000 * float64(r.report.jitter) / float64(s.Codec.ClockRate)
	if !r.heardAny {
		return
	}
	out.LastPacket = now - r.lastRTP
	loss := out.LossPercent + 100*float64(b.Late)/float64(max(r.stats.totalExpected(), 1))
	out.MOS = mos(s.Codec.Name, loss, r.report.rtt/2+b.Delay+s.Ptime)
}
