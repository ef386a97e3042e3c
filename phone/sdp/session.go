package sdp

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/pion/sdp/v3"

	"housephone/phone/codec"
	"housephone/phone/sdes"
)

// Session is the offer/answer state of one dialog.
type Session struct {
	id      uint64
	origin  netip.Addr // in o=
	version uint64     // of the last body; only ever grows
	body    []byte     // the last body, printed with version 0
	random  io.Reader  // of keys

	now   state
	saved *state // what Rollback returns to
}

// state is replaced, never changed in place; its maps and slices are shared by copies.
type state struct {
	lines    []line
	active   int // the line with our audio, when there are lines
	payloads payloads
	said     *description // what we said last, as offer or answer
	offering bool         // said is an offer, which may be answered once or more
	pending  bool         // ... and was not answered yet
	media    Media
	keys     keying // those of media
	agreed   bool
}

// NewSession starts the state of a dialog. The id goes into o= and must be unique among
// the descriptions from this address; 62 bits of it are used (RFC 3264 5).
func NewSession(id uint64) *Session {
	return &Session{id: id & (1<<62 - 1), random: rand.Reader}
}

// Fork gives a copy for a further early dialog of the same INVITE (RFC 3261 13.2.2.4): the
// offer went to all forks, each answers for itself.
func (s *Session) Fork() *Session {
	f := *s
	return &f
}

// Media gives what is agreed at present, and false before the first answer.
func (s *Session) Media() (Media, bool) { return s.now.media, s.now.agreed }

// Pending tells that an offer of ours is unanswered.
func (s *Session) Pending() bool { return s.now.pending }

// Offer makes our offer: the first of the dialog, a re-offer, or the one in the 2xx of an
// INVITE without a body. A re-offer keeps number and order of the m-lines (RFC 3264 8).
// Errors: ErrOfferPending, ErrLocal.
func (s *Session) Offer(l Local) ([]byte, error) {
	l = l.withDefaults()
	if err := l.validate(); err != nil {
		return nil, err
	}
	if s.now.pending {
		return nil, ErrOfferPending
	}
	next := s.now
	next.payloads = s.now.payloads.clone()
	var ok bool
	if next.said, ok = next.payloads.offered(l, s.now.media.Codec); !ok {
		return nil, fmt.Errorf("%w: no payload type is free", ErrLocal)
	}
	var err error
	if next.said.crypto, err = s.offeredCrypto(l); err != nil {
		return nil, err
	}
	if len(next.lines) == 0 {
		next.lines = []line{{media: "audio", protos: []string{"RTP", "AVP"}, format: "0"}}
	}
	next.lines = slices.Clone(next.lines)
	next.lines[next.active].protos = s.profile(next.lines[next.active].protos, l)
	return s.offer(next)
}

// Refresh offers again what we said last, for a session refresh that changes nothing: o=
// keeps its version (RFC 4028 7.4). Errors: ErrOfferPending, and ErrLocal before the
// first description.
func (s *Session) Refresh() ([]byte, error) {
	switch {
	case s.now.pending:
		return nil, ErrOfferPending
	case s.now.said == nil:
		return nil, fmt.Errorf("%w: nothing to refresh", ErrLocal)
	}
	return s.offer(s.now)
}

func (s *Session) offer(next state) ([]byte, error) {
	body, err := s.write(next.lines, next.active, next.said)
	if err != nil {
		return nil, err
	}
	next.offering, next.pending = true, true
	saved := s.now
	s.saved, s.now = &saved, next
	return body, nil
}

// Accept takes the far end's answer to our offer. A later answer to the same offer (200
// after 183) takes the place of the earlier one. Errors: ErrNoOffer, ErrNotSDP and those
// of an answer without usable audio; the offer then stays pending.
func (s *Session) Accept(answer []byte) (Media, error) {
	if !s.now.offering {
		return Media{}, ErrNoOffer
	}
	d, err := read(answer)
	if err != nil {
		return Media{}, err
	}
	said := s.now.said
	lines := audioLines(d, said.all())
	for i := range lines {
		lines[i].judgeAnswer(said)
	}
	a, f, err := choose(lines, said.find, s.now.active)
	if err != nil {
		return Media{}, err
	}
	m := a.media(said.local.Direction)
	m.RemoteHold = said.local.Direction.Send() && a.hold
	m.Video = hasVideo(d)
	m.Codec, m.RecvPT, _ = said.find(f)
	a.encoding(&m, f)
	m.DTMFSendPT, m.DTMFRecvPT = -1, -1
	if event, ok := a.event(m.Codec.ClockRate); ok {
		for _, own := range said.events {
			if own.clock == event.clock {
				m.DTMFSendPT, m.DTMFRecvPT, m.DTMFClock = int(event.pt), int(own.pt), own.clock
			}
		}
	}
	if noise, ok := a.comfort(m.Codec); ok && len(said.noise) > 0 {
		m.CNSendPT, m.CNRecvPT = noise.pt, said.noise[0].pt
	}
	m.multiplex(said.local.RTCPMux && a.mux)
	s.now.keys = a.secureLine(&m)
	s.now.media, s.now.agreed, s.now.pending = m, true, false
	return m, nil
}

