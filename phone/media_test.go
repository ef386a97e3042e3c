package phone_test

import (
	"errors"
	"math"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"housephone/phone"
	"housephone/phone/audio"
	"housephone/phone/phonetest"
)

// device is a sound device by its specification.
func device(t *testing.T, spec string) audio.Device {
	t.Helper()
	d, err := audio.Open(spec)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestSound(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.Capture = device(t, "tone:440") }, p)
	d := r.place(t, p)
	d.rtp.AwaitTone(t, 440)
	do(t, r.Mute(0, true))
	d.rtp.Await(t, "silence", func(x *phonetest.RTP) bool { return x.Level() < -60 })
	if s := r.snapshot(t); !s.Calls[0].Muted {
		t.Errorf("%+v", s)
	}
	do(t, r.Mute(0, false))
	d.rtp.AwaitTone(t, 440)
	w := r.Hold(0, true) // a held far end does not hear the room
	p.Reply(p.Expect(t, "INVITE"), 200, "OK", phonetest.WithSDP(phonetest.SDP(d.rtp.Port(), "PCMA", "a=recvonly")))
	p.Expect(t, "ACK")
	do(t, w)
	d.rtp.Await(t, "silence", func(x *phonetest.RTP) bool { return x.Level() < -60 })
	d.Bye()
	p.Expect(t, "200 BYE")
	if e := next[phone.Ended](t, r); e.Call.Quality.Sent == 0 || e.Call.Quality.Codec != "PCMA" {
		t.Errorf("a call shorter than the first measurement: %+v", e.Call.Quality)
	}
}

// What the far end says reaches the device, as loud as set.
func TestVolume(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	sink := &meter{level: make(chan float64, 1)}
	r := newRig(t, func(c *phone.Config) { c.Playback = sink }, p)
	d := r.place(t, p)
	stop := d.rtp.StartTone(d.invite.MediaAddr(), 8, 440)
	defer stop()
	loud := func(from, to float64) {
		t.Helper()
		deadline := time.After(patience)
		for {
			select {
			case v := <-sink.level:
				if v >= from && v <= to {
					return
				}
			case <-deadline:
				t.Fatalf("never between %v and %v", from, to)
			}
		}
	}
	loud(4000, 20000)
	do(t, r.SetVolume(0))
	loud(0, 10)
	do(t, r.SetVolume(20))
	loud(4000, 20000)
	refused(t, r.SetVolume(21), phone.Invalid, 0)
	refused(t, r.SetVolume(-1), phone.Invalid, 0)
}

// meter is a device that tells the peak of each frame it is given.
type meter struct{ level chan float64 }

func (m *meter) OpenSource(int) (audio.SourceCloser, error) { return nil, audio.ErrNoCapture }
func (m *meter) OpenSink(int) (audio.SinkCloser, error)     { return m, nil }
func (m *meter) String() string                             { return "meter" }
func (m *meter) Close() error                               { return nil }
func (m *meter) Write(frame []int16) {
	peak := 0.0
	for _, v := range frame {
		peak = max(peak, float64(v))
	}
	select {
	case <-m.level:
	default:
	}
	select {
	case m.level <- peak:
	default:
	}
}

// A device that cannot be opened leaves the call alone.
func TestBrokenDevice(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.Capture = &meter{level: make(chan float64, 1)} }, p)
	d := r.place(t, p)
	if w := next[phone.Warning](t, r); !strings.Contains(w.Text, "without sound device") {
		t.Errorf("%q", w.Text)
	}
	d.rtp.AwaitPackets(t, 3)
}

