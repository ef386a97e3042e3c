package media

import (
	"math/rand/v2"
	"time"

	"github.com/pion/rtcp"
)

const (
	reportEvery = 5 * time.Second // RFC 3550 6.2
	maxRTT      = 10 * time.Second
)

// nextReport is when to report next: half to one and a half of the interval
// from now, so that reports of many calls do not meet (RFC 3550 6.3.1).
func nextReport(now time.Duration) time.Duration {
	return now + reportEvery/2 + rand.N(reportEvery)
}

// heardReport is what the far end's RTCP has told.
type heardReport struct {
	sentMiddle uint32 // middle of the NTP time of our last SR
	sentAt     time.Duration

	middle  uint32 // of its last SR, for LSR
	at      time.Duration
	rtt     time.Duration
	loss    float64 // percent of our packets
	jitter  uint32  // timestamp units
	mos     float64 // of our sound by the far end, 0 while unknown
	rFactor uint8   // likewise
	reports uint64

	blocksOnUs uint64 // reports of the far end that spoke of our packets
}

// ntp is the 64 bit NTP time (RFC 3550 4).
func ntp(t time.Time) uint64 {
	const to1900 = 2208988800
	s := uint64(t.Unix() + to1900)
	return s<<32 | uint64(t.Nanosecond())<<32/uint64(time.Second)
}

// senderInfo is our half of a report.
type senderInfo struct {
	ssrc            uint32
	active          bool // sent since the last report
	timestamp       uint32
	packets, octets uint32
	wall            time.Time
}

// compound builds SR or RR with SDES, XR when there is something to tell, and BYE at the
// end (RFC 3550 6.1).
func compound(me senderInfo, cname string, blocks []rtcp.ReceptionReport, voice *rtcp.VoIPMetricsReportBlock, bye bool) ([]byte, error) {
	var out []rtcp.Packet
	if me.active {
		out = append(out, &rtcp.SenderReport{
			SSRC: me.ssrc, NTPTime: ntp(me.wall), RTPTime: me.timestamp,
			PacketCount: me.packets, OctetCount: me.octets, Reports: blocks,
		})
	} else {
		out = append(out, &rtcp.ReceiverReport{SSRC: me.ssrc, Reports: blocks})
	}
	out = append(out, &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
		Source: me.ssrc,
		Items:  []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: cname}},
	}}})
	if voice != nil {
		out = append(out, &rtcp.ExtendedReport{SenderSSRC: me.ssrc, Reports: []rtcp.ReportBlock{voice}})
	}
	if bye {
		out = append(out, &rtcp.Goodbye{Sources: []uint32{me.ssrc}})
	}
	return rtcp.Marshal(out)
}

// sent remembers the moment of our sender report.
func (h *heardReport) sent(wall time.Time, now time.Duration) {
	h.sentMiddle, h.sentAt = uint32(ntp(wall)>>16), now
}

// read takes what concerns us, the sender ours, out of the far end's report.
func (h *heardReport) read(raw []byte, ours uint32, now time.Duration) error {
	packets, err := rtcp.Unmarshal(raw)
	if err != nil {
		return err
	}
	h.reports++
	for _, p := range packets {
		switch p := p.(type) {
		case *rtcp.SenderReport:
			h.middle, h.at = uint32(p.NTPTime>>16), now
			h.blocks(p.Reports, ours, now)
		case *rtcp.ReceiverReport:
			h.blocks(p.Reports, ours, now)
		case *rtcp.ExtendedReport:
			for _, b := range p.Reports {
				if m, ok := b.(*rtcp.VoIPMetricsReportBlock); ok && m.SSRC == ours {
					h.voice(m)
				}
			}
		}
	}
	return nil
}

func (h *heardReport) blocks(blocks []rtcp.ReceptionReport, ours uint32, now time.Duration) {
	for _, b := range blocks {
		if b.SSRC != ours {
			continue
		}
		h.blocksOnUs++
		h.loss = 100 * float64(b.FractionLost) / 256
		h.jitter = b.Jitter
		if h.sentMiddle == 0 || b.LastSenderReport != h.sentMiddle {
			continue
		}
		held := time.Duration(b.Delay) * time.Second / 65536
		if rtt := now - h.sentAt - held; rtt >= 0 && rtt < maxRTT { // RFC 3550 6.4.1, figure 2
			h.rtt = rtt
		}
	}
}

// block is our report on the far end (RFC 3550 6.4.1).
func (h *heardReport) block(ssrc uint32, r *recvStats, now time.Duration) rtcp.ReceptionReport {
	b := rtcp.ReceptionReport{
		SSRC:               ssrc,
		FractionLost:       r.fraction(),
		TotalLost:          uint32(min(max(int64(r.expected())-int64(r.count), 0), 1<<23-1)),
		LastSequenceNumber: r.highest - 1<<16,
		Jitter:             uint32(r.jitter),
	}
	if h.middle != 0 {
		b.LastSenderReport = h.middle
		b.Delay = uint32((now - h.at) * 65536 / time.Second)
	}
	return b
}
