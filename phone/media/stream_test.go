package media

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"go.uber.org/goleak"

	"housephone/phone/audio"
	"housephone/phone/codec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = netip.MustParseAddr("127.0.0.1")

// engine runs an engine on loopback until the test ends.
func engine(t testing.TB, cfg Config) *Engine {
	t.Helper()
	cfg.Bind = loopback
	if cfg.PortMin == 0 {
		cfg.PortMin, cfg.PortMax = 20000, 29999
	}
	e, err := NewEngine(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return e
}

func open(t testing.TB, e *Engine) *Stream {
	t.Helper()
	s, err := e.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func pcmu(t testing.TB) codec.Codec {
	t.Helper()
	c, ok := codec.ByName("PCMU")
	if !ok {
		t.Fatal("no PCMU")
	}
	return c
}

// params are those of a plain G.711 call to a port of this machine.
func params(t testing.TB, port int) Params {
	return Params{
		Remote: netip.AddrPortFrom(loopback, uint16(port)), Codec: pcmu(t),
		DTMFSendPT: 101, DTMFRecvPT: 101, Send: true, Receive: true,
	}
}

func apply(t testing.TB, s *Stream, p Params) {
	t.Helper()
	if err := s.Apply(p); err != nil {
		t.Fatal(err)
	}
}

// pair is two streams that talk to each other.
func pair(t testing.TB, e *Engine) (a, b *Stream) {
	t.Helper()
	a, b = open(t, e), open(t, e)
	apply(t, a, params(t, b.LocalPort()))
	apply(t, b, params(t, a.LocalPort()))
	return a, b
}

// recorder is a sink that keeps what it was given.
type recorder struct {
	mu  sync.Mutex
	pcm []int16
}

func (r *recorder) Write(frame []int16) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pcm = append(r.pcm, frame...)
}

// tail is the last n samples, or fewer.
func (r *recorder) tail(n int) []int16 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]int16(nil), r.pcm[max(0, len(r.pcm)-n):]...)
}

