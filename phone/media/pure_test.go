package media

import (
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"housephone/phone/audio"
	"housephone/phone/jitter"
)

const ms = time.Millisecond

func TestWheel(t *testing.T) {
	var w wheel[int]
	for i := range 120 {
		if tick := w.place(1000, 20); i < company && tick != 1000 {
			t.Errorf("item %d has no company at tick %d", i, tick)
		}
		w.add(i, w.place(1000, 20))
	}
	for tick := int64(1000); tick < 1020; tick++ {
		if n := len(*w.slot(tick)); n != 6 {
			t.Errorf("tick %d has %d items, want 6", tick, n)
		}
	}
	if next := w.next(1004); next != 1005 {
		t.Errorf("next tick %d", next)
	}
	got := w.take(1005)
	if len(got) != 6 || w.size != 114 || w.next(1004) != 1006 {
		t.Errorf("took %v, %d left, next %d", got, w.size, w.next(1004))
	}
	if all := w.drain(); len(all) != 114 || w.size != 0 {
		t.Errorf("drained %d, %d left", len(all), w.size)
	}
}

func TestPortsRest(t *testing.T) {
	p := newPorts(2000, 2009)
	if p.left() != 5 {
		t.Fatalf("%d pairs of ten ports", p.left())
	}
	first, _ := p.take()
	p.give(first)
	seen := map[int]bool{}
	for range 4 {
		port, ok := p.take()
		if !ok || port == first || port%2 != 0 || seen[port] || port < 2000 || port > 2008 {
			t.Fatalf("port %d (%v) after %d", port, ok, first)
		}
		seen[port] = true
	}
	if port, ok := p.take(); !ok || port != first {
		t.Errorf("last port %d, want the rested %d", port, first)
	}
	if _, ok := p.take(); ok {
		t.Error("a sixth pair of five")
	}
}

