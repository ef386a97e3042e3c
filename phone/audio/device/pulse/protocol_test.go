package pulse

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write testdata")

// golden compares with testdata/name.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	text := hex.Dump(got)
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s:\n%s\nwant\n%s", name, text, want)
	}
}

func TestMessages(t *testing.T) {
	golden(t, "playback.hex", (&Stream{name: "speaker", rate: 16000}).playback())
	golden(t, "record.hex", (&Stream{rate: 8000, capture: true}).record())
}

func TestServerStrings(t *testing.T) {
	for _, tc := range []struct {
		text string
		want []address
	}{
		{"/run/x", []address{{"unix", "/run/x"}}},
		{"unix:/run/x", []address{{"unix", "/run/x"}}},
		{"{0a1b}unix:/run/x tcp:nas:4000", []address{{"unix", "/run/x"}, {"tcp", "nas:4000"}}},
		{"nas", []address{{"tcp", "nas:4713"}}},
		{"tcp6:[::1]", []address{{"tcp6", "[::1]:4713"}}},
		{"tcp4:10.0.0.1", []address{{"tcp4", "10.0.0.1:4713"}}},
		{"{0a1b", nil}, {"unix:", nil}, {"  ", nil},
	} {
		if got := parseServer(tc.text); !slices.Equal(got, tc.want) {
			t.Errorf("%q: %v", tc.text, got)
		}
	}
}

func TestAddressesWithoutConfiguration(t *testing.T) {
	env := map[string]string{"XDG_RUNTIME_DIR": "/run/user/7"}
	got := addresses(func(k string) string { return env[k] })
	if got[0] != (address{"unix", "/run/user/7/pulse/native"}) || got[len(got)-1] != (address{"unix", "/run/pulse/native"}) {
		t.Errorf("%v", got)
	}
}

func TestCookie(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "cookie")
	env := func(k string) string {
		if k == "PULSE_COOKIE" {
			return path
		}
		return ""
	}
	if got := cookie(env); len(got) != cookieSize || got[0] != 0 {
		t.Errorf("without a file: %d bytes", len(got))
	}
	if err := os.WriteFile(path, slices.Repeat([]byte{7}, cookieSize), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := cookie(env); got[0] != 7 {
		t.Error("the file is not used")
	}
}

func TestSkipKnowsAllValues(t *testing.T) {
	all := tags(nil).u32(1).str("x").str("").bool(true, false).arbitrary([]byte{1, 2}).mono16(8000).props("a", "b", "c", "")
	all = append(all, tagU8, 1, tagVolume, 0, 0, 0, 1, tagCVolume, 1, 0, 1, 0, 0)
	for _, tag := range []byte{tagU64, tagS64, tagTime, tagUsec} {
		all = append(append(all, tag), make([]byte, 8)...)
	}
	all = append(all, tagFormat, tagU8, 1, tagPropList, tagNullString)
	r := &reader{b: all}
	r.skip(17)
	if r.err != nil || len(r.b) != 0 {
		t.Errorf("%d bytes left, %v", len(r.b), r.err)
	}
	for cut := range all {
		r := &reader{b: all[:cut]}
		r.skip(17)
		if r.err == nil {
			t.Errorf("cut at %d goes unseen", cut)
		}
	}
}

// peer is a server whose answers a test writes.
type peer struct {
	t    *testing.T
	path string
}