// Answer answers the far end's offer: every m-line in its place, one audio line accepted
// with one codec and telephone-event under the payload types of the offer (RFC 3264 6.1).
// The same offer and Local give the same body again, version included. Errors:
// ErrOfferPending, ErrNotSDP, ErrNoAudio, ErrNoCommonCodec, ErrSecureOnly, ErrPlainOnly,
// ErrCrypto, ErrLocal.
func (s *Session) Answer(offer []byte, l Local) ([]byte, Media, error) {
	l = l.withDefaults()
	if err := l.validate(); err != nil {
		return nil, Media{}, err
	}
	if s.now.pending {
		return nil, Media{}, ErrOfferPending
	}
	d, err := read(offer)
	if err != nil {
		return nil, Media{}, err
	}
	lines := l.preferred(audioLines(d, nil))
	for i := range lines {
		lines[i].judgeOffer(l.SRTP)
	}
	a, f, err := choose(lines, l.find, s.active())
	if err != nil {
		return nil, Media{}, err
	}
	if a.theirs.Key != (sdes.Key{}) {
		key, err := s.keyFor(&a, l)
		if err != nil {
			return nil, Media{}, err
		}
		a.ours = a.theirs.Answer(key)
	}
	m, said := a.answer(l, f)
	m.Video = hasVideo(d)
	next := state{
		lines: linesOf(d), active: a.index, payloads: s.now.payloads.clone(),
		said: said, media: m, keys: keying{a.ours, a.theirs}, agreed: true,
	}
	for _, f := range said.all() {
		next.payloads.bind(f)
	}
	body, err := s.write(next.lines, next.active, said)
	if err != nil {
		return nil, Media{}, err
	}
	s.now, s.saved = next, nil
	return body, m, nil
}

// Rollback goes back to before our last offer, because it was refused or its transaction
// failed, also after an answer in a provisional response (RFC 3261 14.1). Without such an
// offer, or after an offer of the far end answered since then, it does nothing.
func (s *Session) Rollback() {
	if s.saved == nil {
		return
	}
	s.now, s.saved = *s.saved, nil
	s.body = nil // the far end may have seen the version: it is not used for other content
}

// linesOf keeps the lines of an offer as the session's.
func linesOf(d *sdp.SessionDescription) []line {
	lines := make([]line, len(d.MediaDescriptions))
	for i, m := range d.MediaDescriptions {
		lines[i] = line{m.MediaName.Media, m.MediaName.Protos, m.MediaName.Formats[0]}
	}
	return lines
}

// find gives our codec for a format, with the payload type of the format.
func (l Local) find(f format) (codec.Codec, uint8, bool) {
	for _, c := range l.Codecs {
		if formatOf(c).key() == f.key() {
			return c, f.pt, true
		}
	}
	return codec.Codec{}, 0, false
}

// preferred brings the formats into our order when that is wanted.
func (l Local) preferred(lines []audio) []audio {
	if !l.PreferLocal {
		return lines
	}
	place := func(f format) int {
		return slices.IndexFunc(l.Codecs, func(c codec.Codec) bool { return formatOf(c).key() == f.key() })
	}
	for _, a := range lines {
		slices.SortStableFunc(a.formats, func(x, y format) int { return place(x) - place(y) })
	}
	return lines
}

// active is the place of the session's line, or -1 before there is one.
func (s *Session) active() int {
	if len(s.now.lines) == 0 {
		return -1
	}
	return s.now.active
}

// choose takes the first usable line with a format that find knows; the session's own
// line goes before the others, then those with keys.
func choose(lines []audio, find func(format) (codec.Codec, uint8, bool), active int) (audio, format, error) {
	slices.SortStableFunc(lines, func(x, y audio) int { return preferSecure(x, y, active) })
	err := ErrNoAudio
	for _, a := range lines {
		switch {
		case !a.usable():
		case a.refused == nil:
			for _, f := range a.formats {
				if _, _, ok := find(f); ok {
					return a, f, nil
				}
			}
			err = ErrNoCommonCodec
		case err == ErrNoAudio: //nolint:errorlint // set above, never wrapped
			err = a.refused
		}
	}
	return audio{}, format{}, err
}

// media is what a line of the far end says of itself, and what it leaves us to do.
func (a *audio) media(wish Direction) Media {
	return Media{
		Remote: a.remote, RTCP: a.rtcp, RemoteName: a.host, Ptime: a.ptime,
		Direction: wish.and(a.direction.Reverse()), RemoteHold: a.hold,
		DTMFSendPT: -1, DTMFRecvPT: -1,
	}
}

// encoding is how the far end wants m.Codec, which it calls f.
func (a *audio) encoding(m *Media, f format) {
	m.SendPT = f.pt
	if m.Codec.Fmtp() != "" {
		m.SendFmtp = a.fmtp[f.pt]
	}
	m.Ptime = int(m.Codec.Ptime(time.Duration(m.Ptime)*time.Millisecond) / time.Millisecond)
}

func (m *Media) multiplex(agreed bool) {
	m.RTCPMux = agreed
	if agreed {
		m.RTCP = m.Remote
	}
}

// answer accepts a line with one of its formats.
func (a *audio) answer(l Local, f format) (Media, *description) {
	m := a.media(l.Direction)
	m.Codec, _, _ = l.find(f)
	m.RecvPT = f.pt
	a.encoding(&m, f)
	said := &description{local: l, codecs: []codec.Codec{m.Codec}, formats: []format{f}}
	if event, ok := a.event(f.clock); ok && l.DTMF {
		m.DTMFSendPT, m.DTMFRecvPT, m.DTMFClock = int(event.pt), int(event.pt), event.clock
		said.events = []format{event}
	}
	if noise, ok := a.comfort(m.Codec); ok && l.ComfortNoise {
		m.CNSendPT, m.CNRecvPT = noise.pt, noise.pt
		said.noise = []format{noise}
	}
	if a.secureLine(&m).on() {
		said.crypto = []sdes.Attribute{a.ours}
	}
	clash := slices.ContainsFunc(said.all(), func(f format) bool { return f.pt >= 64 && f.pt < firstDynamic })
	m.multiplex(l.RTCPMux && a.mux && !clash) // RFC 5761 4: those numbers look like RTCP
	said.local.Direction, said.local.RTCPMux = m.Direction, m.RTCPMux
	return m, said
}
