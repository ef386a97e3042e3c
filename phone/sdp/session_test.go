package sdp

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"housephone/phone/codec"
	"housephone/phone/phonetest"
)

func local(dir Direction, codecs ...codec.Codec) Local {
	if len(codecs) == 0 {
		codecs = []codec.Codec{pcma, pcmu}
	}
	return Local{Addr: netip.MustParseAddr("10.0.0.1"), Port: 5000, Codecs: codecs, DTMF: true, Direction: dir}
}

func mustOffer(t testing.TB, s *Session, l Local) string {
	t.Helper()
	b, err := s.Offer(l)
	if err != nil {
		t.Fatal(err)
	}
	checkWire(t, b)
	return string(b)
}

func mustAnswer(t testing.TB, s *Session, offer string, l Local) (string, Media) {
	t.Helper()
	b, m, err := s.Answer([]byte(offer), l)
	if err != nil {
		t.Fatal(err)
	}
	checkWire(t, b)
	return string(b), m
}

func mustAccept(t testing.TB, s *Session, answer string) Media {
	t.Helper()
	m, err := s.Accept([]byte(answer))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// version gives the version in o=.
func version(t testing.TB, body string) int {
	t.Helper()
	for line := range strings.Lines(body) {
		var user, id, rest string
		var v int
		if n, _ := fmt.Sscanf(line, "o=%s %s %d %s", &user, &id, &v, &rest); n == 4 {
			return v
		}
	}
	t.Fatalf("no o= in\n%s", body)
	return 0
}

func body(lines ...string) string {
	return strings.Join(append([]string{"v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0"}, lines...), "\r\n") + "\r\n"
}

// Every pair of wish and offered direction (RFC 3264 6.1).
func TestAnswerDirection(t *testing.T) {
	for _, tc := range []struct{ offered, wish, want Direction }{
		{SendRecv, SendRecv, SendRecv}, {SendRecv, SendOnly, SendOnly}, {SendRecv, RecvOnly, RecvOnly}, {SendRecv, Inactive, Inactive},
		{SendOnly, SendRecv, RecvOnly}, {SendOnly, SendOnly, Inactive}, {SendOnly, RecvOnly, RecvOnly}, {SendOnly, Inactive, Inactive},
		{RecvOnly, SendRecv, SendOnly}, {RecvOnly, SendOnly, SendOnly}, {RecvOnly, RecvOnly, Inactive}, {RecvOnly, Inactive, Inactive},
		{Inactive, SendRecv, Inactive}, {Inactive, SendOnly, Inactive}, {Inactive, RecvOnly, Inactive}, {Inactive, Inactive, Inactive},
	} {
		t.Run(tc.offered.String()+"-"+tc.wish.String(), func(t *testing.T) {
			hold := tc.offered == SendOnly || tc.offered == Inactive
			for _, offer := range []string{
				body("m=audio 4000 RTP/AVP 8", "a="+tc.offered.String()),
				body("a="+tc.offered.String(), "m=audio 4000 RTP/AVP 8"),
				body("a=inactive", "m=audio 4000 RTP/AVP 8", "a="+tc.offered.String()),
			} {
				answer, m := mustAnswer(t, NewSession(1), offer, local(tc.wish))
				if m.Direction != tc.want || m.RemoteHold != hold || !strings.Contains(answer, "a="+tc.want.String()+"\r\n") {
					t.Errorf("direction %v hold %v, want %v %v\n%s", m.Direction, m.RemoteHold, tc.want, hold, answer)
				}
			}
			far := NewSession(2)
			offer := mustOffer(t, far, local(tc.offered))
			answer, _ := mustAnswer(t, NewSession(1), offer, local(tc.wish))
			if m := mustAccept(t, far, answer); m.Direction != tc.want.Reverse() {
				t.Errorf("the offerer sees %v, want %v", m.Direction, tc.want.Reverse())
			} else if hold := tc.offered.Send() && !tc.want.Receive(); m.RemoteHold != hold {
				t.Errorf("the offerer sees hold %v, want %v", m.RemoteHold, hold)
			}
		})
	}
}

func TestHoldAndResume(t *testing.T) {
	us, them := NewSession(1), NewSession(2)
	offer := mustOffer(t, us, local(SendRecv))
	answer, _ := mustAnswer(t, them, offer, local(SendRecv))
	first := mustAccept(t, us, answer)

	hold := mustOffer(t, us, local(SendOnly))
	answer, held := mustAnswer(t, them, hold, local(SendRecv))
	if !held.RemoteHold || held.Direction != RecvOnly {
		t.Errorf("the held side sees %+v", held)
	}
	if m := mustAccept(t, us, answer); m.RemoteHold || m.Direction != SendOnly {
		t.Errorf("our own hold shows as %+v", m)
	}
	both := mustOffer(t, them, local(SendOnly)) // the held side holds too
	answer, m := mustAnswer(t, us, both, local(SendOnly))
	if m.Direction != Inactive || !m.RemoteHold {
		t.Errorf("both on hold: %+v", m)
	}
	if m := mustAccept(t, them, answer); m.Direction != Inactive || !m.RemoteHold {
		t.Errorf("both on hold, seen by the other: %+v", m)
	}
	resume := mustOffer(t, us, local(SendRecv))
	answer, _ = mustAnswer(t, them, resume, local(SendRecv))
	if m := mustAccept(t, us, answer); m != first {
		t.Errorf("after resume %+v, want %+v", m, first)
	}
	if v := version(t, resume); v != 4 {
		t.Errorf("version %d, want 4: offer, hold, answer, resume", v)
	}
}

func TestVersionGrowsOnlyWithAChange(t *testing.T) {
	s := NewSession(1)
	offer := body("m=audio 4000 RTP/AVP 8")
	a1, _ := mustAnswer(t, s, offer, local(SendRecv))
	a2, _ := mustAnswer(t, s, offer, local(SendRecv))
	if a1 != a2 || version(t, a1) != 1 {
		t.Errorf("the same answer changed:\n%s\n%s", a1, a2)
	}
	refresh, err := s.Refresh()
	if err != nil || string(refresh) != a1 {
		t.Errorf("refresh: %v\n%s\nwant\n%s", err, refresh, a1)
	}
	if _, err := s.Refresh(); !errors.Is(err, ErrOfferPending) {
		t.Errorf("second refresh: %v", err)
	}
	m := mustAccept(t, s, body("m=audio 4000 RTP/AVP 8"))
	if now, ok := s.Media(); !ok || now != m || s.Pending() {
		t.Errorf("%+v %v", now, ok)
	}
	moved := local(SendRecv)
	moved.Addr = netip.MustParseAddr("10.0.0.2")
	a3, _ := mustAnswer(t, s, offer, moved)
	if version(t, a3) != 2 || !strings.Contains(a3, "o=- 1 2 IN IP4 10.0.0.1\r\n") || !strings.Contains(a3, "c=IN IP4 10.0.0.2\r\n") {
		t.Errorf("moved to another address:\n%s", a3)
	}
}

func TestRollback(t *testing.T) {
	s := NewSession(1)
	s.Rollback() // nothing to do
	before := mustOffer(t, s, local(SendRecv))
	m := mustAccept(t, s, body("m=audio 4000 RTP/AVP 0"))
	hold := mustOffer(t, s, local(SendOnly))
	s.Rollback() // 491
	if now, _ := s.Media(); now != m || s.Pending() {
		t.Errorf("after rollback %+v, want %+v", now, m)
	}
	if _, err := s.Accept([]byte(body("m=audio 4000 RTP/AVP 0"))); err != nil {
		t.Errorf("the first offer may still be answered again: %v", err)
	}
	again := mustOffer(t, s, local(SendOnly))
	if version(t, again) != version(t, hold)+1 || version(t, before) != 1 {
		t.Errorf("versions %d %d %d", version(t, before), version(t, hold), version(t, again))
	}
	mustAccept(t, s, body("m=audio 4000 RTP/AVP 0", "a=recvonly")) // in a 183,
	s.Rollback()                                                   // then 488
	if now, _ := s.Media(); now != m {
		t.Errorf("after rollback of an early answer %+v, want %+v", now, m)
	}
	mustOffer(t, s, local(SendOnly))
	mustAccept(t, s, body("m=audio 4000 RTP/AVP 0", "a=recvonly"))
	_, theirs := mustAnswer(t, s, body("m=audio 4002 RTP/AVP 0"), local(SendRecv)) // an UPDATE in between stays (RFC 6141 3.4)
	s.Rollback()
	if now, _ := s.Media(); now != theirs {
		t.Errorf("rollback undid the far end's offer: %+v", now)
	}
}

func TestTurns(t *testing.T) {
	s := NewSession(1)
	if _, err := s.Accept([]byte(body("m=audio 1 RTP/AVP 8"))); !errors.Is(err, ErrNoOffer) {
		t.Errorf("answer without offer: %v", err)
	}
	if _, err := s.Refresh(); !errors.Is(err, ErrLocal) {
		t.Errorf("refresh of nothing: %v", err)
	}
	mustOffer(t, s, local(SendRecv))
	if _, err := s.Offer(local(SendRecv)); !errors.Is(err, ErrOfferPending) {
		t.Errorf("second offer: %v", err)
	}
	if _, _, err := s.Answer([]byte(body("m=audio 4000 RTP/AVP 8")), local(SendRecv)); !errors.Is(err, ErrOfferPending) {
		t.Errorf("glare: %v", err)
	}
	if _, err := s.Accept([]byte(body("m=audio 0 RTP/AVP 8"))); !errors.Is(err, ErrNoAudio) || !s.Pending() {
		t.Errorf("refused answer: %v", err)
	}
	mustAccept(t, s, body("m=audio 4000 RTP/AVP 8"))
	_, _ = mustAnswer(t, s, body("m=audio 4000 RTP/AVP 8"), local(SendRecv))
	if _, err := s.Accept([]byte(body("m=audio 4000 RTP/AVP 8"))); !errors.Is(err, ErrNoOffer) {
		t.Errorf("late answer to an offer that is over: %v", err)
	}
}

// A FRITZ!Box answers with one codec in 183 and with another in 200.
func TestSecondAnswerReplacesTheFirst(t *testing.T) {
	s := NewSession(1)
	mustOffer(t, s, local(SendRecv, g722, pcma, pcmu))
	early := mustAccept(t, s, body("m=audio 7078 RTP/AVP 0 101", "a=rtpmap:101 telephone-event/8000"))
	final := mustAccept(t, s, body("m=audio 7080 RTP/AVP 8"))
	if early.Codec != pcmu || early.DTMFSendPT != 101 || final.Codec != pcma || final.DTMFSendPT != -1 || final.Remote.Port() != 7080 {
		t.Errorf("early %+v\nfinal %+v", early, final)
	}
}

func TestForksAnswerForThemselves(t *testing.T) {
	s := NewSession(1)
	offer := mustOffer(t, s, local(SendRecv))
	other := s.Fork()
	one := mustAccept(t, s, body("m=audio 4000 RTP/AVP 8"))
	if !other.Pending() {
		t.Fatal("the answer of one fork answers the other")
	}
	two := mustAccept(t, other, body("m=audio 6000 RTP/AVP 0"))
	if now, _ := s.Media(); now != one || two.Codec != pcmu {
		t.Errorf("%+v %+v", now, two)
	}
	if mustOffer(t, s, local(SendOnly)) == offer || version(t, mustOffer(t, other, local(SendRecv))) != 2 {
		t.Error("the forks share their version")
	}
}

// Payload types of an answer may differ from those of the offer: each side is sent what
// it asked for.
func TestAnswerWithOtherPayloadTypes(t *testing.T) {
	s := NewSession(1)
	mustOffer(t, s, local(SendRecv, opus, pcma))
	m := mustAccept(t, s, body("m=audio 4000 RTP/AVP 120 121", "a=rtpmap:120 OPUS/48000/2", "a=rtpmap:121 telephone-event/48000"))
	if m.SendPT != 120 || m.RecvPT != 96 || m.DTMFSendPT != 121 || m.DTMFRecvPT != 102 || m.DTMFClock != 48000 {
		t.Errorf("%+v", m)
	}
	s = NewSession(1)
	mustOffer(t, s, local(SendRecv, opus))
	if m := mustAccept(t, s, body("m=audio 4000 RTP/AVP 96 102")); m.Codec != opus || m.DTMFSendPT != 102 {
		t.Errorf("numbers of our offer without rtpmap: %+v", m)
	}
}

// RFC 3264 8.3.2: a number keeps its meaning in all that we say.
func TestPayloadTypesAreStable(t *testing.T) {
	s := NewSession(1)
	_, _ = mustAnswer(t, s, body("m=audio 4000 RTP/AVP 101 96", "a=rtpmap:101 opus/48000/2", "a=rtpmap:96 telephone-event/48000"),
		local(SendRecv, pcma, opus))
	offer := mustOffer(t, s, local(SendRecv, pcma, opus))
	for _, want := range []string{"RTP/AVP 101 8 96 97\r\n", "a=rtpmap:101 opus/48000/2", "a=rtpmap:96 telephone-event/48000", "a=rtpmap:97 telephone-event/8000"} {
		if !strings.Contains(offer, want) {
			t.Errorf("no %q in\n%s", want, offer)
		}
	}
}

// A far end that gives its numbers a new meaning again and again does not exhaust ours.
func TestPayloadTypesDoNotRunOut(t *testing.T) {
	s := NewSession(1)
	for pt := 96; pt <= 127; pt++ {
		_, _ = mustAnswer(t, s, body(fmt.Sprintf("m=audio 4000 RTP/AVP %d", pt), fmt.Sprintf("a=rtpmap:%d X%d/8000", pt, pt)),
			local(SendRecv, codec.Codec{Name: fmt.Sprintf("X%d", pt), PayloadType: 96, ClockRate: 8000}))
	}
	offer := mustOffer(t, s, local(SendRecv, opus, pcma))
	if !strings.Contains(offer, "opus/48000/2") || !strings.Contains(offer, eventName) {
		t.Errorf("offer lacks its codecs:\n%s", offer)
	}
}

// Re-offers keep the lines of the session (RFC 3264 8).
func TestReofferKeepsLines(t *testing.T) {
	s := NewSession(1)
	_, _ = mustAnswer(t, s, body("m=video 5000 RTP/AVP 99", "m=audio 4000 RTP/AVPF 8", "m=application 9 UDP/BFCP *"), local(SendRecv))
	offer := mustOffer(t, s, local(SendOnly))
	if got := lines(offer, "m="); got != "video 0 RTP/AVP 99|audio 5000 RTP/AVPF 8 0 101|application 0 UDP/BFCP *" {
		t.Errorf("lines %q", got)
	}
	m := mustAccept(t, s, body("m=video 0 RTP/AVP 99", "m=audio 4000 RTP/AVPF 8", "a=recvonly", "m=application 0 UDP/BFCP *"))
	if m.Direction != SendOnly || m.Video {
		t.Errorf("%+v", m)
	}
}

func lines(body, kind string) string {
	var out []string
	for line := range strings.Lines(body) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), kind); ok {
			out = append(out, v)
		}
	}
	return strings.Join(out, "|")
}

