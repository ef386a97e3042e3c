package media

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"housephone/phone/sdes"
)

const (
	replayWindow = 64 // RFC 3711 3.3.2
	// sourcesAllowed is how many SSRCs are accepted under one key; each takes memory.
	sourcesAllowed = 64
	// oldKeyFor is how long the former key still opens packets, so that none under way is
	// lost by a re-INVITE.
	oldKeyFor = 2 * time.Second
)

// cryptoContext is one direction under one key.
func cryptoContext(s sdes.Suite, k sdes.Key, options ...srtp.ContextOption) (*srtp.Context, error) {
	profile, ok := map[sdes.Suite]srtp.ProtectionProfile{
		sdes.AES128CM80: srtp.ProtectionProfileAes128CmHmacSha1_80,
		sdes.AES128CM32: srtp.ProtectionProfileAes128CmHmacSha1_32,
		sdes.AES256CM80: srtp.ProtectionProfileAes256CmHmacSha1_80,
		sdes.AES256CM32: srtp.ProtectionProfileAes256CmHmacSha1_32,
		sdes.AES128GCM:  srtp.ProtectionProfileAeadAes128Gcm,
		sdes.AES256GCM:  srtp.ProtectionProfileAeadAes256Gcm,
	}[s]
	octets := k.Octets()
	n, _, known := s.Lengths()
	if !ok || !known || len(octets) < n {
		return nil, fmt.Errorf("SRTP with %q: %w", s, ErrParams)
	}
	c, err := srtp.CreateContext(octets[:n], octets[n:], profile, options...)
	if err != nil {
		return nil, fmt.Errorf("SRTP with %s: %w", s, err)
	}
	return c, nil
}

// protector encrypts what a stream sends. It belongs to the pacer's half.
type protector struct {
	suite   sdes.Suite
	key     sdes.Key
	context *srtp.Context
	header  rtp.Header
}

func newProtector(s sdes.SRTP) (*protector, error) {
	c, err := cryptoContext(s.Suite, s.LocalKey)
	return &protector{suite: s.Suite, key: s.LocalKey, context: c}, err
}

func (p *protector) is(s sdes.SRTP) bool {
	return p != nil && p.suite == s.Suite && p.key == s.LocalKey
}

// rtp encrypts the first n octets of buf in place.
func (p *protector) rtp(buf []byte, n int) ([]byte, error) {
	return p.context.EncryptRTP(buf, buf[:n], &p.header)
}

func (p *protector) rtcp(raw []byte) ([]byte, error) {
	return p.context.EncryptRTCP(nil, raw, nil)
}

// unprotector checks and decrypts what a stream receives. It belongs to the readers' half.
type unprotector struct {
	suite sdes.Suite
	key   sdes.Key
	mki   string
	now   *srtp.Context
	// kept is a second try for a source that was known under the former key: whether its
	// roll-over counter begins anew is seen differently (RFC 3711 3.3.1, RFC 4568 7.1.4).
	kept     *srtp.Context
	old      *srtp.Context // of the former key
	oldUntil time.Duration
	before   uint32 // roll-over counter when the key came into force
	sources  int
	header   rtp.Header
	buf      [2048]byte
}

func newUnprotector(s sdes.SRTP) (*unprotector, error) {
	u := &unprotector{suite: s.Suite, key: s.RemoteKey, mki: s.RemoteMKI}
	var err error
	u.now, err = u.context()
	return u, err
}

func (u *unprotector) context() (*srtp.Context, error) {
	options := []srtp.ContextOption{srtp.SRTPReplayProtection(replayWindow), srtp.SRTCPReplayProtection(replayWindow)}
	if u.mki != "" {
		options = append(options, srtp.MasterKeyIndicator([]byte(u.mki)))
	}
	return cryptoContext(u.suite, u.key, options...)
}

func (u *unprotector) is(s sdes.SRTP) bool {
	return u != nil && u.suite == s.Suite && u.key == s.RemoteKey && u.mki == s.RemoteMKI
}

// follow takes over from a former key of the same far end, whose source is ssrc.
func (u *unprotector) follow(old *unprotector, ssrc uint32, now time.Duration) {
	u.old, u.oldUntil = old.now, now+oldKeyFor
	roc, ok := old.now.ROC(ssrc)
	if !ok {
		roc = old.before
	}
	if u.before = roc; roc == 0 {
		return
	}
	kept, err := u.context()
	if err != nil {
		return // the same has just worked
	}
	kept.SetROC(ssrc, roc)
	u.kept = kept
}

// rtp gives the packet in the clear, valid until the next call, or ok false for one that
// is forged, damaged or was here before.
func (u *unprotector) rtp(raw []byte, now time.Duration) (clear []byte, ok bool) {
	const ssrcAt = 8
	if len(raw) < rtpHeaderSize {
		return nil, false
	}
	ssrc := binary.BigEndian.Uint32(raw[ssrcAt:])
	_, known := u.now.ROC(ssrc)
	return u.try(known, now, func(c *srtp.Context) ([]byte, error) {
		return c.DecryptRTP(u.buf[:], raw, &u.header)
	})
}

func (u *unprotector) rtcp(raw []byte, now time.Duration) (clear []byte, ok bool) {
	const ssrcAt, least = 4, 8
	if len(raw) < least {
		return nil, false
	}
	_, known := u.now.Index(binary.BigEndian.Uint32(raw[ssrcAt:]))
	return u.try(known, now, func(c *srtp.Context) ([]byte, error) {
		var h rtcp.Header
		return c.DecryptRTCP(u.buf[:], raw, &h)
	})
}

// try opens a packet under the key, and else in the other ways that are left.
func (u *unprotector) try(known bool, now time.Duration, open func(*srtp.Context) ([]byte, error)) ([]byte, bool) {
	if !known && u.sources >= sourcesAllowed {
		return nil, false
	}
	if clear, err := open(u.now); err == nil {
		if !known {
			u.sources++
		}
		return clear, true
	}
	if u.kept != nil && !known {
		if clear, err := open(u.kept); err == nil {
			u.now, u.kept = u.kept, nil
			return clear, true
		}
	}
	if u.old == nil {
		return nil, false
	}
	if now >= u.oldUntil {
		u.old = nil
		return nil, false
	}
	clear, err := open(u.old)
	return clear, err == nil
}