func addr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func TestSourceLock(t *testing.T) {
	const peer, port, nat, evil = "10.0.0.1:4000", "10.0.0.1:5000", "10.0.0.2:4000", "6.6.6.6:4000"
	type pkt struct {
		from string
		ssrc uint32
		seq  uint16
		at   time.Duration
		want verdict
	}
	for _, tc := range []struct {
		name string
		any  bool
		in   []pkt
		dest string
	}{
		{"negotiated address is heard at once", false, []pkt{
			{peer, 1, 10, 0, heardNew}, {peer, 1, 11, 20 * ms, heard}, {peer, 1, 12, 40 * ms, heard},
		}, peer},
		{"other host never", false, []pkt{
			{nat, 1, 10, 0, foreign}, {nat, 1, 11, 0, foreign}, {nat, 1, 12, 0, foreign}, {nat, 1, 13, 0, foreign},
		}, peer},
		{"other port after three", false, []pkt{
			{port, 1, 10, 0, foreign}, {port, 1, 11, 0, foreign}, {port, 1, 12, 0, heardNew}, {port, 1, 13, 0, heard},
		}, port},
		{"other host after three where allowed", true, []pkt{
			{nat, 1, 10, 0, foreign}, {nat, 1, 11, 0, foreign}, {nat, 1, 12, 0, heardNew}, {evil, 2, 1, 0, foreign},
		}, nat},
		{"out of sequence does not lock", false, []pkt{
			{port, 1, 10, 0, foreign}, {port, 1, 12, 0, foreign}, {port, 1, 14, 0, foreign}, {port, 1, 16, 0, foreign},
		}, peer},
		{"spray does not disturb a locked call", true, []pkt{
			{peer, 1, 10, 0, heardNew}, {peer, 1, 11, 20 * ms, heard}, {peer, 1, 12, 40 * ms, heard},
			{evil, 9, 1, 41 * ms, foreign}, {evil, 9, 2, 42 * ms, foreign}, {evil, 9, 3, 43 * ms, foreign},
			{port, 9, 1, 44 * ms, foreign}, {port, 9, 2, 45 * ms, foreign}, {port, 9, 3, 46 * ms, foreign},
			{peer, 1, 13, 60 * ms, heard},
		}, peer},
		{"spray does not keep the peer from being learnt", true, []pkt{
			{evil, 9, 1, 0, foreign}, {port, 1, 10, 1 * ms, foreign}, {evil, 9, 7, 2 * ms, foreign},
			{port, 1, 11, 20 * ms, foreign}, {evil, 9, 9, 21 * ms, foreign}, {port, 1, 12, 40 * ms, heardNew},
		}, port},
		{"a candidate that does not prove itself gives way", true, []pkt{
			{evil, 9, 1, 0, foreign}, {evil, 9, 5, 60 * ms, foreign}, {nat, 1, 1, 61 * ms, foreign},
			{evil, 9, 9, 99 * ms, foreign}, {nat, 1, 2, 101 * ms, foreign}, {nat, 1, 3, 102 * ms, foreign},
			{nat, 1, 4, 103 * ms, heardNew},
		}, nat},
		{"the negotiated address takes over from a lesser one", false, []pkt{
			{port, 1, 10, 0, foreign}, {port, 1, 11, 0, foreign}, {port, 1, 12, 0, heardNew},
			{peer, 2, 50, 0, foreign}, {peer, 2, 51, 0, foreign}, {peer, 2, 52, 0, heardNew}, {port, 1, 13, 0, foreign},
		}, peer},
		{"new SSRC after two", false, []pkt{
			{peer, 1, 10, 0, heardNew}, {peer, 1, 11, 0, heard}, {peer, 1, 12, 0, heard},
			{peer, 7, 900, 0, foreign}, {peer, 1, 13, 0, heard}, {peer, 7, 901, 0, heardNew}, {peer, 7, 902, 0, heard},
		}, peer},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var l sourceLock
			if !l.expect(addr(peer), tc.any) || l.expect(addr(peer), tc.any) {
				t.Fatal("expect does not tell a change")
			}
			for i, p := range tc.in {
				if got := l.accept(addr(p.from), p.ssrc, p.seq, p.at); got != p.want {
					t.Errorf("packet %d from %s: %v, want %v", i, p.from, got, p.want)
				}
			}
			if d := l.destination(); d != addr(tc.dest) {
				t.Errorf("sends to %v, want %v", d, tc.dest)
			}
			if l.expect(addr(peer), !tc.any); l.destination() != addr(tc.dest) {
				t.Error("the same address again was learnt anew")
			}
			if l.expect(addr(evil), tc.any); l.destination() != addr(evil) {
				t.Error("a new address was not taken")
			}
		})
	}
}

func event(code byte, end bool, duration uint16) []byte {
	p := eventPacket{event: code, end: end, duration: duration}.payload()
	return p[:]
}

