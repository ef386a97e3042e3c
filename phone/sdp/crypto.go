package sdp

import (
	"io"
	"strings"

	"github.com/pion/sdp/v3"

	"housephone/phone/sdes"
)

// SRTPMode says whether the sound shall be encrypted.
type SRTPMode int

// The modes. SRTP needs keys in the SDP (RFC 4568), so it is worth what the secrecy of
// the signalling is worth: use it over TLS.
const (
	// SRTPOff never encrypts: offers with RTP/SAVP only are refused, keys beside RTP/AVP
	// are passed over.
	SRTPOff SRTPMode = iota
	// SRTPOptional offers RTP/AVP with keys (RFC 8643), and accepts whatever is offered,
	// the encrypted line first. Some far ends refuse such an offer with 488: offer again
	// with SRTPRequired and then with SRTPOff. A call that has become plain is not
	// offered keys again.
	SRTPOptional
	// SRTPRequired offers RTP/SAVP and refuses what is not encrypted.
	SRTPRequired
)

// String gives the mode in one word.
func (m SRTPMode) String() string {
	switch m {
	case SRTPOff:
		return "off"
	case SRTPOptional:
		return "optional"
	case SRTPRequired:
		return "required"
	}
	return "unknown"
}

// keying is the pair of attributes in force; the zero value is none.
type keying struct{ local, remote sdes.Attribute }

func (k keying) on() bool { return k != keying{} }

const maxCrypto = 16 // attributes of a line that are looked at

// readCrypto keeps the attributes that could be used.
func (a *audio) readCrypto(m *sdp.MediaDescription) {
	if len(m.MediaName.Protos) != 2 {
		return // UDP/TLS/RTP/SAVP has its keys from DTLS
	}
	seen := 0
	for _, attr := range m.Attributes {
		if attr.Key != "crypto" {
			continue
		}
		if seen++; seen > maxCrypto {
			return
		}
		a.keyed = true
		if c, err := sdes.Parse(attr.Value); err == nil {
			a.crypto = append(a.crypto, c)
		}
	}
}

// judgeOffer decides whether a line of an offer may be taken, and with which attribute:
// the first that we know, since the offerer's order counts (RFC 4568 5.1.2).
func (a *audio) judgeOffer(mode SRTPMode) {
	switch {
	case mode == SRTPOff && a.secure:
		a.refused = ErrSecureOnly
	case mode == SRTPOff:
	case len(a.crypto) > 0:
		a.theirs = a.crypto[0]
	case a.secure:
		a.refused = ErrCrypto
	case mode == SRTPRequired:
		a.refused = ErrPlainOnly
	}
}

// judgeAnswer finds the pair of attributes that an answer makes of our offer.
func (a *audio) judgeAnswer(said *description) {
	for _, theirs := range a.crypto {
		for _, ours := range said.crypto {
			if _, ok := sdes.Agree(ours, theirs); ok {
				a.ours, a.theirs = ours, theirs
				return
			}
		}
	}
	switch {
	case len(said.crypto) == 0 && a.secure:
		a.refused = ErrSecureOnly
	case len(said.crypto) == 0:
	case a.keyed || a.secure: // a key that was not asked for
		a.refused = ErrCrypto
	case said.local.SRTP == SRTPRequired:
		a.refused = ErrPlainOnly
	}
}

// secureLine makes m what the line's keys make it.
func (a *audio) secureLine(m *Media) keying {
	if a.theirs.Key == (sdes.Key{}) {
		return keying{}
	}
	m.SRTP, m.Secure = sdes.Agree(a.ours, a.theirs)
	return keying{a.ours, a.theirs}
}

// preferSecure brings encrypted lines before others, but for the session's own line.
func preferSecure(x, y audio, active int) int {
	rank := func(a audio) int {
		switch {
		case a.index == active:
			return 0
		case a.theirs.Key != sdes.Key{}:
			return 1
		}
		return 2
	}
	return rank(x) - rank(y)
}

// keyFor gives our key for an answer: the one in force as long as the far end's key and
// both addresses stay, else a new one (RFC 4568 7.1.4).
func (s *Session) keyFor(a *audio, l Local) (sdes.Key, error) {
	old, same := s.now.keys, a.theirs
	same.Tag = old.remote.Tag // may change without a change of the key
	moved := s.now.media.Remote != a.remote && !a.remote.Addr().IsUnspecified() || s.now.media.RemoteName != a.host
	if old.on() && same == old.remote && !moved && s.stays(l) {
		return old.local.Key, nil
	}
	return sdes.NewKey(s.random, a.theirs.Suite)
}

// stays tells that we still receive where we said last.
func (s *Session) stays(l Local) bool {
	return s.now.said != nil && s.now.said.local.Addr == l.Addr && s.now.said.local.Port == l.Port
}

// offeredCrypto gives the attributes of an offer. In a call that is encrypted already it is
// the one in force, so that the far end sees that nothing changes; its key is new when our
// address is (RFC 4568 7.1.4).
func (s *Session) offeredCrypto(l Local) ([]sdes.Attribute, error) {
	if l.SRTP == SRTPOff {
		return nil, nil
	}
	if k := s.now.keys; k.on() {
		if s.stays(l) {
			return []sdes.Attribute{k.local}, nil
		}
		key, err := sdes.NewKey(s.random, k.local.Suite)
		return []sdes.Attribute{k.local.Answer(key)}, err
	}
	if s.now.agreed && l.SRTP == SRTPOptional {
		return nil, nil
	}
	return newAttributes(s.random, l.Suites)
}

func newAttributes(random io.Reader, suites []sdes.Suite) ([]sdes.Attribute, error) {
	var out []sdes.Attribute
	for i, suite := range suites {
		key, err := sdes.NewKey(random, suite)
		if err != nil {
			return nil, err
		}
		out = append(out, sdes.Attribute{Tag: i + 1, Suite: suite, Key: key})
	}
	return out, nil
}

// profile gives the transport of a line of ours in an offer. What is encrypted already
// keeps its profile.
func (s *Session) profile(protos []string, l Local) []string {
	secure := l.SRTP == SRTPRequired
	if l.SRTP != SRTPOff && s.now.keys.on() {
		return protos
	}
	feedback := strings.HasSuffix(strings.ToUpper(protos[len(protos)-1]), "F")
	want := map[[2]bool]string{
		{false, false}: "AVP", {false, true}: "AVPF", {true, false}: "SAVP", {true, true}: "SAVPF",
	}[[2]bool{secure, feedback}]
	if strings.EqualFold(strings.Join(protos, "/"), "RTP/"+want) {
		return protos // as the far end writes it
	}
	return []string{"RTP", want}
}