func TestKeysReceived(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	d := r.place(t, p)
	keys := func(n int) (got string) {
		for range n {
			got += next[phone.Key](t, r).Key
		}
		return got
	}
	d.rtp.SendKeys(d.invite.MediaAddr(), 101, "1122*#A")
	if got := keys(7); got != "1122*#A" {
		t.Errorf("RFC 4733: %q", got)
	}
	time.Sleep(150 * time.Millisecond) // of a press of its own
	for _, body := range [][2]string{
		{"application/dtmf-relay", "Signal=5\r\nDuration=160"},
		{"application/dtmf-relay", "Duration=160\nsignal= * \n"},
		{"application/dtmf-relay", "Signal=11\r\n"},
		{"application/dtmf", "7"},
		{"Application/DTMF ; x=y", "d"},
	} {
		d.Info(body[0], body[1])
		p.Expect(t, "200 INFO")
	}
	if got := keys(5); got != "5*#7D" {
		t.Errorf("INFO: %q", got)
	}
	for _, bad := range []string{"Signal=99", "Signal=", "", "Signal=12345678901234567890"} {
		d.Info("application/dtmf-relay", bad)
		p.Expect(t, "400 INFO")
	}
	d.Info("application/xml", "<x/>")
	p.Expect(t, "415 INFO")
	d.Send("INFO")
	p.Expect(t, "200 INFO")

	// One press by both ways is one key; two presses are two.
	before := count[phone.Key](r)
	time.Sleep(150 * time.Millisecond)
	for range 2 {
		d.rtp.SendKeys(d.invite.MediaAddr(), 101, "9")
		d.Info("application/dtmf", "9")
		p.Expect(t, "200 INFO")
	}
	if s := r.snapshot(t); len(s.Calls) != 1 {
		t.Fatal(s)
	}
	time.Sleep(50 * time.Millisecond)
	if n := count[phone.Key](r) - before; n < 2 || n > 4 { // an INFO that comes late on a busy machine is a press
		t.Errorf("%d keys", n)
	}
}

func TestKeysSent(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.ToneDuration, c.ToneGap = 60*time.Millisecond, 40*time.Millisecond }, p)
	d := r.place(t, p)
	do(t, r.SendKeys(0, "12,*#"))
	d.rtp.AwaitKeys(t, "12*#")
	for _, bad := range []string{"", "x", "1 2", "1\r\n"} {
		refused(t, r.SendKeys(0, bad), phone.Invalid, 0)
	}
	w := r.SendKeys(0, "123456789")
	d.Bye() // before the last one is out
	p.Expect(t, "200 BYE")
	_ = wait(w) // it does return
	refused(t, r.SendKeys(0, "1"), phone.Refused, 0)
}

// Without telephone-event, or where that is set, keys go by INFO, one after the other.
func TestKeysSentByInfo(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	for _, method := range []phone.DTMFMethod{phone.DTMFInfo, phone.DTMFEvent} {
		r := newRig(t, func(c *phone.Config) { c.DTMF = method }, p)
		rtp := p.RTP()
		d := r.place(t, p, phonetest.WithSDP(phonetest.SDP(rtp.Port(), "PCMA")))
		w := r.SendKeys(0, "1#")
		for _, key := range []string{"1", "#"} {
			info := p.Expect(t, "INFO", phonetest.Has("Content-Type", "application/dtmf-relay"), phonetest.HasBody("Signal="+key+"\r\nDuration=160"))
			p.ExpectNone(t, "INFO", 20*time.Millisecond)
			p.Reply(info, 200, "OK")
		}
		do(t, w)
		w = r.SendKeys(0, "12")
		p.Reply(p.Expect(t, "INFO"), 415, "Unsupported Media Type")
		refused(t, w, phone.NotSupported, 415)
		w = r.SendKeys(0, "1")
		p.Expect(t, "INFO")
		d.Bye()
		p.Expect(t, "200 BYE")
		r.ended(t, phone.CauseCompleted, true, 0)
		_ = w
	}
}

func TestKeysSentInband(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.DTMF, c.ToneDuration = phone.DTMFInband, time.Second }, p)
	d := r.place(t, p)
	if strings.Contains(string(d.invite.Body), "telephone-event") {
		t.Error("telephone-event is offered")
	}
	w := r.SendKeys(0, "5")
	d.rtp.Await(t, "a tone of the key", func(x *phonetest.RTP) bool { return x.Level() > -30 })
	do(t, w)
}

// Two commands at once do not mix their keys, nor does the end of one silence the other.
func TestKeysInTurn(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.DTMF = phone.DTMFInfo }, p)
	r.place(t, p)
	first, second := r.SendKeys(0, "12"), r.SendKeys(0, "34")
	for _, key := range "1234" {
		p.Reply(p.Expect(t, "INFO", phonetest.HasBody("Signal="+string(key)+"\r\n")), 200, "OK")
	}
	do(t, first)
	do(t, second)

	q := phonetest.NewPeer(t)
	s := newRig(t, func(c *phone.Config) { c.DTMF, c.ToneDuration = phone.DTMFInband, time.Second }, q)
	tones := s.place(t, q)
	first, second = s.SendKeys(0, "1"), s.SendKeys(0, "5")
	tones.rtp.Await(t, "a tone of 1", func(x *phonetest.RTP) bool { return math.Abs(x.Frequency()-1209) < 5 })
	do(t, first)
	tones.rtp.Await(t, "a tone of 5", func(x *phonetest.RTP) bool { return math.Abs(x.Frequency()-770) < 5 })
	do(t, second)
}