func TestDTMFReceiver(t *testing.T) {
	type pkt struct {
		payload []byte
		ts      uint32
		at      time.Duration
	}
	press := func(code byte, ts uint32, at time.Duration, ends int) []pkt {
		var p []pkt
		for i := range 8 {
			p = append(p, pkt{event(code, false, uint16(160*(i+1))), ts, at + time.Duration(i)*20*ms})
		}
		for i := range ends {
			p = append(p, pkt{event(code, true, 1280), ts, at + time.Duration(7+i)*20*ms})
		}
		return p
	}
	join := func(parts ...[]pkt) (all []pkt) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	long := func() (p []pkt) {
		for i := range 500 { // ten seconds: two timestamps
			n := 160 * (i + 1)
			if n <= 0xffff {
				p = append(p, pkt{event(5, false, uint16(n)), 1000, time.Duration(i) * 20 * ms})
			} else {
				p = append(p, pkt{event(5, i == 499, uint16(n-65440)), 1000 + 65440, time.Duration(i) * 20 * ms})
			}
		}
		return p
	}
	moving := func() (p []pkt) {
		for i := range 8 {
			p = append(p, pkt{event(3, i == 7, uint16(160*(i+1))), uint32(160 * i), time.Duration(i) * 20 * ms})
		}
		return p
	}
	for _, tc := range []struct {
		name string
		in   []pkt
		want string
	}{
		{"one key", press(5, 1000, 0, 3), "5"},
		{"all ends lost", press(5, 1000, 0, 0), "5"},
		{"only the ends arrive", press(11, 1000, 0, 3)[8:], "#"},
		{"same key twice", join(press(5, 1000, 0, 3), press(5, 3080, 260*ms, 3)), "55"},
		{"same key twice, ends lost", join(press(5, 1000, 0, 0), press(5, 3080, 260*ms, 0)), "55"},
		{"ends reordered behind the next key", join(press(5, 1000, 0, 0), press(6, 3080, 260*ms, 3)[:2], press(5, 1000, 265*ms, 3)[8:]), "56"},
		{"all keys", join(press(0, 0, 0, 3), press(9, 3000, 300*ms, 3), press(10, 6000, 600*ms, 3), press(12, 9000, 900*ms, 3), press(15, 12000, 1200*ms, 3)), "09*AD"},
		{"ten seconds", long(), "5"},
		{"sender that moves the timestamp", moving(), "3"},
		{"timestamp wraps", join(press(1, 1<<32-500, 0, 3), press(1, 1580, 260*ms, 3)), "11"},
		{"hook flash", press(16, 0, 0, 3), ""},
		{"short", []pkt{{[]byte{5, 10, 0}, 0, 0}}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var d dtmfReceiver
			got := ""
			for _, p := range tc.in {
				if key, _, fresh, _ := d.packet(p.payload, p.ts, p.at); fresh {
					got += string(key)
				}
			}
			if got != tc.want {
				t.Errorf("keys %q, want %q", got, tc.want)
			}
		})
	}
}

func TestDTMFSender(t *testing.T) {
	for _, tc := range []struct {
		ptime time.Duration
		clock int
		tones int // packets of a key
		gap   int // packet times between the last copy and the next key
	}{
		{20 * ms, 8000, 8, 3}, {10 * ms, 8000, 16, 8}, {30 * ms, 8000, 6, 2}, {60 * ms, 16000, 3, 0},
	} {
		var d dtmfSender
		finished := false
		if err := d.queue("1#", func() { finished = true }); err != nil {
			t.Fatal(err)
		}
		tm := timing{ptime: tc.ptime, clock: tc.clock, tone: 160 * ms, gap: 100 * ms}
		ts := uint32(5000)
		for _, code := range []byte{1, 11} {
			start := ts
			for i := 1; i <= tc.tones+2; i++ {
				p, ok, done := d.next(ts, tm)
				n := min(i, tc.tones)
				want := eventPacket{event: code, marker: i == 1, end: i >= tc.tones, duration: uint16(n * tm.step()), timestamp: start}
				if !ok || p != want {
					t.Fatalf("%v: packet %d of key %d: %+v, want %+v", tc.ptime, i, code, p, want)
				}
				ts += uint32(tm.step())
				if done != nil {
					done()
				}
			}
			for range tc.gap {
				if _, ok, done := d.next(ts, tm); ok {
					t.Fatalf("%v: packet in the gap", tc.ptime)
				} else if done != nil {
					done()
				}
				ts += uint32(tm.step())
			}
		}
		if d.busy() || !finished {
			t.Errorf("%v: busy %v, done called %v", tc.ptime, d.busy(), finished)
		}
	}
}

func TestDTMFPauseAndLimits(t *testing.T) {
	var d dtmfSender
	if err := d.queue(",1", nil); err != nil {
		t.Fatal(err)
	}
	tm := timing{ptime: 20 * ms, clock: 8000, tone: 160 * ms, gap: 100 * ms}
	for i := range 25 {
		if _, ok, _ := d.next(0, tm); ok {
			t.Fatalf("packet after %d ms of pause", 20*i)
		}
	}
	if p, ok, _ := d.next(0, tm); !ok || !p.marker {
		t.Error("no key after half a second")
	}
	if err := d.queue(string(make([]byte, maxKeys)), nil); err == nil {
		t.Error("queue without bound")
	}
	long := timing{ptime: 20 * ms, clock: 48000, tone: 5 * time.Second, gap: 100 * ms}
	d = dtmfSender{}
	_ = d.queue("1", nil)
	last := uint16(0)
	for d.busy() {
		if p, ok, _ := d.next(0, long); ok {
			if p.duration < last {
				t.Fatalf("duration fell from %d to %d", last, p.duration)
			}
			last = p.duration
		}
	}
}

