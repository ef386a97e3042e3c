package e2e

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"housephone/e2e/peers"
	"housephone/phone/phonetest"
)

// continuous checks what a jitter buffer relies on: one source, no packet without a
// number, and a clock that goes on by whole frames of 20 ms at 8 kHz.
func continuous(t *testing.T, packets []phonetest.Packet) {
	t.Helper()
	for i, p := range packets[1:] {
		before := packets[i]
		if step := p.TS - before.TS; p.SSRC != before.SSRC || p.Seq != before.Seq+1 || step == 0 || step%160 != 0 || step > 160*100 {
			t.Fatalf("packet %d: SSRC %x seq %d time %d behind SSRC %x seq %d time %d", i+1, p.SSRC, p.Seq, p.TS, before.SSRC, before.Seq, before.TS)
		}
	}
	first, last := packets[0], packets[len(packets)-1]
	played := time.Duration(last.TS-first.TS) * time.Second / 8000
	if passed := last.At.Sub(first.At); (played - passed).Abs() > time.Second {
		t.Errorf("%v of sound in %v", played, passed)
	}
}

// faint tells that what is heard is neither a sound nor a dead line.
func faint(r *phonetest.RTP) bool { return r.Level() < -50 && r.Level() > -75 }

// A caller hears a file while it still rings, goes on to hear it behind the answer, then
// a hush instead of a dead line, then another file: on the wire it is one stream.
func TestIVREarlyMedia(t *testing.T) {
	h, _ := ivr(t, env{"PHONE_AUTOANSWER": "0", "PHONE_EARLY_MEDIA": "1"})
	p := phonetest.NewPeer(t)
	rtp := p.RTP()
	invite := p.Invite("sip:phone@"+h.SIPAddr, netip.MustParseAddrPort(h.SIPAddr), phonetest.WithSDP(phonetest.SDP(rtp.Port(), "PCMA", "telephone-event")))
	p.Expect(t, "183", phonetest.HasBody("m=audio"))
	h.State("status", "ring")
	rtp.Await(t, "a hush", func(r *phonetest.RTP) bool { return r.Count() > 20 && faint(r) })
	h.Do("play/file", "tone.wav")
	rtp.AwaitTone(t, 1200)
	before := rtp.Count()
	h.Do("call", "answer")
	ok := p.Expect(t, "200")
	dialog := p.Dialog(invite, ok)
	dialog.Ack(ok)
	h.State("status", "active")
	rtp.AwaitPackets(t, before+20)
	rtp.AwaitTone(t, 1200)
	h.State("play", "tone.wav") // the same one still
	h.Do("play", "stop")
	rtp.Await(t, "a hush", faint)
	h.Do("play/voice/default", "Good evening.")
	rtp.Await(t, "speech", func(r *phonetest.RTP) bool { return r.Level() > -40 })
	rtp.Await(t, "a hush", faint)
	dialog.Bye()
	p.Expect(t, "200")
	h.Idle()
	packets := rtp.Packets()
	continuous(t, packets)
	for i, p := range packets {
		if p.PT != 8 || p.Marker != (i == 0) {
			t.Fatalf("packet %d has payload type %d, marker %v", i, p.PT, p.Marker)
		}
		if i > 50 && bytes.Equal(p.Payload, bytes.Repeat([]byte{0xd5}, len(p.Payload))) {
			t.Fatalf("packet %d is digital silence", i)
		}
	}
}

// With comfort noise agreed (RFC 3389) a pause is described and not sent, and the clock goes on.
func TestIVRComfortNoise(t *testing.T) {
	h, _ := ivr(t, nil)
	p := phonetest.NewPeer(t)
	rtp := p.RTP()
	offer := strings.Replace(phonetest.SDP(rtp.Port(), "PCMA"), "RTP/AVP 8", "RTP/AVP 8 13", 1) + "a=rtpmap:13 CN/8000\r\n"
	invite := p.Invite("sip:phone@"+h.SIPAddr, netip.MustParseAddrPort(h.SIPAddr), phonetest.WithSDP(offer))
	ok := p.Await(t, "200")
	dialog := p.Dialog(invite, ok)
	dialog.Ack(ok)
	h.State("status", "active")
	pause := func(r *phonetest.RTP) bool {
		all := r.Packets()
		return len(all) > 1 && all[len(all)-1].PT == 13 && all[len(all)-2].PT == 13
	}
	rtp.Await(t, "a pause", pause)
	h.Do("play/file", "tone.wav")
	rtp.AwaitTone(t, 1200)
	h.Do("play", "stop")
	rtp.Await(t, "a pause", pause)
	dialog.Bye()
	p.Expect(t, "200")
	h.Idle()
	packets := rtp.Packets()
	continuous(t, packets)
	for i, p := range packets[1:] {
		if p.PT == 13 && (p.Payload[0] < 50 || p.Payload[0] > 75) {
			t.Errorf("packet %d describes -%d dBov", i+1, p.Payload[0])
		}
		if want := p.PT == 8 && packets[i].PT == 13; p.Marker != want { // RFC 3551 4.1
			t.Errorf("packet %d: marker %v behind payload type %d", i+1, p.Marker, packets[i].PT)
		}
	}
}