func TestLongestDuration(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.MaxCallDuration = 200 * time.Millisecond }, p)
	r.receive(t, p)
	p.Reply(p.Expect(t, "BYE"), 200, "OK")
	r.ended(t, phone.CauseCompleted, false, 0)
}

// No packet ever comes: the call ends. A held call does not.
func TestDeadMedia(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	p.Timeout = 12 * time.Second
	change := func(c *phone.Config) { c.MediaTimeout = time.Second }
	r, held := newRig(t, change, p), newRig(t, change, p)
	h := held.receive(t, p)
	h.Invite(phonetest.SDP(h.rtp.Port(), "a=sendonly"))
	h.Ack(p.Expect(t, "200"))
	h.Invite(phonetest.SDP(h.rtp.Port(), "a=inactive"))
	h.Ack(p.Expect(t, "200"))
	r.receive(t, p)
	p.Reply(p.Expect(t, "BYE"), 200, "OK")
	r.ended(t, phone.CauseFailed, false, 0)
	if s := held.snapshot(t); len(s.Calls) != 1 {
		t.Errorf("%+v", s)
	}
}

func TestMessages(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	p.Send(p.Request("MESSAGE", r.uri(), phonetest.WithBody("text/plain;charset=utf-8", "Grüße"), phonetest.WithFrom("sip:anna@home")), r.addr)
	p.Expect(t, "200 MESSAGE", phonetest.HasNo("Contact"))
	if m := next[phone.MessageReceived](t, r); m.Body != "Grüße" || m.From.User != "anna" {
		t.Errorf("%+v", m)
	}
	p.Send(p.Request("MESSAGE", r.uri(), phonetest.WithBody("text/plain", strings.Repeat("x", 5000))), r.addr)
	p.Expect(t, "413")
	w := r.Message(p.URI("bob"), "hello")
	p.Reply(p.Expect(t, "MESSAGE", phonetest.HasBody("hello"), phonetest.Has("Content-Type", "text/plain")), 202, "Accepted")
	do(t, w)
	w = r.Message(p.URI("bob"), "hello")
	p.Reply(p.Expect(t, "MESSAGE"), 404, "Not Found")
	refused(t, w, phone.Unreachable, 404)
	refused(t, r.Message(p.URI("bob"), ""), phone.Invalid, 0)
	refused(t, r.Message("nonsense", "x"), phone.Invalid, 0)
	d := r.place(t, p) // inside of a call too
	d.Send("MESSAGE", phonetest.WithBody("text/plain", "inside"))
	p.Expect(t, "200 MESSAGE")
	if m := next[phone.MessageReceived](t, r); m.Body != "inside" {
		t.Errorf("%+v", m)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	p.Handle("OPTIONS", func(m *phonetest.Msg) { p.Reply(m, 404, "Not\tHere") })
	code, reason, err := r.Options(t.Context(), p.URI("bob"))
	if err != nil || code != 404 || !strings.HasPrefix(reason, "Not") {
		t.Errorf("%d %q %v", code, reason, err)
	}
}

// No port for sound is left: the caller is not reached for a reason of ours, which the sentence names.
func TestNoSoundPort(t *testing.T) {
	t.Parallel()
	taken, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	port := netip.MustParseAddrPort(taken.LocalAddr().String()).Port() &^ 1
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.RTPMin, c.RTPMax = int(port), int(port)+1 }, p)
	err = wait(r.Call(p.URI("bob")))
	if e, ok := errors.AsType[*phone.Error](err); !ok || e.Kind != phone.Failed || !strings.Contains(e.Text, "port for sound") {
		t.Errorf("%#v", err)
	}
	invite := p.Invite(r.uri(), r.addr, offer())
	p.Ack(invite, p.Expect(t, "503"))
	r.drained(t)
}
