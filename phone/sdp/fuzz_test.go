package sdp

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	pion "github.com/pion/sdp/v3"

	"housephone/phone/codec"
)

func seeds(f *testing.F, add func([]byte)) {
	files, err := filepath.Glob("testdata/offers/*.sdp")
	secure, err2 := filepath.Glob("testdata/srtp/offers/*.sdp")
	if err != nil || err2 != nil || len(files) == 0 || len(secure) == 0 {
		f.Fatalf("no seeds: %v, %v", err, err2)
	}
	for _, file := range slices.Concat(files, secure) {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		add(b)
	}
}

// checkMedia holds for every Media.
func checkMedia(t *testing.T, m Media, l Local) {
	t.Helper()
	switch {
	case !slices.Contains(l.Codecs, m.Codec):
		t.Errorf("codec %v is not ours", m.Codec)
	case m.SendPT > maxPayloadType || m.RecvPT > maxPayloadType, m.DTMFSendPT > maxPayloadType, m.DTMFRecvPT > maxPayloadType:
		t.Errorf("payload type out of range: %+v", m)
	case (m.DTMFSendPT < 0) != (m.DTMFRecvPT < 0) || (m.DTMFSendPT < 0) != (m.DTMFClock == 0):
		t.Errorf("half a telephone-event: %+v", m)
	case m.DTMFSendPT == int(m.SendPT) || m.DTMFRecvPT == int(m.RecvPT):
		t.Errorf("audio and telephone-event share a number: %+v", m)
	case m.Remote.Port() == 0 || m.Remote.Addr().IsValid() == (m.RemoteName != ""):
		t.Errorf("address and name: %+v", m)
	case m.Remote.Addr().IsMulticast():
		t.Errorf("multicast: %+v", m)
	case m.Ptime < minPtime || m.Ptime > maxPtime || m.Ptime%10 != 0:
		t.Errorf("ptime %d", m.Ptime)
	case m.Direction.Send() && !l.Direction.Send(), m.Direction.Receive() && !l.Direction.Receive():
		t.Errorf("direction %v goes beyond %v", m.Direction, l.Direction)
	case m.RemoteHold && m.Direction.Send():
		t.Errorf("on hold and yet sending: %+v", m)
	case m.Secure != m.SRTP.On() || m.SRTP.Validate() != nil || m.Secure && l.SRTP == SRTPOff || !m.Secure && l.SRTP == SRTPRequired:
		t.Errorf("mode %v and %v, secure %v", l.SRTP, m.SRTP, m.Secure)
	case m.CNRecvPT != 0 && (m.Codec.SampleRate != 8000 || m.CNRecvPT == m.RecvPT), (m.CNSendPT == 0) != (m.CNRecvPT == 0):
		t.Errorf("comfort noise: %+v", m)
	case m.RTCPMux && m.RTCP != m.Remote:
		t.Errorf("multiplexed to another port: %+v", m)
	}
}

func FuzzAnswer(f *testing.F) {
	seeds(f, func(b []byte) { f.Add(b, byte(0)); f.Add(b, byte(0x50)); f.Add(b, byte(0x20)) })
	f.Add([]byte("v=0\nc=IN IP4 h\nm=audio 1 RTP/AVP 9 9\na=rtpmap:9 pcma\n"), byte(1))
	f.Fuzz(func(t *testing.T, offer []byte, dir byte) {
		l := local(Direction(dir%4), opus, g722, pcma, pcmu)
		l.RTCPMux, l.PreferLocal = dir&4 != 0, dir&8 != 0
		l.SRTP, l.ComfortNoise = SRTPMode((dir>>4&3)%3), dir&0x40 != 0
		s := NewSession(1)
		answer, m, err := s.Answer(offer, l)
		agreesWithStrictParser(t, offer)
		if err != nil {
			return
		}
		checkMedia(t, m, l)
		asked, err := read(offer)
		if err != nil {
			t.Fatal(err)
		}
		told, err := read(answer)
		if err != nil || !sameLines(asked, told) {
			t.Fatalf("lines differ: %v\n%s\n%s", err, offer, answer)
		}
		ours := told.MediaDescriptions[s.now.active]
		for i, line := range told.MediaDescriptions {
			if want := map[bool]int{true: l.Port}[i == s.now.active]; line.MediaName.Port.Value != want {
				t.Errorf("line %d has port %d, want %d", i, line.MediaName.Port.Value, want)
			}
		}
		for _, pt := range ours.MediaName.Formats {
			if !slices.ContainsFunc(asked.MediaDescriptions[s.now.active].MediaName.Formats, func(o string) bool {
				a, _ := readPayloadType(o)
				b, _ := readPayloadType(pt)
				return a == b
			}) {
				t.Errorf("payload type %s was not offered", pt)
			}
		}
		again, _, err := s.Answer(offer, l)
		if err != nil || !bytes.Equal(again, answer) {
			t.Errorf("second answer: %v\n%s", err, again)
		}
		back, err := s.Offer(l)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := read(back); err != nil || !sameLines(asked, d) {
			t.Errorf("re-offer has other lines: %v\n%s", err, back)
		}
	})
}

