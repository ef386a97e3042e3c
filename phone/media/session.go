package media

import (
	"fmt"
	"net/netip"

	"housephone/phone/audio/conceal"
	"housephone/phone/codec"
)

// session is one agreement in force. It is replaced as a whole and never
// changed; only encoder, decoder, concealer and ciphers have a state, which goes over to
// the next session of the same codec or key.
type session struct {
	Params
	timing  timing
	samples int // PCM samples of a frame
	encoder codec.Encoder
	decoder codec.Decoder
	conceal *conceal.Concealer
	out     *protector   // nil is in the clear
	in      *unprotector // likewise
}

func newSession(p Params, cfg Config, old *session) (*session, error) {
	s := &session{
		Params:  p,
		samples: p.Codec.Samples(p.Ptime),
		timing:  timing{ptime: p.Ptime, clock: p.DTMFClock, tone: cfg.ToneDuration, gap: cfg.ToneGap},
	}
	var err error
	if old != nil && old.Codec == p.Codec && old.SendFmtp == p.SendFmtp {
		s.encoder = old.encoder
	} else if s.encoder, err = p.Codec.NewEncoderFor(p.SendFmtp); err != nil {
		return nil, fmt.Errorf("media: %w", err)
	}
	if err := s.secure(old); err != nil {
		return nil, fmt.Errorf("media: %w", err)
	}
	if old != nil && old.Codec == p.Codec {
		s.decoder, s.conceal = old.decoder, old.conceal
		return s, nil
	}
	if s.decoder, err = p.Codec.NewDecoder(); err != nil {
		return nil, fmt.Errorf("media: %w", err)
	}
	if s.conceal, err = conceal.New(p.Codec.SampleRate); err != nil {
		return nil, fmt.Errorf("media: %w", err)
	}
	return s, nil
}

// secure sets up encryption, with the ciphers in use where the keys are the same: their
// roll-over counters must go on.
func (s *session) secure(old *session) (err error) {
	if !s.SRTP.On() {
		return nil
	}
	if old != nil && old.out.is(s.SRTP) {
		s.out = old.out
	} else if s.out, err = newProtector(s.SRTP); err != nil {
		return err
	}
	if old != nil && old.in.is(s.SRTP) {
		s.in = old.in
		return nil
	}
	s.in, err = newUnprotector(s.SRTP)
	return err
}

// checkRemote refuses addresses that media must not be sent to: a call is no
// means to reach groups, or services of this machine that others cannot.
func checkRemote(a netip.AddrPort, bind netip.Addr, ownPort int) error {
	ip := a.Addr()
	switch {
	case !ip.IsValid() || ip.IsUnspecified() || a.Port() == 0:
		return fmt.Errorf("%v is no address: %w", a, ErrRemote)
	case ip.IsMulticast() || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return fmt.Errorf("%v is a group: %w", a, ErrRemote)
	case ip.IsLoopback() && bind.IsValid() && !bind.IsLoopback() && !bind.IsUnspecified():
		return fmt.Errorf("%v is this machine: %w", a, ErrRemote)
	case int(a.Port()) == ownPort && (ip == bind || ip.IsLoopback()):
		return fmt.Errorf("%v is this stream itself: %w", a, ErrRemote)
	}
	return nil
}