// serve answers the first client with what the test gives for each of its commands.
func serve(t *testing.T, answer func(command, tag uint32) []byte) *peer {
	t.Helper()
	p := &peer{t: t, path: filepath.Join(t.TempDir(), "s")}
	l, err := net.Listen("unix", p.path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close() //nolint:errcheck // of a test
		for {
			head := make([]byte, headerSize)
			if _, err := io.ReadFull(c, head); err != nil {
				return
			}
			body := make([]byte, binary.BigEndian.Uint32(head))
			if _, err := io.ReadFull(c, body); err != nil {
				return
			}
			if binary.BigEndian.Uint32(head[4:]) != control {
				continue
			}
			r := &reader{b: body}
			out := answer(r.u32(), r.u32())
			if out == nil {
				return
			}
			if _, err := c.Write(out); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return p
}

func (p *peer) env(key string) string {
	if key == "PULSE_SERVER" {
		return p.path
	}
	return ""
}

func frame(channel uint32, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = binary.BigEndian.AppendUint32(b, channel)
	return append(append(b, make([]byte, 12)...), body...)
}

func reply(tag uint32, values tags) []byte {
	return frame(control, append(tags(nil).u32(cmdReply).u32(tag), values...))
}

// polite answers the log-in.
func polite(command, tag uint32) []byte {
	switch command {
	case cmdAuth:
		return reply(tag, tags(nil).u32(version))
	case cmdSetClientName:
		return reply(tag, tags(nil).u32(1))
	}
	return nil
}

func TestBadServers(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer func(command, tag uint32) []byte
		want   error
	}{
		{"hangs up", func(uint32, uint32) []byte { return nil }, io.EOF},
		{"hangs up in a frame", func(_, tag uint32) []byte { return reply(tag, tags(nil).u32(version))[:25] }, os.ErrDeadlineExceeded},
		{"frame of 4 GiB", func(uint32, uint32) []byte { return slices.Repeat([]byte{0xff}, headerSize) }, ErrProtocol},
		{"refuses", func(_, tag uint32) []byte { return frame(control, tags(nil).u32(cmdError).u32(tag).u32(1)) }, refusal(1)},
		{"too old", func(_, tag uint32) []byte { return reply(tag, tags(nil).u32(8)) }, ErrProtocol},
		{"empty message", func(uint32, uint32) []byte { return frame(control, nil) }, ErrProtocol},
		{"no values", func(command, tag uint32) []byte {
			if b := polite(command, tag); b != nil {
				return b
			}
			return reply(tag, nil)
		}, ErrProtocol},
		{"no such device", func(command, tag uint32) []byte {
			if b := polite(command, tag); b != nil {
				return b
			}
			return frame(control, tags(nil).u32(cmdError).u32(tag).u32(5))
		}, ErrDevice},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := serve(t, tc.answer)
			s, err := Open(t.Context(), p.env, "", false, 8000)
			if err == nil {
				err = s.Start(func([]int16) {})
				_ = s.Close()
			}
			if !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
		})
	}
}

// A server that asks for more than its buffer holds is given no more than that,
// and one that ends the stream ends it.
func TestGreedyServer(t *testing.T) {
	p := serve(t, func(command, tag uint32) []byte {
		if b := polite(command, tag); b != nil {
			return b
		}
		out := reply(tag, tags(nil).u32(3).u32(0).u32(100))
		out = append(out, frame(control, tags(nil).u32(cmdRequest).u32(undefined).u32(3).u32(0xffffffff))...)
		out = append(out, frame(3, make([]byte, 101))...) // sound nobody asked for
		out = append(out, frame(control, tags(nil).u32(99).u32(undefined).str("news"))...)
		return append(out, frame(control, tags(nil).u32(cmdPlaybackKilled).u32(undefined).u32(3))...)
	})
	s, err := Open(t.Context(), p.env, "speaker", false, 8000)
	if err != nil {
		t.Fatal(err)
	}
	given := 0
	if err := s.Start(func(pcm []int16) { given += len(pcm) }); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the stream does not end")
	}
	if !errors.Is(s.Err(), ErrEnded) {
		t.Errorf("%v", s.Err())
	}
	if most := 50 + ceiling*8*int(target.Milliseconds()); given > most || given < 50 {
		t.Errorf("%d samples given, at most %d", given, most)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestNobodyThere(t *testing.T) {
	env := func(key string) string {
		if key == "PULSE_SERVER" {
			return filepath.Join(t.TempDir(), "none")
		}
		return ""
	}
	if _, err := Devices(t.Context(), env); !errors.Is(err, ErrNoServer) || !strings.Contains(err.Error(), "PulseAudio") {
		t.Errorf("%v", err)
	}
}

// FuzzMessages holds that no message of a server does more than fail.
func FuzzMessages(f *testing.F) {
	f.Add([]byte(tags(nil).u32(cmdRequest).u32(undefined).u32(3).u32(100)))
	f.Add([]byte(tags(nil).u32(1).str("mic").str("Microphone").mono16(8000).u32(1).props("a", "b")))
	f.Add([]byte{tagArbitrary, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{tagPropList, tagString, 'a', 0})
	f.Fuzz(func(t *testing.T, body []byte) {
		r := &reader{b: body}
		list, err := parseDevices(r, true, "mic")
		if err == nil && len(list) > len(body) {
			t.Fatalf("%d devices in %d bytes", len(list), len(body))
		}
		s := &Stream{rate: 8000, conn: &Conn{net: discard{}}}
		s.capture = len(body)%2 == 0
		_ = s.obey(3, body, func([]int16) {})
		s.take(body, func(pcm []int16) {
			if len(pcm) != len(body)/2 {
				t.Fatalf("%d samples of %d bytes", len(pcm), len(body))
			}
		})
	})
}

// discard is a connection that takes everything.
type discard struct{ net.Conn }

func (discard) Write(b []byte) (int, error)      { return len(b), nil }
func (discard) SetWriteDeadline(time.Time) error { return nil }