func TestRecvStats(t *testing.T) {
	r := recvStats{}
	r.restart(8000)
	for i := range 600 {
		if i%10 == 3 {
			continue
		}
		r.packet(uint16(65500+i), uint32(160*i), time.Duration(i)*20*ms+time.Duration(i%2)*4*ms, true)
	}
	if r.lost() != 60 || r.totalExpected() != 600 {
		t.Errorf("lost %d of %d", r.lost(), r.totalExpected())
	}
	if j := r.jitterMS(); j < 3 || j > 4.1 {
		t.Errorf("jitter %.2f ms, want nearly 4", j)
	}
	if p := r.clockPPM(); math.Abs(p) > 400 {
		t.Errorf("clock %.0f ppm", p)
	}
	if f := r.fraction(); f != 25 {
		t.Errorf("fraction %d, want 25 of 256", f)
	}
	if f := r.fraction(); f != 0 {
		t.Errorf("fraction %d of an interval without packets", f)
	}
	r.restart(8000)
	if r.lost() != 60 {
		t.Errorf("a new source forgot the loss: %d", r.lost())
	}
}

// The far end's clock is judged in calls of days too.
func TestClockOfDays(t *testing.T) {
	r := recvStats{}
	r.restart(48000)
	const seconds = 3 * 24 * 3600
	for i := range seconds {
		r.packet(uint16(i), uint32(i)*48000, time.Duration(i)*time.Second, true)
	}
	if p := r.clockPPM(); math.Abs(p) > 1 {
		t.Errorf("a clock like ours is %.1f ppm fast", p)
	}
}

func TestMOS(t *testing.T) {
	for _, tc := range []struct {
		codec    string
		loss     float64
		delay    time.Duration
		min, max float64
	}{
		{"PCMU", 0, 20 * ms, 4.35, 4.45},
		{"PCMU", 1, 50 * ms, 4.2, 4.35},
		{"PCMA", 5, 100 * ms, 3.4, 4.0},
		{"PCMA", 50, 500 * ms, 1, 1.3},
		{"PCMU", 100, 5 * time.Second, 1, 1},
	} {
		if got := mos(tc.codec, tc.loss, tc.delay); got < tc.min || got > tc.max {
			t.Errorf("%s, %v %% lost, %v: %.2f, want %v to %v", tc.codec, tc.loss, tc.delay, got, tc.min, tc.max)
		}
	}
}

