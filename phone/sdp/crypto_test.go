package sdp

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"housephone/phone/sdes"
)

// steady makes the keys of a session the same in every run.
func steady(s *Session) *Session {
	s.random = rand.NewChaCha8([32]byte{byte(s.id)})
	return s
}

func keyLine(tag int, suite sdes.Suite, seed byte) string {
	key, salt, _ := suite.Lengths()
	b := make([]byte, key+salt)
	for i := range b {
		b[i] = seed
	}
	return fmt.Sprintf("a=crypto:%d %s inline:%s", tag, suite, base64.StdEncoding.EncodeToString(b))
}

func secured(mode SRTPMode) Local {
	l := local(SendRecv)
	l.SRTP = mode
	return l
}

func TestGoldenSecureAnswers(t *testing.T) {
	files, err := filepath.Glob("testdata/srtp/offers/*.sdp")
	if err != nil || len(files) < 6 {
		t.Fatalf("%d offers, %v", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(strings.TrimSuffix(name, ".sdp"), func(t *testing.T) {
			s, l := steady(NewSession(4711)), home()
			l.SRTP, l.ComfortNoise = SRTPOptional, true
			offer := readOffer(t, "../srtp/offers/"+name)
			answer, media, err := s.Answer(offer, l)
			if err != nil {
				t.Fatal(err)
			}
			checkWire(t, answer)
			compareGolden(t, filepath.Join("testdata", "srtp", "answers", name), strings.ReplaceAll(string(answer), "\r\n", "\n")+
				"\n"+media.describe()+fmt.Sprintf("srtp %v mki %q comfort noise %d %d\n", media.SRTP, media.SRTP.RemoteMKI, media.CNSendPT, media.CNRecvPT))
			if !media.Secure || !media.SRTP.On() {
				t.Error("not secure")
			}
			again, media2, err := s.Answer(offer, l)
			if err != nil || string(again) != string(answer) || media2 != media {
				t.Errorf("the same offer is answered otherwise: %v\n%s", err, again)
			}
		})
	}
}

func TestGoldenSecureOffer(t *testing.T) {
	for _, mode := range []SRTPMode{SRTPOptional, SRTPRequired} {
		l := home()
		l.SRTP, l.ComfortNoise = mode, true
		offer := mustOffer(t, steady(NewSession(4711)), l)
		compareGolden(t, "testdata/srtp/offer-"+mode.String()+".sdp", strings.ReplaceAll(offer, "\r\n", "\n"))
		if len(offer) > 1000 {
			t.Errorf("an offer of %d octets leaves no room in a datagram", len(offer))
		}
	}
}

// TestModes is every mode at both ends.
func TestModes(t *testing.T) {
	for _, tc := range []struct {
		offer, answer SRTPMode
		secure        bool
		err           error
	}{
		{SRTPOff, SRTPOff, false, nil}, {SRTPOff, SRTPOptional, false, nil}, {SRTPOff, SRTPRequired, false, ErrPlainOnly},
		{SRTPOptional, SRTPOff, false, nil}, {SRTPOptional, SRTPOptional, true, nil}, {SRTPOptional, SRTPRequired, true, nil},
		{SRTPRequired, SRTPOff, false, ErrSecureOnly}, {SRTPRequired, SRTPOptional, true, nil}, {SRTPRequired, SRTPRequired, true, nil},
	} {
		t.Run(tc.offer.String()+"-"+tc.answer.String(), func(t *testing.T) {
			us, them := NewSession(1), NewSession(2)
			offer := mustOffer(t, us, secured(tc.offer))
			if savp := strings.Contains(offer, "RTP/SAVP "); savp != (tc.offer == SRTPRequired) {
				t.Errorf("profile\n%s", offer)
			}
			answer, far, err := them.Answer([]byte(offer), secured(tc.answer))
			if !errors.Is(err, tc.err) {
				t.Fatalf("%v, want %v", err, tc.err)
			}
			if err != nil {
				if _, had := them.Media(); had {
					t.Error("a refused offer left something behind")
				}
				return
			}
			near := mustAccept(t, us, string(answer))
			agree(t, near, far)
			if near.Secure != tc.secure || far.Secure != tc.secure || near.SRTP.On() != tc.secure {
				t.Errorf("secure %v and %v, want %v", near.Secure, far.Secure, tc.secure)
			}
			if n := strings.Count(string(answer), "a=crypto:"); n != map[bool]int{true: 1}[tc.secure] {
				t.Errorf("%d keys in the answer", n)
			}
		})
	}
}

// agree: what one end sends with the other receives with.
func agree(t testing.TB, near, far Media) {
	t.Helper()
	if near.SRTP.Suite != far.SRTP.Suite || near.SRTP.LocalKey != far.SRTP.RemoteKey || near.SRTP.RemoteKey != far.SRTP.LocalKey ||
		near.Secure != far.Secure || near.CNSendPT != far.CNRecvPT || near.CNRecvPT != far.CNSendPT {
		t.Errorf("the ends disagree: %+v, %+v", near, far)
	}
	if near.Secure && near.SRTP.LocalKey == near.SRTP.RemoteKey {
		t.Error("one key for both directions")
	}
}

func TestOffersOfOthers(t *testing.T) {
	good, other := keyLine(3, sdes.AES128CM80, 1), keyLine(1, sdes.AES256GCM, 2)
	for _, tc := range []struct {
		name, profile string
		keys          []string
		off, opt, req error
		suite         sdes.Suite // in the optional mode
	}{
		{"plain", "RTP/AVP", nil, nil, nil, ErrPlainOnly, ""},
		{"osrtp", "RTP/AVP", []string{good}, nil, nil, nil, sdes.AES128CM80},
		{"osrtp with feedback", "RTP/AVPF", []string{good}, nil, nil, nil, sdes.AES128CM80},
		{"first of two", "RTP/SAVP", []string{other, good}, ErrSecureOnly, nil, nil, sdes.AES256GCM},
		{"unknown suite first", "RTP/SAVPF", []string{"a=crypto:1 F8_128_HMAC_SHA1_80 inline:x", good}, ErrSecureOnly, nil, nil, sdes.AES128CM80},
		{"short key first", "RTP/SAVP", []string{"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA", good}, ErrSecureOnly, nil, nil, sdes.AES128CM80},
		{"no key", "RTP/SAVP", nil, ErrSecureOnly, ErrCrypto, ErrCrypto, ""},
		{"bad keys only", "RTP/SAVP", []string{"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA", "a=crypto", "a=crypto:"}, ErrSecureOnly, ErrCrypto, ErrCrypto, ""},
		{"bad keys beside plain", "RTP/AVP", []string{"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA"}, nil, nil, ErrPlainOnly, ""},
		{"in the clear", "RTP/SAVP", []string{good + " UNENCRYPTED_SRTP"}, ErrSecureOnly, ErrCrypto, ErrCrypto, ""},
		{"dtls", "UDP/TLS/RTP/SAVPF", []string{good}, ErrSecureOnly, ErrCrypto, ErrCrypto, ""},
		{"unknown profile", "RTP/XYZ", []string{good}, ErrNoAudio, ErrNoAudio, ErrNoAudio, ""},
		{"seventeenth", "RTP/SAVP", append(slicesRepeat("a=crypto:1 X inline:AAAA", 16), good), ErrSecureOnly, ErrCrypto, ErrCrypto, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			offer := body(append([]string{"m=audio 4000 " + tc.profile + " 8"}, tc.keys...)...)
			for mode, want := range []error{tc.off, tc.opt, tc.req} {
				answer, m, err := NewSession(1).Answer([]byte(offer), secured(SRTPMode(mode)))
				if !errors.Is(err, want) || (err == nil) != (want == nil) {
					t.Errorf("%v: %v, want %v", SRTPMode(mode), err, want)
					continue
				}
				suite := tc.suite
				if err != nil || SRTPMode(mode) == SRTPOff {
					suite = ""
				}
				if m.SRTP.Suite != suite || m.Secure != (suite != "") {
					t.Errorf("%v: suite %q, want %q", SRTPMode(mode), m.SRTP.Suite, suite)
				}
				if err == nil && !strings.Contains(string(answer), tc.profile+" 8\r\n") {
					t.Errorf("%v: another profile\n%s", SRTPMode(mode), answer)
				}
				if tag := "a=crypto:3 " + string(sdes.AES128CM80); suite == sdes.AES128CM80 && !strings.Contains(string(answer), tag) {
					t.Errorf("%v: another tag\n%s", SRTPMode(mode), answer)
				}
			}
		})
	}
}