// The audio line in use stays in use.
func TestReofferOfTwoAudioLines(t *testing.T) {
	s := NewSession(1)
	_, _ = mustAnswer(t, s, body("m=audio 4000 RTP/AVP 18", "m=audio 4002 RTP/AVP 8"), local(SendRecv))
	answer, m := mustAnswer(t, s, body("m=audio 4000 RTP/AVP 8", "m=audio 4002 RTP/AVP 8"), local(SendRecv))
	if got := lines(answer, "m="); m.Remote.Port() != 4002 || got != "audio 0 RTP/AVP 8|audio 5000 RTP/AVP 8" {
		t.Errorf("lines %q", got)
	}
}

// A far end that gives a number a new meaning is followed, and the old one is forgotten.
func TestPayloadTypeChangesItsMeaning(t *testing.T) {
	s := NewSession(1)
	_, _ = mustAnswer(t, s, body("m=audio 4000 RTP/AVP 101", "a=rtpmap:101 opus/48000/2"), local(SendRecv, opus, pcma))
	_, _ = mustAnswer(t, s, body("m=audio 4000 RTP/AVP 8 101", "a=rtpmap:101 telephone-event/8000"), local(SendRecv, opus, pcma))
	offer := mustOffer(t, s, local(SendRecv, opus, pcma))
	for _, want := range []string{"a=rtpmap:101 telephone-event/8000", "a=rtpmap:96 opus/48000/2"} {
		if !strings.Contains(offer, want) {
			t.Errorf("no %q in\n%s", want, offer)
		}
	}
}