// Without the option a ringing caller hears nothing of it, and the command says what helps.
func TestIVRNoEarlyMedia(t *testing.T) {
	h, b := ivr(t, env{"PHONE_AUTOANSWER": "0"})
	b.Do("dial", "sip:phone@"+h.SIPAddr)
	h.State("status", "ring")
	if r := h.Refused("play/file", "tone.wav", "refused"); !strings.Contains(r.Error, "PHONE_EARLY_MEDIA=1") {
		t.Error(r.Error)
	}
	h.Do("call", "hangup")
	h.Idle()
}

// Prompts, keys and collections of two calls at the same time stay apart.
func TestIVRCallsStayApart(t *testing.T) {
	h, a := ivr(t, env{"PHONE_MAX_CALLS": "2"})
	b := peers.NewBaresip(t, peers.NewPorts(t), peers.BaresipConfig{User: "bob"})
	for i, phone := range []*peers.Baresip{a, b} {
		phone.Do("dial", "sip:phone@"+h.SIPAddr)
		h.State("calls/"+string(rune('1'+i))+"/status", "active")
	}
	mark := h.Mark()
	if r := h.Raw("calls/1/dtmf/collect", `{"max":3,"timeout":60,"prompt":"tone.wav"}`); !r.OK {
		t.Fatalf("%+v", r)
	}
	if r := h.Raw("calls/2/dtmf/collect", `{"max":2,"timeout":60}`); !r.OK {
		t.Fatalf("%+v", r)
	}
	if r := h.Try("calls/2/play/file", "tone.wav", map[string]any{"interrupt": "*", "repeat": 5}); !r.OK {
		t.Fatalf("%+v", r)
	}
	a.WaitTone(1200, patience)
	b.WaitTone(1200, patience)
	a.Do("sndcode", "1") // barges in at a alone
	a.WaitSilence(patience)
	h.State("calls/1/play", "idle")
	h.State("calls/2/play", "tone.wav")
	b.WaitTone(1200, patience)
	b.Do("sndcode", "8")
	a.Do("sndcode", "2")
	b.Do("sndcode", "9")
	a.Do("sndcode", "3")
	h.Event(mark, "calls/1/dtmf/collected", func(v string) bool { return strings.Contains(v, `"123"`) })
	h.Event(mark, "calls/2/dtmf/collected", func(v string) bool { return strings.Contains(v, `"89"`) })
	for i, keys := range []string{"123", "89"} {
		var got string
		for _, m := range h.Since(mark, h.Topic("calls/"+string(rune('1'+i))+"/dtmf")) {
			got += m.Payload
		}
		if got != keys {
			t.Errorf("call %d has the keys %s, want %s", i+1, got, keys)
		}
	}
	h.State("calls/2/play", "tone.wav") // only * stops it
	b.Do("sndcode", "*")
	h.State("calls/2/play", "idle")
}

// Files wait for each other; an interrupted one makes room for the next.
func TestIVRQueue(t *testing.T) {
	media := t.TempDir()
	for name, hz := range map[string]float64{"high.wav": 1200, "low.wav": 600} {
		tone, err := os.ReadFile(peers.WriteTone(t, hz, 2e9))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(media, name), tone, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h, b := ivr(t, env{"MEDIA_DIR": media})
	b.Do("dial", "sip:phone@"+h.SIPAddr)
	h.State("status", "active")
	mark := h.Mark()
	for _, name := range []string{"high.wav", "low.wav", "high.wav"} {
		if r := h.Try("play/file", name, map[string]any{"repeat": 50, "interrupt": "5"}); !r.OK {
			t.Fatalf("%+v", r)
		}
	}
	for _, hz := range []float64{1200, 600, 1200} {
		b.WaitTone(hz, patience)
		b.Do("sndcode", "5")
	}
	h.State("play", "idle")
	var told []string
	for _, m := range h.Since(mark, h.Topic("play")) {
		told = append(told, m.Payload)
	}
	if got := strings.Join(told, " "); got != "high.wav low.wav high.wav idle" {
		t.Errorf("play told %q", got)
	}
}