func slicesRepeat(s string, n int) (out []string) {
	for range n {
		out = append(out, s)
	}
	return out
}

func TestAnswersOfOthers(t *testing.T) {
	for _, tc := range []struct {
		name, profile string
		keys          []string
		opt, req      error
		secure        bool
	}{
		{"good", "", []string{keyLine(1, sdes.AES128CM80, 1)}, nil, nil, true},
		{"second", "", []string{keyLine(2, sdes.AES256CM80, 1)}, nil, nil, true},
		{"none", "RTP/AVP", nil, nil, ErrPlainOnly, false},
		{"none, secure profile", "RTP/SAVP", nil, ErrCrypto, ErrCrypto, false},
		{"tag of another suite", "", []string{keyLine(2, sdes.AES128CM80, 1)}, ErrCrypto, ErrCrypto, false},
		{"unknown tag", "", []string{keyLine(9, sdes.AES128CM80, 1)}, ErrCrypto, ErrCrypto, false},
		{"suite that was not offered", "", []string{keyLine(1, sdes.AES128CM32, 1)}, ErrCrypto, ErrCrypto, false},
		{"short key", "", []string{"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA"}, ErrCrypto, ErrCrypto, false},
		{"two answers", "", []string{keyLine(7, sdes.AES128CM80, 1), keyLine(1, sdes.AES128CM80, 2)}, nil, nil, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for mode, want := range map[SRTPMode]error{SRTPOptional: tc.opt, SRTPRequired: tc.req} {
				s := NewSession(1)
				mustOffer(t, s, secured(mode))
				profile := tc.profile
				if profile == "" {
					profile = map[SRTPMode]string{SRTPOptional: "RTP/AVP", SRTPRequired: "RTP/SAVP"}[mode]
				}
				m, err := s.Accept([]byte(body(append([]string{"m=audio 4000 " + profile + " 8"}, tc.keys...)...)))
				if !errors.Is(err, want) || (err == nil) != (want == nil) {
					t.Errorf("%v: %v, want %v", mode, err, want)
				}
				if m.Secure != (tc.secure && err == nil) || err != nil && !s.Pending() {
					t.Errorf("%v: secure %v, pending %v", mode, m.Secure, s.Pending())
				}
			}
		})
	}
	s := NewSession(1)
	mustOffer(t, s, local(SendRecv))
	if _, err := s.Accept([]byte(body("m=audio 4000 RTP/SAVP 8", keyLine(1, sdes.AES128CM80, 1)))); !errors.Is(err, ErrSecureOnly) {
		t.Errorf("SRTP in answer to a plain offer: %v", err)
	}
}

