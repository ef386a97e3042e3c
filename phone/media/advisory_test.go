package media

import (
	"testing"
	"time"

	"github.com/pion/rtp"

	"housephone/phone/sdes"
)

// FreeSWITCH hung up after a hundred SRTP packets that could not be authenticated (CVE-2021-41105):
// here thousands are counted, and the call goes on.
func TestES2021_09_ManyBadSRTPPackets(t *testing.T) {
	s := idle(t, 4000)
	p := params(t, 4000)
	k := keys(t, sdes.AES128CM80)
	apply(t, s, secure(t, p, k))
	real, forger := newFar(t, k), newFar(t, keys(t, sdes.AES128CM80))
	const rounds, bad = 20, 500
	for i := range rounds {
		now := time.Duration(i) * 20 * ms
		for j := range bad {
			s.receiveRTP(forger.packet(t, rtp.Header{SSRC: 9, SequenceNumber: uint16(i*bad + j)}, make([]byte, 160)), p.Remote, now)
		}
		s.receiveRTP(real.packet(t, rtp.Header{SSRC: 5, SequenceNumber: uint16(i), Timestamp: uint32(160 * i)}, make([]byte, 160)), p.Remote, now)
	}
	if st := s.Stats(); st.Received != rounds || st.AuthFailed != rounds*bad || st.Remote != p.Remote || st.Panics != 0 {
		t.Errorf("%+v", st)
	}
}

// rtpengine let strangers inject and receive media where SRTP was not checked before an address was
// learnt (CVE-2025-53399): forged packets in sequence, of the right port even, teach nothing.
func TestES2025_01_UnauthenticatedPacketsTeachNothing(t *testing.T) {
	s := idle(t, 4000)
	p := params(t, 4000)
	p.AnySource = true
	k := keys(t, sdes.AES128CM80)
	apply(t, s, secure(t, p, k))
	forger := newFar(t, keys(t, sdes.AES128CM80))
	thief := listenRaw(t).addr()
	for i := range 100 {
		h := rtp.Header{SSRC: 7, SequenceNumber: uint16(i), Timestamp: uint32(160 * i)}
		s.receiveRTP(forger.packet(t, h, make([]byte, 160)), thief, 0)
		s.receiveRTP(plain(t, h, make([]byte, 160)), thief, 0) // the tag is not there at all
		s.receiveRTP(make([]byte, 172), thief, 0)
	}
	if st := s.Stats(); st.Remote != p.Remote || st.Received != 0 || st.LastPacket != -1 {
		t.Errorf("media goes to %v, %d received", st.Remote, st.Received)
	}
}
