package media

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"housephone/phone/sdes"
)

var update = flag.Bool("update", false, "record the golden files anew with ffmpeg")

// ffmpegKey is the key that the golden files are encrypted with.
func ffmpegKey() sdes.Key {
	octets := make([]byte, 30)
	for i := range octets {
		octets[i] = byte(200 - 3*i)
	}
	return sdes.KeyOf(octets)
}

// recordFFmpeg writes the datagrams of 1.6 s of a tone, a length before each, over a roll
// of the sequence number.
func recordFFmpeg(t *testing.T, suite sdes.Suite, path string) {
	t.Helper()
	peer := listenRaw(t)
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-nostdin",
		"-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=8000:duration=1.6", "-af", "asetnsamples=160", "-c:a", "pcm_mulaw",
		"-f", "rtp", "-seq", "65516", "-ssrc", "1234567", "-srtp_out_suite", string(suite),
		"-srtp_out_params", base64.StdEncoding.EncodeToString(ffmpegKey().Octets()),
		fmt.Sprintf("srtp://127.0.0.1:%d?pkt_size=200", peer.port()))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	var all []byte
	buf := make([]byte, 2048)
	for {
		_ = peer.rtp.SetReadDeadline(time.Now().Add(300 * ms))
		n, err := peer.rtp.Read(buf)
		if err != nil {
			break
		}
		all = append(binary.BigEndian.AppendUint16(all, uint16(n)), buf[:n]...)
	}
	if err := os.WriteFile(path, all, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestFFmpegIsUnderstood plays what another implementation has encrypted.
func TestFFmpegIsUnderstood(t *testing.T) {
	for _, suite := range []sdes.Suite{sdes.AES128CM80, sdes.AES128CM32} {
		path := filepath.Join("testdata", "ffmpeg-"+string(suite)+".srtp")
		if *update {
			recordFFmpeg(t, suite, path)
		}
		recorded, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s, p := idle(t, 4000), params(t, 4000)
		k := keys(t, suite)
		k.RemoteKey = ffmpegKey()
		apply(t, s, secure(t, p, k))
		var got recorder
		s.SetSink(&got)
		packets, rolled := 0, false
		for len(recorded) > 2 {
			n := int(binary.BigEndian.Uint16(recorded))
			raw := bytes.Clone(recorded[2 : 2+n])
			recorded = recorded[2+n:]
			rolled = rolled || binary.BigEndian.Uint16(raw[2:]) == 0
			now := time.Duration(packets) * 20 * ms
			s.receiveRTP(raw, netip.AddrPortFrom(p.Remote.Addr(), p.Remote.Port()), now)
			s.play(now + 10*ms)
			packets++
		}
		if st := s.Stats(); packets < 60 || !rolled || st.Received != uint64(packets) || st.AuthFailed != 0 {
			t.Errorf("%s: %d of %d packets, %d refused, rolled %v", suite, st.Received, packets, st.AuthFailed, rolled)
		}
		if !hears(&got, 440)() {
			t.Errorf("%s: no tone", suite)
		}
	}
}