func TestReports(t *testing.T) {
	// We send an SR at 1 s; the far end holds it for 100 ms; 60 ms are under way.
	var us, far heardReport
	wall := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	us.sent(wall, time.Second)
	sr, err := compound(senderInfo{ssrc: 1, active: true, wall: wall, packets: 50, octets: 8000}, "us", nil, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := far.read(sr, 2, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	stats := recvStats{}
	stats.restart(8000)
	for i := range 100 {
		if i%4 != 0 || i == 0 {
			stats.packet(uint16(i), uint32(160*i), time.Duration(i)*20*ms, true)
		}
	}
	rr, err := compound(senderInfo{ssrc: 2}, "far", []rtcp.ReceptionReport{far.block(1, &stats, 5100*ms)}, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := us.read(rr, 1, 1160*ms); err != nil {
		t.Fatal(err)
	}
	if d := us.rtt - 60*ms; d < -ms || d > ms {
		t.Errorf("round trip %v, want 60 ms", us.rtt)
	}
	if us.loss < 23 || us.loss > 25 || us.blocksOnUs != 1 || far.blocksOnUs != 0 {
		t.Errorf("loss %.1f %%, want 24; %d and %d reports on our packets", us.loss, us.blocksOnUs, far.blocksOnUs)
	}
	if err := us.read([]byte{1, 2, 3}, 1, 0); err == nil {
		t.Error("garbage was read")
	}
}

func TestCheckRemote(t *testing.T) {
	lan, lo, all := netip.MustParseAddr("192.168.1.5"), netip.MustParseAddr("127.0.0.1"), netip.Addr{}
	for _, tc := range []struct {
		remote string
		bind   netip.Addr
		ok     bool
	}{
		{"192.168.1.1:4000", lan, true}, {"192.168.1.1:4000", all, true}, {"[2001:db8::1]:4000", all, true},
		{"127.0.0.1:4000", lo, true}, {"127.0.0.1:4000", all, true}, {"127.0.0.1:4000", netip.IPv4Unspecified(), true},
		{"127.0.0.1:4000", lan, false}, {"224.0.0.1:4000", lan, false}, {"[ff02::1]:4000", all, false},
		{"255.255.255.255:4000", lan, false}, {"0.0.0.0:4000", lan, false}, {"192.168.1.1:0", lan, false},
		{"192.168.1.5:16384", lan, false}, {"127.0.0.1:16384", lo, false},
	} {
		if err := checkRemote(addr(tc.remote), tc.bind, 16384); (err == nil) != tc.ok {
			t.Errorf("%s bound to %v: %v", tc.remote, tc.bind, err)
		}
	}
}

func TestConfig(t *testing.T) {
	for _, tc := range []struct {
		cfg Config
		ok  bool
	}{
		{Config{}, true}, {Config{PortMin: 20000, PortMax: 20001}, true}, {Config{DSCP: -1}, true},
		{Config{PortMin: 20001, PortMax: 20002}, false}, {Config{PortMin: 10, PortMax: 20}, false},
		{Config{PortMin: 30000, PortMax: 70000}, false}, {Config{ToneDuration: ms}, false},
		{Config{ToneGap: time.Minute}, false}, {Config{DSCP: 64}, false}, {Config{Bind: netip.MustParseAddr("224.0.0.1")}, false},
	} {
		if _, err := NewEngine(tc.cfg); (err == nil) != tc.ok {
			t.Errorf("%+v: %v", tc.cfg, err)
		}
	}
}

func TestPlayerBridgesGapsAndPacketLengths(t *testing.T) {
	s, err := newSession(params(t, 4000).withDefaults(), Config{}.withDefaults(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got recorder
	p := player{sink: &got, gain: audio.VolumeGain(audio.MaxVolume)}
	p.configure(s)
	tone := sine(t, 400)
	pcm := make([]int16, 240)
	// 30 ms packets for frames of 20 ms; packets 10 to 19 are lost.
	packet := 0
	for range 60 {
		p.turn(true, func(dst []byte) ([]byte, jitter.State) {
			packet++
			tone.Read(pcm)
			if packet > 10 && packet <= 20 {
				return dst, jitter.Lost
			}
			dst = append(append(dst, kindSound), make([]byte, len(pcm))...)
			return dst[:1+s.encoder.Encode(dst[1:], pcm)], jitter.OK
		})
	}
	level := func(from, n int) float64 { return audio.Level(got.pcm[from : from+n]) }
	if len(got.pcm) != 60*160 {
		t.Errorf("%d samples", len(got.pcm))
	}
	if l := level(0, 2400); l < -12.5 || l > -11.5 {
		t.Errorf("before the gap %.1f dBFS", l)
	}
	if l := level(2400, 80); l < -14 {
		t.Errorf("the gap begins with %.1f dBFS", l)
	}
	if l := level(2400+480, 160); l > -60 {
		t.Errorf("60 ms into the gap there are still %.1f dBFS", l)
	}
	if l := level(4640, 160); l > -60 {
		t.Errorf("the gap ends too early: %.1f dBFS", l)
	}
	if l := level(4960, 1600); l < -12.5 || l > -11.5 {
		t.Errorf("after the gap %.1f dBFS", l)
	}
	p.turn(false, nil)
	if l := level(60*160, 160); l > -90 {
		t.Errorf("%.1f dBFS while not receiving", l)
	}
}
