package sdp

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	pion "github.com/pion/sdp/v3"

	"housephone/phone/codec"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	pcma = codec.Codec{Name: "PCMA", PayloadType: 8, ClockRate: 8000, SampleRate: 8000, Channels: 1}
	pcmu = codec.Codec{Name: "PCMU", PayloadType: 0, ClockRate: 8000, SampleRate: 8000, Channels: 1}
	g722 = codec.Codec{Name: "G722", PayloadType: 9, ClockRate: 8000, SampleRate: 16000, Channels: 1}
	opus = codec.Codec{Name: "opus", PayloadType: 96, ClockRate: 48000, SampleRate: 48000, Channels: 1}
)

// home is what the golden files answer with.
func home() Local {
	return Local{
		Addr: netip.MustParseAddr("192.168.178.50"), Port: 16384,
		Codecs: []codec.Codec{opus, g722, pcma, pcmu}, DTMF: true, RTCPMux: true,
	}
}

func readOffer(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "offers", name))
	if err != nil {
		t.Fatal(err)
	}
	return []byte(strings.ReplaceAll(string(b), "\n", "\r\n"))
}

func (m Media) describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "remote %v %s rtcp %v mux %v\n", m.Remote, m.RemoteName, m.RTCP, m.RTCPMux)
	fmt.Fprintf(&b, "codec %v send %d receive %d ptime %d\n", m.Codec, m.SendPT, m.RecvPT, m.Ptime)
	fmt.Fprintf(&b, "dtmf send %d receive %d clock %d\n", m.DTMFSendPT, m.DTMFRecvPT, m.DTMFClock)
	fmt.Fprintf(&b, "%v hold %v secure %v video %v\n", m.Direction, m.RemoteHold, m.Secure, m.Video)
	return b.String()
}

func compareGolden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", path, d)
	}
}

// checkWire checks what every body of ours has, by the strict parser where it knows the media.
func checkWire(t testing.TB, body []byte) *pion.SessionDescription {
	t.Helper()
	text := string(body)
	if strings.Count(text, "\n") != strings.Count(text, "\r\n") || !strings.HasSuffix(text, "\r\n") {
		t.Errorf("line ends: %q", text)
	}
	if !strings.Contains(text, "m=image") && !strings.Contains(text, "rtp/avp") {
		if err := new(pion.SessionDescription).UnmarshalString(text); err != nil {
			t.Errorf("refused by a strict parser: %v\n%s", err, text)
		}
	}
	d, err := read(body)
	if err != nil {
		t.Fatalf("cannot read our own: %v\n%s", err, text)
	}
	return d
}

func TestGoldenAnswers(t *testing.T) {
	files, err := filepath.Glob("testdata/offers/*.sdp")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d offers, %v", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(strings.TrimSuffix(name, ".sdp"), func(t *testing.T) {
			s := NewSession(4711)
			offer := readOffer(t, name)
			answer, media, err := s.Answer(offer, home())
			if err != nil {
				t.Fatal(err)
			}
			checkWire(t, answer)
			compareGolden(t, filepath.Join("testdata", "answers", name),
				strings.ReplaceAll(string(answer), "\r\n", "\n")+"\n"+media.describe())
			again, media2, err := s.Answer(offer, home())
			if err != nil || string(again) != string(answer) || media2 != media {
				t.Errorf("the same offer is answered otherwise: %v\n%s", err, again)
			}
			unended := []byte(strings.TrimSuffix(strings.ReplaceAll(string(offer), "\r\n", "\n"), "\n"))
			lf, _, err := NewSession(4711).Answer(unended, home())
			if err != nil || string(lf) != string(answer) {
				t.Errorf("LF only and no last newline are answered otherwise: %v\n%s", err, lf)
			}
		})
	}
}

func TestGoldenOffer(t *testing.T) {
	s := NewSession(4711)
	l := home()
	l.SessionName = "housephone"
	offer, err := s.Offer(l)
	if err != nil {
		t.Fatal(err)
	}
	checkWire(t, offer)
	compareGolden(t, "testdata/offer.sdp", strings.ReplaceAll(string(offer), "\r\n", "\n"))
}