func TestPreference(t *testing.T) {
	offer := body("m=audio 4000 RTP/AVP 0 8 9", "m=audio 4002 RTP/AVP 9")
	if _, m := mustAnswer(t, NewSession(1), offer, local(SendRecv, g722, pcma, pcmu)); m.Codec != pcmu {
		t.Errorf("the offerer's order gives %v", m.Codec)
	}
	l := local(SendRecv, g722, pcma, pcmu)
	l.PreferLocal = true
	if _, m := mustAnswer(t, NewSession(1), offer, l); m.Codec != g722 || m.Remote.Port() != 4000 {
		t.Errorf("our order gives %+v", m)
	}
	s := NewSession(1) // the codec in use stays in front
	mustOffer(t, s, l)
	mustAccept(t, s, body("m=audio 4000 RTP/AVP 0"))
	if got := lines(mustOffer(t, s, l), "m="); got != "audio 5000 RTP/AVP 0 9 8 101" {
		t.Errorf("re-offer %q", got)
	}
	l.DTMF = false
	if answer, m := mustAnswer(t, NewSession(1), string(readOffer(t, "fritzbox.sdp")), l); strings.Contains(answer, eventName) || m.DTMFRecvPT != -1 {
		t.Errorf("telephone-event though it is off:\n%s", answer)
	}
}

