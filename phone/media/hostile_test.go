package media

import (
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"housephone/phone/audio"
)

func TestSprayIsNotHeard(t *testing.T) {
	e := engine(t, Config{})
	a, b := pair(t, e)
	var atB recorder
	a.SetSource(sine(t, 440))
	b.SetSink(&atB)
	until(t, "b hears 440 Hz", hears(&atB, 440))

	// A stranger on this host sends loud sound, keys and rubbish to every
	// port, in sequence and of the right payload type, faster than the peer.
	stranger := listenRaw(t)
	loud := make([]byte, 160)
	for i := range loud {
		loud[i] = byte(i%2) << 7
	}
	key := eventPacket{event: 5, duration: 160}.payload()
	sprayed := 0
	for i := range 400 {
		h := rtp.Header{SSRC: 666, SequenceNumber: uint16(i), Timestamp: uint32(160 * i)}
		stranger.send(t, b, h, loud)
		h.SSRC, h.PayloadType = 667, 101
		stranger.send(t, b, h, key[:])
		stranger.sendRaw(t, b.LocalPort(), make([]byte, 172))
		stranger.sendRaw(t, b.LocalPort()+1, []byte{0x81, 203, 0, 1, 0, 0, 0, 1})
		sprayed += 3
		if i%20 == 0 {
			time.Sleep(10 * ms)
		}
	}
	until(t, "the stranger's packets are counted", func() bool { return b.Stats().Foreign >= uint64(sprayed)*9/10 })
	pcm := atB.tail(8000)
	if l := audio.ToneLevel(pcm[len(pcm)/2:], 8000, 4000); l > -40 {
		t.Errorf("the stranger is heard with %.1f dBFS", l)
	}
	if !hears(&atB, 440)() {
		t.Error("the peer is not heard any more")
	}
	st := b.Stats()
	if st.DTMFReceived != 0 {
		t.Errorf("%d keys of the stranger", st.DTMFReceived)
	}
	if want := netip.AddrPortFrom(loopback, uint16(a.LocalPort())); st.Remote != want {
		t.Errorf("media goes to %v, want %v", st.Remote, want)
	}
}

func TestSymmetricRTP(t *testing.T) {
	a, negotiated, real := open(t, engine(t, Config{})), listenRaw(t), listenRaw(t)
	apply(t, a, params(t, negotiated.port()))
	negotiated.next(t)
	for i := range 3 {
		real.send(t, a, rtp.Header{SSRC: 9, SequenceNumber: uint16(i), Timestamp: uint32(160 * i)}, make([]byte, 160))
	}
	real.next(t)
	if st := a.Stats(); st.Remote != real.addr() {
		t.Errorf("media goes to %v, want %v", st.Remote, real.addr())
	}
	apply(t, a, params(t, negotiated.port())) // session refresh
	if st := a.Stats(); st.Remote != real.addr() {
		t.Error("the same address again was learnt anew")
	}
}

