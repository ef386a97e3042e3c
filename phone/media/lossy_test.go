package media

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"

	"housephone/phone/audio"
	"housephone/phone/codec"
	"housephone/phone/phonetest"
)

// lossy is what a bad network does to a call, in simulated time.
type lossy struct {
	unconcealed float64 // per cent of frames that are silent although there was sound
	late        float64 // per cent of packets that came too late
	delay       time.Duration
	clock       float64 // ppm, of the far end as it is estimated
	frames      int     // played
}

// badNetwork plays a tone for some time over a network that loses 5 % of all packets at random and holds each of the
// others for up to 50 ms, so that they also change places. The far end's clock is off by ppm.
func badNetwork(t testing.TB, name string, length time.Duration, ppm float64, seed uint64) lossy {
	t.Helper()
	const (
		warm   = 3 * time.Second // the buffer learns how bad it is
		loss   = 0.05
		jitter = 50 * time.Millisecond
	)
	c, ok := codec.ByName(name)
	if !ok {
		t.Fatalf("no codec %q", name)
	}
	s, p := idle(t, 4000), params(t, 4000)
	p.Codec, p.RecvPT, p.SendPT = c, c.PayloadType, c.PayloadType
	apply(t, s, p)
	var got recorder
	s.SetSink(&got)
	rnd := rand.New(rand.NewPCG(seed, 5))
	type arrival struct {
		at  time.Duration
		raw []byte
	}
	var arrivals []arrival
	tone, err := audio.NewTone(c.SampleRate, -12, 440)
	if err != nil {
		t.Fatal(err)
	}
	enc, err := c.NewEncoderFor("useinbandfec=1")
	if err != nil {
		t.Fatal(err)
	}
	const frame = 20 * time.Millisecond
	pcm, payload := make([]int16, c.Samples(frame)), make([]byte, maxPayload)
	step := time.Duration(float64(frame) * (1 - ppm/1e6))
	for i := 0; ; i++ {
		sent := time.Duration(i) * step
		if sent >= length {
			break
		}
		tone.Read(pcm)
		n := enc.Encode(payload, pcm)
		if rnd.Float64() < loss {
			continue
		}
		raw := plain(t, rtp.Header{SSRC: 77, PayloadType: c.PayloadType, SequenceNumber: uint16(65000 + i), Timestamp: uint32(i) * c.Timestamps(frame)}, payload[:n])
		arrivals = append(arrivals, arrival{sent + time.Duration(rnd.Int64N(int64(jitter))), slices.Clone(raw)})
	}
	slices.SortStableFunc(arrivals, func(a, b arrival) int { return int(a.at - b.at) })
	for now := time.Duration(0); now < length; now += frame {
		for len(arrivals) > 0 && arrivals[0].at <= now {
			s.receiveRTP(arrivals[0].raw, p.Remote, arrivals[0].at)
			arrivals = arrivals[1:]
		}
		s.play(now)
	}
	return judge(s, got.tail(1 << 30)[c.Samples(warm):], c.Samples(frame), int((length-warm)/frame))
}

func judge(s *Stream, pcm []int16, frame, want int) lossy {
	st := s.Stats()
	out := lossy{
		late: 100 * float64(st.Late) / float64(st.Received), delay: time.Duration(st.BufferMS * float64(time.Millisecond)),
		clock: st.ClockPPM, frames: len(pcm) / frame,
	}
	silent := max(want-out.frames, 0)
	for ; len(pcm) >= frame; pcm = pcm[frame:] {
		if audio.Level(pcm[:frame]) < -40 { // the tone is at -15
			silent++
		}
	}
	out.unconcealed = 100 * float64(silent) / float64(want)
	return out
}

func TestBadNetwork(t *testing.T) {
	const length = 30 * time.Second
	for seed, c := range []struct {
		codec string
		ppm   float64
	}{{"PCMA", 0}, {"PCMA", 200}, {"PCMU", -200}, {"G722", 0}, {"L16", 0}, {"opus", 0}} {
		r := badNetwork(t, c.codec, length, c.ppm, uint64(seed))
		t.Logf("%s, clock %v ppm off: %+v", c.codec, c.ppm, r)
		if r.unconcealed > 0.5 {
			t.Errorf("%s, clock %v ppm off: %.2f %% of frames unconcealed, want 0.5 at most", c.codec, c.ppm, r.unconcealed)
		}
		if r.frames != 1350 || r.delay > 150*ms || math.Abs(r.clock-c.ppm) > 100 {
			t.Errorf("%s, clock %v ppm off: %d frames in 27 s, delay %v, clock told %.0f ppm off", c.codec, c.ppm, r.frames, r.delay, r.clock)
		}
	}
}

// BenchmarkBadNetwork tells the figures of TestBadNetwork.
func BenchmarkBadNetwork(b *testing.B) {
	for _, name := range []string{"PCMA", "G722", "opus"} {
		b.Run(name, func(b *testing.B) {
			var r lossy
			for b.Loop() {
				r = badNetwork(b, name, time.Minute, 0, 1)
			}
			b.ReportMetric(r.unconcealed, "unconcealed-%")
			b.ReportMetric(float64(r.delay)/float64(time.Millisecond), "delay-ms")
		})
	}
}

// The same in earnest: a UDP relay between two streams loses, delays and swaps.
func TestThroughABadNetwork(t *testing.T) {
	e := engine(t, Config{})
	a, b := open(t, e), open(t, e)
	relay := phonetest.NewRelay(t, netip.AddrPortFrom(loopback, uint16(b.LocalPort())), 3,
		phonetest.Rule{Action: phonetest.Drop, Chance: 0.05},
		phonetest.Rule{Action: phonetest.Swap, Chance: 0.05},
		phonetest.Rule{Action: phonetest.Duplicate, Chance: 0.05},
		phonetest.Rule{Action: phonetest.Delay, Chance: 0.3, Delay: 25 * ms},
		phonetest.Rule{Action: phonetest.Delay, Chance: 0.3, Delay: 50 * ms})
	pa, pb := params(t, int(relay.Addr().Port())), params(t, a.LocalPort())
	pb.Send = false // else a would answer past the relay
	apply(t, a, pa)
	apply(t, b, pb)
	var heard recorder
	a.SetSource(sine(t, 440))
	b.SetSink(&heard)
	until(t, "enough of the tone", func() bool { return len(heard.tail(1<<20)) >= 4*8000 })
	st := b.Stats()
	if st.Concealed == 0 || st.Lost == 0 || st.LossPercent > 20 || st.Reordered == 0 || st.Duplicates == 0 {
		t.Errorf("%+v", st)
	}
	if f := audio.Frequency(heard.tail(3*8000), 8000); f < 420 || f > 460 {
		t.Errorf("heard %.1f Hz", f)
	}
	if st.JitterMS < 5 || st.BufferMS < 20 || st.BufferMS > 200 {
		t.Errorf("jitter %.1f ms, buffer %.0f ms", st.JitterMS, st.BufferMS)
	}
}