func TestRefused(t *testing.T) {
	many := strings.Repeat("m=video 0 RTP/AVP 99\r\n", 33)
	for _, tc := range []struct {
		name, offer string
		want        error
	}{
		{"empty", "", ErrNotSDP},
		{"blank lines", "\r\n \r\n", ErrNotSDP},
		{"text", "hello\r\nm=audio 4000 RTP/AVP 8\r\n", ErrNotSDP},
		{"version 1", "v=1\r\nm=audio 4000 RTP/AVP 8\r\n", ErrNotSDP},
		{"html", "<html>v=0</html>", ErrNotSDP},
		{"large", body("a=" + strings.Repeat("x", 17<<10)), ErrTooLarge},
		{"large is not sdp", body("a=" + strings.Repeat("x", 17<<10)), ErrNotSDP},
		{"many lines", body(many), ErrTooLarge},
		{"no line", body(), ErrNoAudio},
		{"video only", body("m=video 4000 RTP/AVP 99"), ErrNoAudio},
		{"refused audio", body("m=audio 0 RTP/AVP 8"), ErrNoAudio},
		{"refused audio cut short", body("m=audio 0 RTP/AVP"), ErrNoAudio},
		{"fax only", body("m=image 4000 udptl t38"), ErrNoAudio},
		{"other profile", body("m=audio 4000 udp 8"), ErrNoAudio},
		{"no address", "v=0\r\nm=audio 4000 RTP/AVP 8\r\n", ErrNoAudio},
		{"bad address", "v=0\r\nc=IN IP4 1.2.3\r\nm=audio 4000 RTP/AVP 8\r\n", ErrNoAudio},
		{"bad name", "v=0\r\nc=IN IP4 a|b\r\nm=audio 4000 RTP/AVP 8\r\n", ErrNoAudio},
		{"multicast", "v=0\r\nc=IN IP4 224.2.36.42/127\r\nm=audio 4000 RTP/AVP 8\r\n", ErrNoAudio},
		{"other codec", body("m=audio 4000 RTP/AVP 18 101", "a=rtpmap:101 telephone-event/8000"), ErrNoCommonCodec},
		{"no meaning", body("m=audio 4000 RTP/AVP 97 200 x"), ErrNoCommonCodec},
		{"static number, other codec", body("m=audio 4000 RTP/AVP 8", "a=rtpmap:8 SPEEX/8000"), ErrNoCommonCodec},
		{"secure", body("m=audio 4000 RTP/SAVP 8"), ErrSecureOnly},
		{"secure feedback", body("m=audio 4000 UDP/TLS/RTP/SAVPF 8"), ErrSecureOnly},
		{"secure, and other codec plain", body("m=audio 4000 RTP/SAVP 8", "m=audio 4002 RTP/AVP 18"), ErrNoCommonCodec},
		{"port", body("m=audio 70000 RTP/AVP 8"), ErrNotSDP},
		{"negative port", body("m=audio -1 RTP/AVP 8"), ErrNotSDP},
		{"port range", body("m=audio 4000/x RTP/AVP 8"), ErrNotSDP},
		{"no format", body("m=audio 4000 RTP/AVP"), ErrNotSDP},
		{"few words", body("m=audio"), ErrNotSDP},
		{"no token", body("m=au\x01dio 4000 RTP/AVP 8"), ErrNotSDP},
		{"empty profile", body("m=audio 4000 RTP// 8"), ErrNotSDP},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := NewSession(1)
			answer, _, err := s.Answer([]byte(tc.offer), local(SendRecv))
			if !errors.Is(err, tc.want) || answer != nil {
				t.Errorf("error %v, want %v", err, tc.want)
			}
			if _, ok := s.Media(); ok || s.version != 0 {
				t.Error("a refused offer changed the session")
			}
		})
	}
}