// TestKeysStayAndChange is a call with holds, refreshes, moves and a new far end.
func TestKeysStayAndChange(t *testing.T) {
	for _, mode := range []SRTPMode{SRTPOptional, SRTPRequired} {
		us, them := NewSession(1), NewSession(2)
		near := mustAccept(t, us, first(mustAnswer(t, them, mustOffer(t, us, secured(mode)), secured(mode))))
		hold := secured(mode)
		hold.Direction = SendOnly
		for _, l := range []Local{hold, secured(mode)} { // ours, then theirs
			offer := mustOffer(t, us, l)
			if strings.Count(offer, "a=crypto:") != 1 {
				t.Errorf("a hold offers other keys\n%s", offer)
			}
			answer, far := mustAnswer(t, them, offer, secured(mode))
			m := mustAccept(t, us, answer)
			agree(t, m, far)
			if m.SRTP != near.SRTP {
				t.Errorf("%v: our hold changed the keys", mode)
			}
			answer, far = mustAnswer(t, us, mustOffer(t, them, l), secured(mode))
			agree(t, mustAccept(t, them, answer), far)
			if far.SRTP != near.SRTP {
				t.Errorf("%v: their hold changed the keys", mode)
			}
		}
		refresh, err := us.Refresh()
		if err != nil {
			t.Fatal(err)
		}
		answer, _ := mustAnswer(t, them, string(refresh), secured(mode))
		if m := mustAccept(t, us, answer); m.SRTP != near.SRTP {
			t.Errorf("%v: a refresh changed the keys", mode)
		}

		moved := secured(mode)
		moved.Addr = netip.MustParseAddr("10.0.0.77")
		answer, far := mustAnswer(t, them, mustOffer(t, us, moved), secured(mode))
		m := mustAccept(t, us, answer)
		agree(t, m, far)
		if m.SRTP.LocalKey == near.SRTP.LocalKey || m.SRTP.RemoteKey == near.SRTP.RemoteKey {
			t.Errorf("%v: a new address keeps a key", mode)
		}
		// A transfer at the switch: another party with its own key.
		answer, after := mustAnswer(t, us, body("m=audio 4000 RTP/SAVP 8", keyLine(5, sdes.AES128CM80, 9)), moved)
		if after.SRTP.LocalKey == m.SRTP.LocalKey || !after.Secure {
			t.Errorf("%v: a new party gets the old key", mode)
		}
		again, same := mustAnswer(t, us, body("m=audio 4000 RTP/SAVP 8", keyLine(6, sdes.AES128CM80, 9)), moved)
		if same.SRTP != after.SRTP || !strings.Contains(again, "a=crypto:6 ") || !strings.Contains(answer, "a=crypto:5 ") {
			t.Errorf("%v: another tag changed the keys", mode)
		}
		if _, held := mustAnswer(t, us, strings.ReplaceAll(body("m=audio 4000 RTP/SAVP 8", keyLine(6, sdes.AES128CM80, 9)), "c=IN IP4 192.0.2.1", "c=IN IP4 0.0.0.0"), moved); held.SRTP != after.SRTP {
			t.Errorf("%v: the hold of RFC 2543 changed the keys", mode)
		}
	}
}