func TestMalformedAndUnknown(t *testing.T) {
	a, peer := open(t, engine(t, Config{})), listenRaw(t)
	apply(t, a, params(t, peer.port()))
	for _, raw := range [][]byte{
		{}, {0x80}, make([]byte, 11), make([]byte, 172), {0x8f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		{0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xbe, 0xde, 0xff, 0xff}, {0xa0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 255},
	} {
		peer.sendRaw(t, a.LocalPort(), raw)
	}
	peer.send(t, a, rtp.Header{PayloadType: 18, SSRC: 1, SequenceNumber: 1}, make([]byte, 20))
	until(t, "all are counted", func() bool {
		st := a.Stats()
		return st.Malformed >= 6 && st.UnknownPT == 1 && st.Received == 0
	})
}

// TestLossAndReordering drives one stream in virtual time.
func TestLossAndReordering(t *testing.T) {
	s := idle(t, 4000)
	from := params(t, 4000).Remote
	var got recorder
	s.SetSink(&got)
	tone := sine(t, 440)
	pcm, payload := make([]int16, 160), make([]byte, 160)
	enc, err := pcmu(t).NewEncoder()
	if err != nil {
		t.Fatal(err)
	}
	arrive := func(p *rtp.Packet, now time.Duration) {
		raw, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		s.receiveRTP(raw, from, now)
	}
	var kept *rtp.Packet
	for i := range 150 {
		now := time.Duration(i) * 20 * ms
		tone.Read(pcm)
		enc.Encode(payload, pcm)
		p := &rtp.Packet{
			Header:  rtp.Header{Version: 2, SSRC: 3, SequenceNumber: uint16(65400 + i), Timestamp: uint32(160 * i)},
			Payload: append([]byte(nil), payload...),
		}
		switch i % 20 {
		case 7: // lost
		case 12:
			kept = p
		case 13:
			arrive(p, now)
			arrive(kept, now+ms)
			arrive(kept, now+2*ms)
		default:
			arrive(p, now)
		}
		s.play(now + 10*ms)
	}
	st := s.Stats()
	if st.Lost != 8 || st.Reordered != 7 || st.Duplicates != 7 || st.Late != 0 {
		t.Errorf("%d lost, %d reordered, %d twice, %d late", st.Lost, st.Reordered, st.Duplicates, st.Late)
	}
	if st.Concealed != 8 || st.LossPercent < 5 || st.LossPercent > 6 || st.MOS > 4.2 {
		t.Errorf("%d frames bridged, loss %.1f %%, MOS %.2f", st.Concealed, st.LossPercent, st.MOS)
	}
	if f := audio.Frequency(got.tail(4000), 8000); f < 435 || f > 445 {
		t.Errorf("heard %.1f Hz", f)
	}
}

func TestRTCP(t *testing.T) {
	e := engine(t, Config{})
	a, peer := open(t, e), listenRaw(t)
	apply(t, a, params(t, peer.port()))
	for i := range 10 {
		peer.send(t, a, rtp.Header{SSRC: 77, SequenceNumber: uint16(i), Timestamp: uint32(160 * i)}, make([]byte, 160))
	}
	packets, from := nextRTCP(t, peer.rtcp)
	sr, ok := packets[0].(*rtcp.SenderReport)
	if !ok || from.Port() != uint16(a.LocalPort()+1) {
		t.Fatalf("%T from %v", packets[0], from)
	}
	if sr.PacketCount == 0 || sr.OctetCount != 160*sr.PacketCount || len(sr.Reports) != 1 || sr.Reports[0].SSRC != 77 {
		t.Errorf("report %+v", sr)
	}
	if xr, ok := packets[2].(*rtcp.ExtendedReport); !ok || xr.Reports[0].DestinationSSRC()[0] != 77 {
		t.Errorf("third packet %T", packets[2])
	}
	if sdes, ok := packets[1].(*rtcp.SourceDescription); !ok || sdes.Chunks[0].Source != sr.SSRC {
		t.Errorf("second packet %T", packets[1])
	}
	rr, err := (&rtcp.ReceiverReport{SSRC: 77, Reports: []rtcp.ReceptionReport{{
		SSRC: sr.SSRC, FractionLost: 64, Jitter: 80, LastSenderReport: uint32(sr.NTPTime >> 16), Delay: 0,
	}}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := peer.rtcp.WriteToUDPAddrPort(rr, from); err != nil {
		t.Fatal(err)
	}
	until(t, "the report is read", func() bool { return a.Stats().RemoteLossPercent == 25 })
	if st := a.Stats(); st.RemoteJitterMS != 10 || st.RTTMS <= 0 || st.RTTMS > 5000 {
		t.Errorf("jitter %v, round trip %v", st.RemoteJitterMS, st.RTTMS)
	}
	a.Close()
	for {
		packets, _ := nextRTCP(t, peer.rtcp)
		if bye, ok := packets[len(packets)-1].(*rtcp.Goodbye); ok {
			if bye.Sources[0] != sr.SSRC {
				t.Errorf("BYE of %d", bye.Sources[0])
			}
			return
		}
	}
}

func TestRTCPMux(t *testing.T) {
	a, peer := open(t, engine(t, Config{})), listenRaw(t)
	p := params(t, peer.port())
	p.RTCPMux = true
	apply(t, a, p)
	packets, from := nextRTCP(t, peer.rtp)
	if from.Port() != uint16(a.LocalPort()) {
		t.Errorf("RTCP from port %d, want %d", from.Port(), a.LocalPort())
	}
	sr, ok := packets[0].(*rtcp.SenderReport)
	if !ok {
		t.Fatalf("%T", packets[0])
	}
	rr, _ := (&rtcp.ReceiverReport{SSRC: 77, Reports: []rtcp.ReceptionReport{{SSRC: sr.SSRC, FractionLost: 128}}}).Marshal()
	peer.sendRaw(t, a.LocalPort(), rr)
	until(t, "the report is read", func() bool { return a.Stats().RemoteLossPercent == 50 })
}

// Reports are heard from the negotiated address, from where the sound comes, or under the name that the sound has: a
// router may have given them another port. Those of another program on the far end's host are not, and divert nothing.
func TestReportsOfAnotherProgram(t *testing.T) {
	p := params(t, 4000).withDefaults()
	s, err := newSession(p, Config{}.withDefaults(), nil)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := netip.AddrPortFrom(p.Remote.Addr(), 4444)
	report := func(sender uint32) []byte {
		rr, err := (&rtcp.ReceiverReport{SSRC: sender, Reports: []rtcp.ReceptionReport{{SSRC: 1, FractionLost: 128}}}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return rr
	}
	for name, tc := range map[string]struct {
		from   netip.AddrPort
		sender uint32
		heard  bool
	}{
		"negotiated":      {p.RemoteRTCP, 5, true},
		"as the sound":    {p.Remote, 5, true},
		"another port":    {elsewhere, 77, true},
		"another program": {elsewhere, 5, false},
		"cut short":       {elsewhere, 0, false},
	} {
		var r receiver
		r.configure(s, 0)
		for i := range uint16(4) {
			raw, err := (&rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: p.RecvPT, SSRC: 77, SequenceNumber: i}, Payload: make([]byte, 160)}).Marshal()
			if err != nil {
				t.Fatal(err)
			}
			r.rtp(raw, p.Remote, time.Duration(i)*20*ms)
		}
		raw := report(tc.sender)
		if tc.sender == 0 {
			raw = raw[:4]
		}
		r.rtcp(raw, tc.from, 1, 100*ms)
		if heard := r.report.blocksOnUs == 1; heard != tc.heard || heard == (r.foreign == 1) || (r.rtcpTo() == tc.from) != tc.heard {
			t.Errorf("%s: %d reports, %d foreign, answers go to %v", name, r.report.blocksOnUs, r.foreign, r.rtcpTo())
		}
	}
}

func FuzzReceive(f *testing.F) {
	f.Add([]byte{0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff})
	f.Add([]byte{0x80, 101, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 5, 10, 0, 160})
	f.Add([]byte{0x80, 200, 0, 6, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0x80, 201, 0, 1, 0, 0, 0, 9, 0x80, 207, 0, 3, 0, 0, 0, 9, 7, 0, 0, 1, 0, 0, 0, 1})
	f.Add([]byte{0x80, 13, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 60, 127, 0, 254})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var r receiver
		p := params(t, 4000)
		p.CNRecvPT = 13
		p = p.withDefaults()
		s, err := newSession(p, Config{}.withDefaults(), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.configure(s, 0)
		var pl player
		pl.gain = audio.VolumeGain(audio.MaxVolume)
		pl.configure(s)
		r.rtcp(raw, p.RemoteRTCP, 1, ms)
		for i := range 4 {
			r.rtp(raw, p.Remote, time.Duration(i)*20*ms)
			f, _ := r.buffer.Pop(time.Duration(i) * 60 * ms)
			pl.arrived(f.Payload)
		}
		var st Stats
		r.fill(&st, s, time.Second)
		if r.packets+r.foreign+r.malformed+r.unknownPT < 4 {
			t.Fatalf("packets without account: %+v", st)
		}
	})
}
