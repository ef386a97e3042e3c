package media

import (
	"testing"
	"time"

	"github.com/pion/rtp"

	"housephone/phone/audio"
	"housephone/phone/codec"
)

// toneAt is a source for a codec of another rate than 8000.
func toneAt(t testing.TB, rate int, hz float64) audio.Source {
	t.Helper()
	src, err := audio.NewTone(rate, -12, hz)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func TestEveryCodecCarriesSound(t *testing.T) {
	e := engine(t, Config{})
	for _, c := range codec.Table() {
		t.Run(c.String(), func(t *testing.T) {
			t.Parallel()
			a, b := open(t, e), open(t, e)
			p := params(t, b.LocalPort())
			p.Codec, p.SendPT, p.RecvPT, p.SendFmtp = c, 110, 111, c.Fmtp() // other numbers each way
			apply(t, a, p)
			p.Remote, p.SendPT, p.RecvPT = params(t, a.LocalPort()).Remote, 111, 110
			apply(t, b, p)
			var got recorder
			a.SetSource(toneAt(t, c.SampleRate, 440))
			b.SetSink(&got)
			until(t, "b hears 440 Hz", func() bool {
				pcm := got.tail(c.SampleRate / 5)
				f := audio.Frequency(pcm, c.SampleRate)
				return len(pcm) == c.SampleRate/5 && f > 435 && f < 445
			})
		})
	}
}

// TestCodecChange is a re-INVITE from G.711 to Opus and G.722: sequence numbers go on.
func TestCodecChange(t *testing.T) {
	a, peer := open(t, engine(t, Config{})), listenRaw(t)
	apply(t, a, params(t, peer.port()))
	last := peer.next(t)
	for _, name := range []string{"opus", "G722", "L16", "PCMU"} {
		c, ok := codec.ByName(name)
		if !ok {
			t.Fatal(name)
		}
		p := params(t, peer.port())
		p.Codec, p.SendPT, p.RecvPT, p.Ptime = c, c.PayloadType, c.PayloadType, 40*ms
		if name == "opus" {
			p.Ptime = 20 * ms
		}
		apply(t, a, p)
		for last.PayloadType != c.PayloadType {
			next := peer.next(t)
			if next.SequenceNumber != last.SequenceNumber+1 || next.SSRC != last.SSRC {
				t.Fatalf("%d of %x follows %d of %x", next.SequenceNumber, next.SSRC, last.SequenceNumber, last.SSRC)
			}
			last = next
		}
		next := peer.next(t)
		if step := next.Timestamp - last.Timestamp; step != c.Timestamps(p.Ptime) {
			t.Errorf("%v: timestamps %d apart", c, step)
		}
		last = next
	}
}

// TestOpusLoss loses every tenth packet in virtual time. What the next packet tells of it
// is used, and the time stays right.
func TestOpusLoss(t *testing.T) {
	c, _ := codec.ByName("opus")
	s := idle(t, 4000)
	p := params(t, 4000)
	p.Codec, p.SendPT, p.RecvPT = c, 96, 96
	apply(t, s, p)
	var got recorder
	s.SetSink(&got)
	enc, err := c.NewEncoderFor("useinbandfec=1")
	if err != nil {
		t.Fatal(err)
	}
	src := toneAt(t, 48000, 440)
	pcm, payload := make([]int16, 960), make([]byte, 1000)
	for i := range 200 {
		now := time.Duration(i) * 20 * ms
		src.Read(pcm)
		n := enc.Encode(payload, pcm)
		if i%10 != 7 {
			raw, err := (&rtp.Packet{
				Header:  rtp.Header{Version: 2, PayloadType: 96, SSRC: 3, SequenceNumber: uint16(i), Timestamp: uint32(960 * i)},
				Payload: payload[:n],
			}).Marshal()
			if err != nil {
				t.Fatal(err)
			}
			s.receiveRTP(raw, p.Remote, now)
		}
		s.play(now + 10*ms)
	}
	if st := s.Stats(); st.Lost != 20 || st.Concealed < 19 || st.Concealed > 21 || st.Late != 0 {
		t.Errorf("%d lost, %d bridged, %d late", st.Lost, st.Concealed, st.Late)
	}
	if n := len(got.tail(1 << 20)); n != 200*960 {
		t.Errorf("%d samples played, want %d", n, 200*960)
	}
	if f := audio.Frequency(got.tail(48000), 48000); f < 435 || f > 445 {
		t.Errorf("heard %.1f Hz", f)
	}
}

func TestPacketWithoutSound(t *testing.T) {
	c, _ := codec.ByName("opus")
	s := idle(t, 4000)
	p := params(t, 4000)
	p.Codec, p.SendPT, p.RecvPT = c, 96, 96
	apply(t, s, p)
	var got recorder
	s.SetSink(&got)
	for i := range 20 {
		raw, err := (&rtp.Packet{
			Header:  rtp.Header{Version: 2, PayloadType: 96, SSRC: 3, SequenceNumber: uint16(i), Timestamp: uint32(960 * i)},
			Payload: []byte{0xff, 0xff, 0xff}, // no Opus (RFC 6716 3.2.5, R5)
		}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		s.receiveRTP(raw, p.Remote, time.Duration(i)*20*ms)
		s.play(time.Duration(i)*20*ms + 10*ms)
	}
	if n := len(got.tail(1 << 20)); n != 20*960 {
		t.Errorf("%d samples played, want %d", n, 20*960)
	}
	if st := s.Stats(); st.Panics != 0 || audio.Level(got.tail(960)) > -60 {
		t.Errorf("%d panics, level %.1f", st.Panics, audio.Level(got.tail(960)))
	}
}
