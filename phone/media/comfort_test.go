package media

import (
	"testing"
	"time"

	"github.com/pion/rtp"

	"housephone/phone/audio"
)

// TestComfortNoiseIsHeard: sound, a pause with one description, sound again, in virtual
// time.
func TestComfortNoiseIsHeard(t *testing.T) {
	s := idle(t, 4000)
	p := params(t, 4000)
	p.CNRecvPT = 13
	apply(t, s, p)
	var got recorder
	s.SetSink(&got)
	tone, pcm, payload := sine(t, 440), make([]int16, 160), make([]byte, 160)
	enc, err := p.Codec.NewEncoder()
	if err != nil {
		t.Fatal(err)
	}
	seq := uint16(0)
	for i := range 150 {
		now := time.Duration(i) * 20 * ms
		h := rtp.Header{SSRC: 3, SequenceNumber: seq, Timestamp: uint32(160 * i)}
		tone.Read(pcm)
		switch {
		case i == 50:
			h.PayloadType = 13
			s.receiveRTP(plain(t, h, []byte{45, 127}), p.Remote, now)
			seq++
		case i > 50 && i < 100: // nothing is sent
		default:
			enc.Encode(payload, pcm)
			s.receiveRTP(plain(t, h, payload), p.Remote, now)
			seq++
		}
		s.play(now + 10*ms)
		switch i {
		case 95: // -45 dBov is 3 dB above the same in dBFS of a sine
			if l := audio.Level(got.tail(4000)); l < -46 || l > -38 {
				t.Errorf("the pause has %.1f dBFS", l)
			}
		case 149:
			if !hears(&got, 440)() {
				t.Error("no sound after the pause")
			}
		}
	}
	if st := s.Stats(); st.Concealed > 5 || st.Lost != 0 || st.UnknownPT != 0 || st.JitterMS > 1 {
		t.Errorf("%d bridged, %d lost, %d unknown, jitter %.1f", st.Concealed, st.Lost, st.UnknownPT, st.JitterMS)
	}
	if n := len(got.tail(1 << 20)); n != 150*160 {
		t.Errorf("%d samples played", n)
	}
}

func TestComfortNoiseThatWasNotAgreed(t *testing.T) {
	s := idle(t, 4000)
	p := params(t, 4000)
	s.receiveRTP(plain(t, rtp.Header{PayloadType: 13, SSRC: 3}, []byte{45}), p.Remote, 0)
	if st := s.Stats(); st.UnknownPT != 1 || st.Received != 0 {
		t.Errorf("%d unknown, %d received", st.UnknownPT, st.Received)
	}
}

// TestPausesAreNotSent mutes for five seconds.
func TestPausesAreNotSent(t *testing.T) {
	for _, agreed := range []bool{false, true} {
		peer := listenRaw(t)
		s := idle(t, peer.port())
		p := params(t, peer.port())
		if agreed {
			p.CNSendPT = 13
		}
		apply(t, s, p)
		sent := func(frames int) uint64 {
			before := s.Stats().Sent
			for range frames {
				s.send(0)
			}
			return s.Stats().Sent - before
		}
		if n := sent(50); n != 50 {
			t.Errorf("agreed %v: %d packets of sound", agreed, n)
		}
		peer.drain(t)
		s.SetMute(true)
		n := sent(250)
		if !agreed {
			if n != 250 {
				t.Errorf("%d packets in silence without comfort noise", n)
			}
			continue
		}
		if n < 14+8 || n > 14+12 { // sound for 280 ms, then twice a second
			t.Errorf("%d packets in a pause of five seconds", n)
		}
		last := peer.next(t)
		for range n - 1 {
			next := peer.next(t)
			if next.SequenceNumber != last.SequenceNumber+1 {
				t.Errorf("%d follows %d", next.SequenceNumber, last.SequenceNumber)
			}
			last = next
		}
		if last.PayloadType != 13 || last.Marker || len(last.Payload) != 11 || last.Payload[0] != 127 {
			t.Errorf("the last is %v % x", last.Header, last.Payload)
		}
		s.SetMute(false)
		if n := sent(1); n != 1 {
			t.Fatal("the voice after the pause is not sent")
		}
		next := peer.next(t)
		if next.PayloadType != 0 || !next.Marker || next.SequenceNumber != last.SequenceNumber+1 || next.Timestamp-last.Timestamp > 160*30 {
			t.Errorf("after the pause %v, before %v", next.Header, last.Header)
		}
		s.SetMute(true)
		sent(50)
		if err := s.SendDTMF("1", nil); err != nil {
			t.Fatal(err)
		}
		peer.drain(t)
		if sent(5); peer.next(t).PayloadType != 101 {
			t.Error("a key in a pause is not sent")
		}
		if n := testing.AllocsPerRun(200, func() { s.send(0) }); n != 0 {
			t.Errorf("%v allocations a frame", n)
		}
	}
}