func first(a string, _ Media) string { return a }

// TestFallback: an offer with keys is refused with 488, then RTP/SAVP, then plain.
func TestFallback(t *testing.T) {
	s := NewSession(1)
	for i, mode := range []SRTPMode{SRTPOptional, SRTPRequired, SRTPOff} {
		offer := mustOffer(t, s, secured(mode))
		if version(t, offer) != i+1 || strings.Contains(offer, "RTP/SAVP") != (mode == SRTPRequired) || strings.Contains(offer, "crypto") != (mode != SRTPOff) {
			t.Errorf("%v:\n%s", mode, offer)
		}
		if mode != SRTPOff {
			s.Rollback()
		}
	}
	if m := mustAccept(t, s, body("m=audio 4000 RTP/AVP 8")); m.Secure {
		t.Error("secure")
	}
	if again := mustOffer(t, s, secured(SRTPOptional)); strings.Contains(again, "crypto") {
		t.Errorf("a plain call is offered keys again\n%s", again)
	}
}

// TestDowngrade: a far end that leaves the encryption is followed where that is allowed,
// and the truth is told.
func TestDowngrade(t *testing.T) {
	for mode, want := range map[SRTPMode]error{SRTPOptional: nil, SRTPRequired: ErrPlainOnly} {
		s := NewSession(1)
		_, before := mustAnswer(t, s, body("m=audio 4000 RTP/SAVP 8", keyLine(1, sdes.AES128CM80, 1)), secured(mode))
		_, m, err := s.Answer([]byte(body("m=audio 4000 RTP/AVP 8")), secured(mode))
		if !errors.Is(err, want) {
			t.Errorf("%v: %v, want %v", mode, err, want)
		}
		now, _ := s.Media()
		if err != nil && now != before || err == nil && (m.Secure || now.Secure) {
			t.Errorf("%v: %+v", mode, now)
		}
	}
}