func sine(t testing.TB, hz float64) audio.Source {
	t.Helper()
	src, err := audio.NewTone(8000, -12, hz)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// until waits for what must become true.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * ms) {
		if ok() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

func hears(r *recorder, hz float64) func() bool {
	return func() bool {
		pcm := r.tail(1600)
		f := audio.Frequency(pcm, 8000)
		return len(pcm) == 1600 && f > hz-5 && f < hz+5
	}
}

func silent(r *recorder) func() bool {
	return func() bool { pcm := r.tail(1600); return len(pcm) == 1600 && audio.Level(pcm) < -60 }
}

func TestSoundBothWays(t *testing.T) {
	a, b := pair(t, engine(t, Config{}))
	var atA, atB recorder
	a.SetSource(sine(t, 440))
	b.SetSource(sine(t, 1000))
	a.SetSink(&atA)
	b.SetSink(&atB)
	until(t, "b hears 440 Hz", hears(&atB, 440))
	until(t, "a hears 1000 Hz", hears(&atA, 1000))
	until(t, "b hears -12 dBFS", func() bool { l := audio.Level(atB.tail(1600)); return l > -12.5 && l < -11.5 })

	a.SetMute(true)
	until(t, "b hears silence", silent(&atB))
	a.SetMute(false)
	until(t, "b hears 440 Hz again", hears(&atB, 440))

	b.SetVolume(10)
	until(t, "b hears 20 dB less", func() bool { l := audio.Level(atB.tail(800)); return l > -33 && l < -31 })
	b.SetVolume(0)
	until(t, "b's volume is off", silent(&atB))

	st := b.Stats()
	if st.Foreign != 0 || st.UnknownPT != 0 || st.Malformed != 0 || st.Duplicates != 0 || st.Lost > 0 {
		t.Errorf("stats of a clean call: %+v", st)
	}
	if st.MOS < 4 || st.Codec != "PCMU" || st.LastPacket < 0 {
		t.Errorf("MOS %.2f, codec %s, last packet %v", st.MOS, st.Codec, st.LastPacket)
	}
}

func TestHoldAndNewAnswer(t *testing.T) {
	e := engine(t, Config{})
	a, peer := open(t, e), listenRaw(t)
	p := params(t, peer.port())
	apply(t, a, p)
	first := peer.next(t)
	if !first.Marker {
		t.Error("no marker on the first packet")
	}
	before := peer.next(t)
	if before.Marker || before.SequenceNumber != first.SequenceNumber+1 || before.Timestamp != first.Timestamp+160 {
		t.Errorf("second packet %+v after %+v", before.Header, first.Header)
	}

	hold := p
	hold.Send, hold.Receive = false, false
	hold.Remote = netip.AddrPort{}
	apply(t, a, hold)
	peer.drain(t)
	sent := a.Stats().Sent
	time.Sleep(200 * ms)
	if n := a.Stats().Sent - sent; n != 0 {
		t.Errorf("%d packets while on hold", n)
	}

	p.Codec, _ = codec.ByName("PCMA")
	p.SendPT, p.RecvPT = 8, 8
	apply(t, a, p)
	after := peer.next(t)
	if after.SSRC != before.SSRC || after.PayloadType != 8 || !after.Marker {
		t.Errorf("after hold: %+v", after.Header)
	}
	if gap := after.SequenceNumber - before.SequenceNumber; gap > 20 {
		t.Errorf("sequence jumped by %d", gap)
	}
	if moved := after.Timestamp - before.Timestamp; moved < 1600 || moved%160 != 0 {
		t.Errorf("timestamp moved by %d over 200 ms of hold", moved)
	}
	if after.Payload[0] != 0xd5 || len(after.Payload) != 160 {
		t.Errorf("silence is % x", after.Payload[:4])
	}
}

func TestPtimes(t *testing.T) {
	e := engine(t, Config{})
	for _, ptime := range []time.Duration{10 * ms, 30 * ms, 40 * ms, 60 * ms} {
		a, b := open(t, e), open(t, e)
		p := params(t, b.LocalPort())
		p.Ptime = ptime
		apply(t, a, p)
		apply(t, b, params(t, a.LocalPort())) // sends 20 ms
		var atA, atB recorder
		a.SetSource(sine(t, 700))
		b.SetSource(sine(t, 900))
		a.SetSink(&atA)
		b.SetSink(&atB)
		until(t, ptime.String()+" to 20 ms", hears(&atB, 700))
		until(t, "20 ms to "+ptime.String(), hears(&atA, 900))
		a.Close()
		b.Close()
	}
}

func TestDTMFBetweenStreams(t *testing.T) {
	a, b := pair(t, engine(t, Config{ToneDuration: 60 * ms, ToneGap: 40 * ms}))
	var atB recorder
	a.SetSource(sine(t, 440))
	b.SetSink(&atB)
	done := make(chan struct{})
	if err := a.SendDTMF("12a#,*", func() { close(done) }); err != nil {
		t.Fatal(err)
	}
	got := ""
	for len(got) < 5 {
		select {
		case ev := <-b.Events():
			if ev.Kind == DTMF {
				got += string(ev.Key)
				if ev.Duration <= 0 || ev.Duration > 60*ms {
					t.Errorf("key %c down for %v", ev.Key, ev.Duration)
				}
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("keys %q and no more", got)
		}
	}
	if got != "12A#*" {
		t.Errorf("keys %q", got)
	}
	<-done
	until(t, "sound goes on after the keys", hears(&atB, 440))
	if st := b.Stats(); st.DTMFReceived != 5 || st.Lost > 0 {
		t.Errorf("received %d keys, lost %d packets", st.DTMFReceived, st.Lost)
	}
	if st := a.Stats(); st.DTMFSent != 5 {
		t.Errorf("sent %d keys", st.DTMFSent)
	}
}

func TestSendDTMFErrors(t *testing.T) {
	e := engine(t, Config{})
	s := open(t, e)
	if err := s.SendDTMF("1", nil); !errors.Is(err, ErrNotSending) {
		t.Errorf("before Apply: %v", err)
	}
	p := params(t, 9)
	apply(t, s, p)
	for _, keys := range []string{"", "x", "1;2", "5 6"} {
		if err := s.SendDTMF(keys, nil); !errors.Is(err, ErrKeys) {
			t.Errorf("%q: %v", keys, err)
		}
	}
	done := make(chan struct{})
	if err := s.SendDTMF(",,,,1", func() { close(done) }); err != nil {
		t.Fatal(err)
	}
	p.Send = false
	apply(t, s, p)
	<-done // dropped by hold
	if err := s.SendDTMF("1", nil); !errors.Is(err, ErrNotSending) {
		t.Errorf("on hold: %v", err)
	}
	p.Send, p.DTMFSendPT = true, -1
	apply(t, s, p)
	if err := s.SendDTMF("1", nil); !errors.Is(err, ErrNoTelephoneEvent) {
		t.Errorf("not negotiated: %v", err)
	}
	s.Close()
	if err := s.SendDTMF("1", nil); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestPortsRunOutAndComeBack(t *testing.T) {
	e := engine(t, Config{PortMin: 31000, PortMax: 31005})
	var all []*Stream
	for range 3 {
		s := open(t, e)
		if s.LocalPort()%2 != 0 {
			t.Errorf("odd port %d", s.LocalPort())
		}
		all = append(all, s)
	}
	if _, err := e.Open(); !errors.Is(err, ErrNoPorts) {
		t.Errorf("fourth of three: %v", err)
	}
	all[1].Close()
	s := open(t, e)
	if s.LocalPort() != all[1].LocalPort() {
		t.Errorf("port %d, want %d", s.LocalPort(), all[1].LocalPort())
	}
	if n := e.Stats().Streams; n != 3 {
		t.Errorf("%d streams", n)
	}
}

func TestPortOfSomebodyElseIsPassedOver(t *testing.T) {
	taken, err := net.ListenUDP("udp4", &net.UDPAddr{IP: loopback.AsSlice(), Port: 31011})
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close() //nolint:errcheck // only held
	e := engine(t, Config{PortMin: 31010, PortMax: 31013})
	if s := open(t, e); s.LocalPort() != 31012 {
		t.Errorf("port %d", s.LocalPort())
	}
	if _, err := e.Open(); !errors.Is(err, ErrNoPorts) {
		t.Errorf("RTCP port taken: %v", err)
	}
}

func TestNothingAfterClose(t *testing.T) {
	a, peer := open(t, engine(t, Config{})), listenRaw(t)
	apply(t, a, params(t, peer.port()))
	peer.next(t)
	calls := 0
	var mu sync.Mutex
	a.SetSource(audio.SourceFunc(func(f []int16) int { mu.Lock(); calls++; mu.Unlock(); return len(f) }))
	until(t, "source is read", func() bool { mu.Lock(); defer mu.Unlock(); return calls > 0 })
	a.Close()
	mu.Lock()
	before := calls
	mu.Unlock()
	peer.drain(t)
	time.Sleep(150 * ms)
	if n := peer.drain(t); n != 0 {
		t.Errorf("%d packets after Close", n)
	}
	mu.Lock()
	defer mu.Unlock()
	if calls != before {
		t.Error("source was read after Close")
	}
	if _, ok := <-a.Events(); ok {
		t.Error("events are still open")
	}
	if err := a.Apply(params(t, peer.port())); !errors.Is(err, ErrClosed) {
		t.Errorf("Apply after Close: %v", err)
	}
	a.Close()
}

func TestApplyRefuses(t *testing.T) {
	a := open(t, engine(t, Config{}))
	good := params(t, 4000)
	for name, change := range map[string]func(*Params){
		"multicast":     func(p *Params) { p.Remote = addr("224.0.0.1:4000") },
		"unspecified":   func(p *Params) { p.Remote = addr("0.0.0.0:4000") },
		"no port":       func(p *Params) { p.Remote = addr("127.0.0.1:0") },
		"itself":        func(p *Params) { p.Remote = netip.AddrPortFrom(loopback, uint16(a.LocalPort())) },
		"long packets":  func(p *Params) { p.Ptime = 100 * ms },
		"payload type":  func(p *Params) { p.SendPT = 128 },
		"unknown codec": func(p *Params) { p.Codec.Name = "GSM" },
		"no codec":      func(p *Params) { p.Codec = codec.Codec{} },
	} {
		p := good
		change(&p)
		if err := a.Apply(p); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := a.Apply(good); err != nil {
		t.Error(err)
	}
}

func TestPanicOfASourceEndsInSilence(t *testing.T) {
	a, b := pair(t, engine(t, Config{}))
	var atB recorder
	b.SetSink(&atB)
	a.SetSource(audio.SourceFunc(func([]int16) int { panic("broken source") }))
	until(t, "the failure is counted", func() bool { return a.Stats().Panics == 1 })
	sent := a.Stats().Sent
	until(t, "packets go on", func() bool { return a.Stats().Sent > sent+5 })
	a.SetSource(sine(t, 440))
	until(t, "a new source is heard", hears(&atB, 440))
	b.SetSink(audio.SinkFunc(func([]int16) { panic("broken sink") }))
	until(t, "the sink's failure is counted", func() bool { return b.Stats().Panics == 1 })
}

func TestEvents(t *testing.T) {
	e := engine(t, Config{SilenceAfter: 150 * ms})
	a, peer := open(t, e), listenRaw(t)
	apply(t, a, params(t, peer.port()))
	expect := func(kind EventKind) Event {
		t.Helper()
		select {
		case ev := <-a.Events():
			if ev.Kind != kind {
				t.Fatalf("event %v, want %v", ev.Kind, kind)
			}
			return ev
		case <-time.After(10 * time.Second):
			t.Fatalf("no event %v", kind)
		}
		return Event{}
	}
	if ev := expect(Silence); ev.Duration < 150*ms {
		t.Errorf("silence after %v", ev.Duration)
	}
	peer.send(t, a, rtp.Header{SSRC: 5, SequenceNumber: 1}, make([]byte, 160))
	expect(FirstPacket)
	expect(Silence)
	select {
	case ev := <-a.Events():
		t.Errorf("event %v for the same silence", ev.Kind)
	case <-time.After(300 * ms):
	}
}

func TestRunEndsOpenStreams(t *testing.T) {
	e, err := NewEngine(Config{Bind: loopback, PortMin: 31020, PortMax: 31029})
	if err != nil {
		t.Fatal(err)
	}
	s, err := e.Open() // before Run
	if err != nil {
		t.Fatal(err)
	}
	apply(t, s, params(t, 4000))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	until(t, "packets are sent", func() bool { return s.Stats().Sent > 2 })
	called := make(chan struct{})
	if err := s.SendDTMF("1,,,,,,,,,,", func() { close(called) }); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	select {
	case <-called:
	default:
		t.Error("Run returned before the callback")
	}
	if _, err := e.Open(); !errors.Is(err, ErrClosed) {
		t.Errorf("Open after Run: %v", err)
	}
	if err := e.Run(context.Background()); !errors.Is(err, ErrClosed) {
		t.Errorf("second Run: %v", err)
	}
}