// sameLines tells whether two descriptions have the same m-lines but for ports and formats.
func sameLines(a, b *pion.SessionDescription) bool {
	return slices.EqualFunc(a.MediaDescriptions, b.MediaDescriptions, func(x, y *pion.MediaDescription) bool {
		return x.MediaName.Media == y.MediaName.Media && slices.Equal(x.MediaName.Protos, y.MediaName.Protos)
	})
}

// agreesWithStrictParser: what the strict parser reads and prints, the tolerant one reads
// with the same m-lines.
func agreesWithStrictParser(t *testing.T, offer []byte) {
	var strict pion.SessionDescription
	if strict.Unmarshal(offer) != nil || len(strict.MediaDescriptions) > maxMedia {
		return
	}
	for _, m := range strict.MediaDescriptions {
		if len(m.MediaName.Formats) == 0 || m.MediaName.Port.Range != nil && *m.MediaName.Port.Range < 1 ||
			slices.ContainsFunc(m.MediaName.Formats, func(s string) bool { return !isToken(s) }) {
			return
		}
	}
	printed, err := strict.Marshal()
	if err != nil || len(printed) > maxBody {
		return
	}
	if d, err := read(printed); err != nil || !sameLines(d, &strict) {
		t.Errorf("a strict parser reads it otherwise: %v\n%q", err, printed)
	}
}

func FuzzAccept(f *testing.F) {
	seeds(f, func(b []byte) { f.Add(b, byte(0)); f.Add(b, byte(0x18)); f.Add(b, byte(0x20)) })
	f.Fuzz(func(t *testing.T, answer []byte, dir byte) {
		l := local(Direction(dir%4), opus, g722, pcma, pcmu)
		l.RTCPMux = dir&4 != 0
		l.SRTP, l.ComfortNoise = SRTPMode((dir>>4&3)%3), dir&8 != 0
		s := NewSession(1)
		mustOffer(t, s, l)
		m, err := s.Accept(answer)
		if err != nil {
			if !s.Pending() {
				t.Error("a refused answer ends the offer")
			}
			return
		}
		checkMedia(t, m, l)
		if now, ok := s.Media(); !ok || now != m || s.Pending() {
			t.Errorf("accepted %+v, agreed %+v", m, now)
		}
	})
}

// FuzzSession lets two sessions talk: each octet is a step of one side.
func FuzzSession(f *testing.F) {
	f.Add([]byte("\x00\x10\x21\x32\x43\x54"))
	f.Add([]byte{0, 0x81, 2, 0x93, 4, 0xa5, 6, 7, 8, 0x19, 0x2a, 0x3b})
	f.Fuzz(func(t *testing.T, steps []byte) {
		sides := [2]*Session{NewSession(1), NewSession(2)}
		pick := [][]codec.Codec{{pcma}, {pcmu, pcma}, {opus, g722, pcma}, {g722, opus, pcmu, pcma}}
		for i, step := range steps[:min(len(steps), 64)] {
			from, to := sides[step&1], sides[step&1^1]
			l := local(Direction(step>>1&3), pick[step>>3&3]...)
			l.RTCPMux = step&0x20 != 0
			l.SRTP, l.ComfortNoise = SRTPMode((i+int(step))%3), step&0x10 != 0
			talk(t, from, to, l, int(step>>6))
		}
	})
}

// talk is one offer from one side: answered, refused, answered early and then refused, or
// a refresh.
func talk(t *testing.T, from, to *Session, l Local, way int) {
	t.Helper()
	before, had := from.Media()
	count, last := len(from.now.lines), from.version
	offer, err := from.Offer(l)
	if way == 3 && had && err == nil {
		from.Rollback()
		offer, err = from.Refresh()
		l = from.now.said.local
	}
	if err != nil {
		t.Fatal(err)
	}
	if from.version < last || from.version > last+2 || len(from.now.lines) < count {
		t.Fatalf("version %d after %d, %d lines after %d", from.version, last, len(from.now.lines), count)
	}
	if way == 1 {
		from.Rollback()
		if now, ok := from.Media(); now != before || ok != had {
			t.Fatalf("rollback gives %+v, want %+v", now, before)
		}
		return
	}
	theirs := local(SendRecv, pcmu, g722, opus, pcma)
	theirs.RTCPMux, theirs.SRTP, theirs.ComfortNoise = true, SRTPOptional, true
	answer, far, err := to.Answer(offer, theirs)
	if err != nil {
		t.Fatalf("our own offer is refused: %v\n%s", err, offer)
	}
	near, err := from.Accept(answer)
	if err != nil {
		t.Fatalf("our own answer is refused: %v\n%s\n%s", err, offer, answer)
	}
	checkMedia(t, near, l)
	if near.Codec != far.Codec || near.SendPT != far.RecvPT || near.RecvPT != far.SendPT || near.DTMFSendPT != far.DTMFRecvPT ||
		near.DTMFRecvPT != far.DTMFSendPT || near.Direction != far.Direction.Reverse() || near.RTCPMux != far.RTCPMux {
		t.Fatalf("the sides disagree:\n%+v\n%+v\n%s\n%s", near, far, offer, answer)
	}
	agree(t, near, far)
	if way == 2 {
		from.Rollback()
		if now, ok := from.Media(); now != before || ok != had {
			t.Fatalf("rollback gives %+v, want %+v", now, before)
		}
	}
}