// What one line of a description means.
func TestAudioLine(t *testing.T) {
	for _, tc := range []struct {
		name  string
		lines []string
		check func(Media) bool
	}{
		{"media c= first", []string{"m=audio 4000 RTP/AVP 8", "c=IN IP4 192.0.2.9"}, func(m Media) bool { return m.Remote.String() == "192.0.2.9:4000" }},
		{"ttl", []string{"m=audio 4000 RTP/AVP 8", "c=IN IP4 192.0.2.9/127/3"}, func(m Media) bool { return m.Remote.Addr().String() == "192.0.2.9" }},
		{"mapped", []string{"m=audio 4000 RTP/AVP 8", "c=IN IP6 ::ffff:192.0.2.9"}, func(m Media) bool { return m.Remote.Addr().Is4() }},
		{"rtcp", []string{"m=audio 4000 RTP/AVP 8", "a=rtcp:4444"}, func(m Media) bool { return m.RTCP.String() == "192.0.2.1:4444" }},
		{"rtcp address", []string{"m=audio 4000 RTP/AVP 8", "a=rtcp:4444 IN IP4 192.0.2.8"}, func(m Media) bool { return m.RTCP.String() == "192.0.2.8:4444" }},
		{"rtcp bad", []string{"m=audio 4000 RTP/AVP 8", "a=rtcp:x"}, func(m Media) bool { return m.RTCP.Port() == 4001 }},
		{"rtcp unknown yet", []string{"m=audio 4000 RTP/AVP 8", "a=rtcp:9 IN IP4 0.0.0.0"}, func(m Media) bool { return m.RTCP.Port() == 4001 }},
		{"last port", []string{"m=audio 65535 RTP/AVP 8"}, func(m Media) bool { return !m.RTCP.IsValid() && m.Remote.Port() == 65535 }},
		{"no mux wanted", []string{"m=audio 4000 RTP/AVP 8", "a=rtcp-mux"}, func(m Media) bool { return !m.RTCPMux && m.RTCP.Port() == 4001 }},
		{"ptime", []string{"m=audio 4000 RTP/AVP 8", "a=ptime:30"}, func(m Media) bool { return m.Ptime == 30 }},
		{"ptime of the session", []string{"a=ptime:40", "m=audio 4000 RTP/AVP 8"}, func(m Media) bool { return m.Ptime == 40 }},
		{"ptime odd", []string{"m=audio 4000 RTP/AVP 8", "a=ptime:25"}, func(m Media) bool { return m.Ptime == 20 }},
		{"ptime large", []string{"m=audio 4000 RTP/AVP 8", "a=ptime:1000"}, func(m Media) bool { return m.Ptime == 60 }},
		{"ptime none", []string{"m=audio 4000 RTP/AVP 8", "a=ptime:0"}, func(m Media) bool { return m.Ptime == 20 }},
		{"maxptime", []string{"m=audio 4000 RTP/AVP 8", "a=ptime:40", "a=maxptime:10"}, func(m Media) bool { return m.Ptime == 10 }},
		{"dynamic G.711", []string{"m=audio 4000 RTP/AVP 97", "a=rtpmap:97 pcma/8000/1"}, func(m Media) bool { return m.Codec == pcma && m.RecvPT == 97 }},
		{"no rate", []string{"m=audio 4000 RTP/AVP 97", "a=rtpmap:97 PCMU"}, func(m Media) bool { return m.Codec == pcmu }},
		{"stereo is another codec", []string{"m=audio 4000 RTP/AVP 97 8", "a=rtpmap:97 PCMU/8000/2"}, func(m Media) bool { return m.Codec == pcma }},
		{"other rate", []string{"m=audio 4000 RTP/AVP 97 8", "a=rtpmap:97 PCMU/16000"}, func(m Media) bool { return m.Codec == pcma }},
		{"G.722 by its sampling rate", []string{"m=audio 4000 RTP/AVP 9", "a=rtpmap:9 G722/16000"}, func(m Media) bool { return m.Codec == g722 }},
		{"event of the wrong rate only", []string{"m=audio 4000 RTP/AVP 8 101", "a=rtpmap:101 telephone-event/16000"}, func(m Media) bool { return m.DTMFSendPT == -1 }},
		{"two events", []string{"m=audio 4000 RTP/AVP 8 100 101", "a=rtpmap:100 telephone-event/16000", "a=rtpmap:101 telephone-event/8000"}, func(m Media) bool { return m.DTMFSendPT == 101 && m.DTMFClock == 8000 }},
		{"event named but not in the line", []string{"m=audio 4000 RTP/AVP 8", "a=rtpmap:101 telephone-event/8000"}, func(m Media) bool { return m.DTMFSendPT == -1 }},
		{"crypto beside plain", []string{"m=audio 4000 RTP/AVP 8", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:xx"}, func(m Media) bool { return !m.Secure }},
		{"two meanings", []string{"m=audio 4000 RTP/AVP 97 97", "a=rtpmap:97 PCMA/8000", "a=rtpmap:97 PCMU/8000"}, func(m Media) bool { return m.Codec == pcma }},
		{"second line", []string{"m=audio 0 RTP/AVP 8", "m=audio 4002 RTP/AVP 18", "m=audio 4004 RTP/AVP 8"}, func(m Media) bool { return m.Remote.Port() == 4004 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, m := mustAnswer(t, NewSession(1), body(tc.lines...), local(SendRecv, pcma, pcmu, g722)); !tc.check(m) {
				t.Errorf("%s", m.describe())
			}
		})
	}
}

func TestMultiplex(t *testing.T) {
	l := local(SendRecv)
	l.RTCPMux = true
	if offer := mustOffer(t, NewSession(1), l); !strings.Contains(offer, "a=rtcp-mux\r\n") {
		t.Errorf("not offered:\n%s", offer)
	}
	s := NewSession(1)
	mustOffer(t, s, l)
	if m := mustAccept(t, s, body("m=audio 4000 RTP/AVP 8", "a=rtcp-mux")); !m.RTCPMux || m.RTCP != m.Remote {
		t.Errorf("%+v", m)
	}
	if m := mustAccept(t, s, body("m=audio 4000 RTP/AVP 8")); m.RTCPMux {
		t.Errorf("%+v", m)
	}
	s = NewSession(1)
	mustOffer(t, s, local(SendRecv))
	if m := mustAccept(t, s, body("m=audio 4000 RTP/AVP 8", "a=rtcp-mux")); m.RTCPMux {
		t.Errorf("multiplexed without our offer: %+v", m)
	}
	answer, m := mustAnswer(t, NewSession(1), body("m=audio 4000 RTP/AVP 72", "a=rtpmap:72 PCMA/8000", "a=rtcp-mux"), l)
	if m.RTCPMux || strings.Contains(answer, "rtcp-mux") { // RFC 5761 4
		t.Errorf("multiplexed with a payload type that looks like RTCP:\n%s", answer)
	}
}

func TestLocalIsChecked(t *testing.T) {
	for _, damage := range []func(*Local){
		func(l *Local) { l.Addr = netip.Addr{} },
		func(l *Local) { l.Port = 0 },
		func(l *Local) { l.Port = 65536 },
		func(l *Local) { l.Codecs = nil },
		func(l *Local) { l.Codecs = make([]codec.Codec, 17) },
		func(l *Local) { l.Codecs = []codec.Codec{{Name: "a b", ClockRate: 8000}} },
		func(l *Local) { l.Codecs = []codec.Codec{{Name: "PCMA"}} },
		func(l *Local) { l.Ptime = 5 },
		func(l *Local) { l.Direction = 7 },
		func(l *Local) { l.SessionName = "a\r\na=b" },
	} {
		l := local(SendRecv)
		damage(&l)
		if _, err := NewSession(1).Offer(l); !errors.Is(err, ErrLocal) {
			t.Errorf("offer with %+v: %v", l, err)
		}
		if _, _, err := NewSession(1).Answer([]byte(body("m=audio 4000 RTP/AVP 8")), l); !errors.Is(err, ErrLocal) {
			t.Errorf("answer with %+v: %v", l, err)
		}
	}
}

func TestIPv6(t *testing.T) {
	l := local(SendRecv)
	l.Addr = netip.MustParseAddr("fe80::1%eth0")
	if offer := mustOffer(t, NewSession(1<<63|5), l); !strings.Contains(offer, "o=- 5 1 IN IP6 fe80::1\r\n") || !strings.Contains(offer, "c=IN IP6 fe80::1\r\n") {
		t.Errorf("%s", offer)
	}
}

// The peer of the other tests speaks a description that we can answer.
func TestPeerDescription(t *testing.T) {
	_, m := mustAnswer(t, NewSession(1), phonetest.SDP(4000, "PCMU", "telephone-event", "a=sendonly"), local(SendRecv))
	if m.Codec != pcmu || m.DTMFSendPT != 101 || !m.RemoteHold || m.Remote.String() != "127.0.0.1:4000" {
		t.Errorf("%+v", m)
	}
}

func TestDirectionReverse(t *testing.T) {
	for d, want := range map[Direction]Direction{SendRecv: SendRecv, SendOnly: RecvOnly, RecvOnly: SendOnly, Inactive: Inactive} {
		if d.Reverse() != want || d.Reverse().Reverse() != d {
			t.Errorf("%v reversed is %v, want %v", d, d.Reverse(), want)
		}
	}
}

func TestResolved(t *testing.T) {
	addr := netip.MustParseAddr("192.0.2.77")
	for _, tc := range []struct {
		name, remote, rtcp string
		lines              []string
	}{
		{"name", "192.0.2.77:4000", "192.0.2.77:4001", []string{"m=audio 4000 RTP/AVP 8", "c=IN IP4 door.local"}},
		{"rtcp port", "192.0.2.77:4000", "192.0.2.77:4444", []string{"m=audio 4000 RTP/AVP 8", "c=IN IP4 door.local", "a=rtcp:4444"}},
		{"rtcp address", "192.0.2.77:4000", "192.0.2.8:4444", []string{"m=audio 4000 RTP/AVP 8", "c=IN IP4 door.local", "a=rtcp:4444 IN IP4 192.0.2.8"}},
		{"mux", "192.0.2.77:4000", "192.0.2.77:4000", []string{"m=audio 4000 RTP/AVP 8", "c=IN IP4 door.local", "a=rtcp-mux"}},
		{"no rtcp", "192.0.2.77:65535", "invalid AddrPort", []string{"m=audio 65535 RTP/AVP 8", "c=IN IP4 door.local"}},
		{"address", "192.0.2.1:4000", "192.0.2.1:4001", []string{"m=audio 4000 RTP/AVP 8"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := local(SendRecv)
			l.RTCPMux = true
			_, m := mustAnswer(t, NewSession(1), body(tc.lines...), l)
			if got := m.Resolved(addr); got.Remote.String() != tc.remote || got.RTCP.String() != tc.rtcp || got.RemoteName != "" {
				t.Errorf("%s", got.describe())
			}
		})
	}
}