func TestLocalSRTP(t *testing.T) {
	for _, change := range []func(*Local){
		func(l *Local) { l.SRTP = -1 }, func(l *Local) { l.SRTP = SRTPRequired + 1 },
		func(l *Local) { l.Suites = []sdes.Suite{"NULL"} }, func(l *Local) { l.Suites = make([]sdes.Suite, maxCrypto+1) },
	} {
		l := secured(SRTPOff)
		change(&l)
		if _, err := NewSession(1).Offer(l); !errors.Is(err, ErrLocal) {
			t.Errorf("%v %v: %v", l.SRTP, l.Suites, err)
		}
	}
	s, l := NewSession(1), secured(SRTPRequired)
	s.random = strings.NewReader("")
	if _, err := s.Offer(l); err == nil || s.Pending() {
		t.Errorf("offer without random octets: %v", err)
	}
	if _, _, err := s.Answer([]byte(body("m=audio 4000 RTP/SAVP 8", keyLine(1, sdes.AES128CM80, 1))), l); err == nil {
		t.Error("answer without random octets")
	}
}

func TestComfortNoise(t *testing.T) {
	l := local(SendRecv, opus, g722, pcma)
	l.ComfortNoise = true
	us, them := NewSession(1), NewSession(2)
	offer := mustOffer(t, us, l)
	if !strings.Contains(offer, "RTP/AVP 96 9 8 13 102 101\r\n") || !strings.Contains(offer, "a=rtpmap:13 CN/8000\r\n") {
		t.Errorf("offer\n%s", offer)
	}
	narrow := local(SendRecv, pcma)
	narrow.ComfortNoise = true
	answer, far := mustAnswer(t, them, offer, narrow)
	near := mustAccept(t, us, answer)
	agree(t, near, far)
	if near.CNSendPT != 13 || near.CNRecvPT != 13 {
		t.Errorf("%+v", near)
	}
	for name, tc := range map[string]struct {
		offer string
		l     Local
	}{
		"not wanted":    {body("m=audio 4000 RTP/AVP 8 13"), local(SendRecv, pcma)},
		"not offered":   {body("m=audio 4000 RTP/AVP 8"), narrow},
		"wide band":     {body("m=audio 4000 RTP/AVP 9 13"), l},
		"another clock": {body("m=audio 4000 RTP/AVP 8 98", "a=rtpmap:98 CN/16000"), narrow},
		"type 0":        {body("m=audio 4000 RTP/AVP 8 0", "a=rtpmap:0 CN/8000"), narrow},
	} {
		if answer, m := mustAnswer(t, NewSession(1), tc.offer, tc.l); m.CNSendPT != 0 || strings.Contains(answer, "CN/") {
			t.Errorf("%s: %d\n%s", name, m.CNSendPT, answer)
		}
	}
	if _, m := mustAnswer(t, NewSession(1), body("m=audio 4000 RTP/AVP 8 97", "a=rtpmap:97 CN/8000"), narrow); m.CNSendPT != 97 {
		t.Errorf("dynamic number: %d", m.CNSendPT)
	}
}

func TestFmtp(t *testing.T) {
	for lines, want := range map[string]string{
		"a=rtpmap:96 opus/48000/2":                                                "",
		"a=rtpmap:96 opus/48000/2|a=fmtp:96 useinbandfec=1; stereo=1":             "useinbandfec=1; stereo=1",
		"a=fmtp:96 usedtx=1|a=rtpmap:96 opus/48000/2|a=fmtp:97 x":                 "usedtx=1",
		"a=rtpmap:96 opus/48000/2|a=fmtp:96 " + strings.Repeat("x", 300):          "",
		"a=rtpmap:96 opus/48000/2|a=fmtp:256 useinbandfec=1|a=fmtp|a=fmtp:junk x": "",
	} {
		offer := body(append([]string{"m=audio 4000 RTP/AVP 96"}, strings.Split(lines, "|")...)...)
		answer, m := mustAnswer(t, NewSession(1), offer, local(SendRecv, opus))
		if m.SendFmtp != want || !strings.Contains(answer, "a=fmtp:96 useinbandfec=1;stereo=0\r\n") {
			t.Errorf("%.90s: %q\n%s", lines, m.SendFmtp, answer)
		}
	}
	_, m := mustAnswer(t, NewSession(1), body("m=audio 4000 RTP/AVP 96", "a=rtpmap:96 opus/48000/2", "a=ptime:60"), local(SendRecv, opus))
	if m.Ptime != 20 {
		t.Errorf("ptime %d", m.Ptime)
	}
}
