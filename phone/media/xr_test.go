package media

import (
	"bytes"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

func TestBursts(t *testing.T) {
	for name, tc := range map[string]struct {
		turns      string // N = 20 kept, n = 5 kept, x = one lost
		gap, burst float64
		gapMS      uint16
		burstMS    uint16
	}{
		"nothing lost":   {"NNNN", 0, 0, 0, 0},
		"single losses":  {"NxNxNxNx", 0.05, 0, 0, 0},
		"one burst":      {"NxxxNx", 0, 1, 820, 60},        // 20 and 20 kept and the loss that begins, three lost
		"broken burst":   {"NxnxNx", 0, 2 / 7.0, 820, 120}, // by the transitions of appendix A.2
		"burst at first": {"xxN", 0, 0, 0, 0},
	} {
		var b bursts
		for _, c := range tc.turns {
			switch c {
			case 'N', 'n':
				for range map[rune]int{'N': 20, 'n': 5}[c] {
					b.kept()
				}
			case 'x':
				b.lost()
			}
		}
		var m rtcp.VoIPMetricsReportBlock
		b.fill(&m, 20*ms)
		near := func(got uint8, want float64) bool { return float64(got) > 256*want-6 && float64(got) < 256*want+6 }
		if m.Gmin != gmin || !near(m.GapDensity, tc.gap) || !near(m.BurstDensity, min(tc.burst, 0.996)) || m.GapDuration != tc.gapMS || m.BurstDuration != tc.burstMS {
			t.Errorf("%s: gap %d/256, burst %d/256, %d ms, %d ms", name, m.GapDensity, m.BurstDensity, m.GapDuration, m.BurstDuration)
		}
	}
}

// TestVoiceMetricsOnTheWire compares the block with the layout of RFC 3611 4.7.
func TestVoiceMetricsOnTheWire(t *testing.T) {
	raw, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ExtendedReport{SenderSSRC: 0x01020304, Reports: []rtcp.ReportBlock{&rtcp.VoIPMetricsReportBlock{
		SSRC: 0x05060708, LossRate: 9, DiscardRate: 10, BurstDensity: 11, GapDensity: 12, BurstDuration: 0x0d0e, GapDuration: 0x0f10,
		RoundTripDelay: 0x1112, EndSystemDelay: 0x1314, SignalLevel: 0x15, NoiseLevel: 0x16, RERL: 0x17, Gmin: 0x18,
		RFactor: 0x19, ExtRFactor: 0x1a, MOSLQ: 0x1b, MOSCQ: 0x1c, RXConfig: 0x1d, JBNominal: 0x1f20, JBMaximum: 0x2122, JBAbsMax: 0x2324,
	}}}})
	want := append([]byte{0x80, 207, 0, 10, 1, 2, 3, 4, 7, 0, 0, 8}, make([]byte, 32)...)
	for i := range want[12:] {
		want[12+i] = byte(5 + i)
	}
	want[12+25] = 0 // reserved
	if err != nil || !bytes.Equal(raw, want) {
		t.Errorf("%v\n% x, want\n% x", err, raw, want)
	}
}

func TestVoiceMetricsAreSentAndRead(t *testing.T) {
	s := idle(t, 4000)
	from := params(t, 4000).Remote
	for i := range 200 {
		now := time.Duration(i) * 20 * ms
		if i%20 != 7 {
			s.receiveRTP(plain(t, rtp.Header{SSRC: 77, SequenceNumber: uint16(i), Timestamp: uint32(160 * i)}, make([]byte, 160)), from, now)
		}
		s.play(now + 10*ms)
	}
	m := s.rx.voice(&s.player.bursts)
	if m.SSRC != 77 || m.LossRate < 12 || m.LossRate > 14 || m.DiscardRate != 0 || m.GapDensity < 10 || m.GapDensity > 15 || m.BurstDensity != 0 {
		t.Errorf("loss %d, discarded %d, gaps %d, bursts %d", m.LossRate, m.DiscardRate, m.GapDensity, m.BurstDensity)
	}
	if m.MOSLQ < 37 || m.MOSLQ > 43 || m.MOSCQ > m.MOSLQ || m.RFactor < 70 || m.RFactor > 90 || m.EndSystemDelay < 40 || m.JBAbsMax != 200 {
		t.Errorf("scores %d and %d of %d, delay %d ms, buffer up to %d ms", m.MOSLQ, m.MOSCQ, m.RFactor, m.EndSystemDelay, m.JBAbsMax)
	}

	xr := func(blocks ...rtcp.ReportBlock) {
		t.Helper()
		raw, err := rtcp.Marshal([]rtcp.Packet{
			&rtcp.ReceiverReport{SSRC: 77}, &rtcp.ExtendedReport{SenderSSRC: 77, Reports: blocks},
		})
		if err != nil {
			t.Fatal(err)
		}
		s.receiveRTCP(raw, s.session.RemoteRTCP, 0)
	}
	for _, tc := range []struct {
		block rtcp.VoIPMetricsReportBlock
		want  float64
	}{
		{rtcp.VoIPMetricsReportBlock{SSRC: s.ssrc + 1, MOSLQ: 30}, 0},
		{rtcp.VoIPMetricsReportBlock{SSRC: s.ssrc, MOSLQ: unknown127, MOSCQ: unknown127}, 0},
		{rtcp.VoIPMetricsReportBlock{SSRC: s.ssrc, MOSLQ: 41, MOSCQ: unknown127, RFactor: unknown127}, 4.1},
		{rtcp.VoIPMetricsReportBlock{SSRC: s.ssrc, MOSLQ: 41, MOSCQ: 38, RFactor: 80}, 3.8},
		{rtcp.VoIPMetricsReportBlock{SSRC: s.ssrc, MOSLQ: 200, MOSCQ: 3}, 3.8},
	} {
		xr(&rtcp.ReceiverReferenceTimeReportBlock{}, &tc.block)
		if got := s.Stats().RemoteMOS; got != tc.want {
			t.Errorf("MOS %v, want %v", got, tc.want)
		}
	}
	if st := s.Stats(); st.Malformed != 0 {
		t.Errorf("%d malformed", st.Malformed)
	}
}

func TestEveryCodecHasAScore(t *testing.T) {
	for _, name := range []string{"PCMA", "PCMU", "G722", "opus", "L16"} {
		clean, lossy, late := mos(name, 0, 60*ms), mos(name, 5, 60*ms), mos(name, 0, 400*ms)
		if clean < 4.2 || lossy > clean-0.2 || lossy < 2.5 || late > clean-0.2 {
			t.Errorf("%s: %.2f clean, %.2f with loss, %.2f late", name, clean, lossy, late)
		}
	}
}
