package prompt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"housephone/phone/audio"
	"housephone/phone/ivr/internal/wave"
)

func sine(rate int, seconds float64) []int16 {
	pcm := make([]int16, int(seconds*float64(rate)))
	for i := range pcm {
		pcm[i] = int16(8000 * math.Sin(2*math.Pi*440*float64(i)/float64(rate)))
	}
	return pcm
}

func writeWAV(t *testing.T, path string, pcm []int16, rate int) {
	t.Helper()
	var b bytes.Buffer
	if err := wave.Write(&b, pcm, rate); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, dir string, cfg Config) *Store {
	t.Helper()
	s, err := Open(dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestEncodings loads what sox writes.
func TestEncodings(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Config{})
	for _, tc := range []struct{ name, args string }{
		{"8bit", "-r 8000 -b 8 -e unsigned"},
		{"16bit", "-r 22050 -b 16 -e signed"},
		{"24bit", "-r 48000 -b 24 -e signed"},
		{"stereo", "-r 44100 -c 2 -b 16 -e signed"},
		{"alaw", "-r 8000 -e a-law"},
		{"ulaw", "-r 16000 -e u-law"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file := tc.name + ".wav"
			line := fmt.Sprintf("sox -n %s %s synth 1 sine 440 vol 0.5", tc.args, filepath.Join(dir, file))
			if out, err := exec.CommandContext(t.Context(), "sh", "-c", line).CombinedOutput(); err != nil {
				t.Fatalf("sox: %v: %s", err, out)
			}
			for _, rate := range []int{8000, 16000, 48000} {
				pcm, err := s.Load(file, rate)
				if err != nil {
					t.Fatal(err)
				}
				if len(pcm) < rate*99/100 || len(pcm) > rate*101/100 {
					t.Errorf("%d samples at %d Hz", len(pcm), rate)
				}
				middle := pcm[rate/4 : rate*3/4]
				if level := audio.ToneLevel(middle, rate, 440); math.Abs(level+6) > 1 {
					t.Errorf("440 Hz at %g dBFS, rate %d", level, rate)
				}
				if level := audio.Level(middle); math.Abs(level+6) > 1 {
					t.Errorf("level %g dBFS", level)
				}
			}
		})
	}
}

func TestRefused(t *testing.T) {
	outside := t.TempDir()
	writeWAV(t, filepath.Join(outside, "secret.wav"), sine(8000, 0.1), 8000)
	dir := filepath.Join(outside, "media")
	for _, d := range []string{dir, filepath.Join(dir, "folder")} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"link.wav": "../secret.wav", "up": "..", "absolute.wav": filepath.Join(outside, "secret.wav")} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.wav"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"empty.wav": "", "text.wav": "hello, this is no sound", "cut.wav": "RIFF\x24\x00\x00\x00WAVEfmt ",
		"music.mp3": "ID3\x04\x00\x00", "frame.mp3": "\xff\xfb\x90\x00",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	writeWAV(t, filepath.Join(dir, "nothing.wav"), nil, 8000)
	writeWAV(t, filepath.Join(dir, "long.wav"), sine(8000, 3), 8000)
	writeWAV(t, filepath.Join(dir, "good.wav"), sine(8000, 0.1), 8000)
	if err := os.Symlink("good.wav", filepath.Join(dir, "inside.wav")); err != nil {
		t.Fatal(err)
	}

	s := open(t, dir, Config{MaxSeconds: 2})
	for name, want := range map[string]error{
		"": ErrName, "../secret.wav": ErrName, "/etc/passwd": ErrName, "folder/../../secret.wav": ErrName,
		"link.wav": ErrName, "up/secret.wav": ErrName, "absolute.wav": ErrName,
		"none.wav": ErrNotFound, "folder/none.wav": ErrNotFound,
		"folder": ErrFormat, "pipe.wav": ErrFormat, "empty.wav": ErrFormat, "text.wav": ErrFormat, "cut.wav": ErrFormat,
		"nothing.wav": ErrFormat, "music.mp3": ErrNoDecoder, "frame.mp3": ErrNoDecoder, "long.wav": ErrTooLong,
		"good.wav": nil, "inside.wav": nil, "folder/../good.wav": nil,
	} {
		if _, err := s.Load(name, 8000); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", name, err, want)
		}
	}
	if _, err := s.Load("a\x00b", 8000); err == nil {
		t.Error("name with a NUL loaded")
	}
	if _, err := s.Load("good.wav", 12); !errors.Is(err, audio.ErrRate) {
		t.Errorf("rate 12: %v", err)
	}
}

// TestDecodedOnce: any number of callers share one decoding, until the file changes.
func TestDecodedOnce(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.wav")
	writeWAV(t, file, sine(22050, 1), 22050)
	s := open(t, dir, Config{})
	var all sync.WaitGroup
	got := make([][]int16, 8)
	for i := range got {
		all.Go(func() {
			pcm, err := s.Load("./a.wav", 8000)
			if err != nil {
				t.Error(err)
			}
			got[i] = pcm
		})
	}
	all.Wait()
	if n := s.Decoded(); n != 1 {
		t.Errorf("decoded %d times", n)
	}
	for _, pcm := range got {
		if &pcm[0] != &got[0][0] {
			t.Fatal("a copy each")
		}
	}
	writeWAV(t, file, sine(22050, 2), 22050)
	if err := os.Chtimes(file, time.Time{}, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	pcm, err := s.Load("a.wav", 8000)
	if err != nil || len(pcm) < 15000 {
		t.Errorf("%d samples of the new file, %v", len(pcm), err)
	}
	if s.CachedBytes() != int64(2*len(pcm)) {
		t.Errorf("%d bytes cached for %d samples", s.CachedBytes(), len(pcm))
	}
}

// TestCacheIsBounded: what was not used longest makes room.
func TestCacheIsBounded(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.wav", "b.wav", "c.wav", "huge.wav"} {
		seconds := 1.0
		if name == "huge.wav" {
			seconds = 10
		}
		writeWAV(t, filepath.Join(dir, name), sine(8000, seconds), 8000)
	}
	s := open(t, dir, Config{CacheBytes: 40000}) // two of 16000
	for i, step := range []struct {
		name    string
		decoded uint64
	}{{"a.wav", 1}, {"b.wav", 2}, {"a.wav", 2}, {"c.wav", 3}, {"a.wav", 3}, {"b.wav", 4}, {"huge.wav", 5}, {"huge.wav", 6}, {"b.wav", 6}} {
		if _, err := s.Load(step.name, 8000); err != nil {
			t.Fatal(err)
		}
		if s.Decoded() != step.decoded || s.CachedBytes() > 40000 {
			t.Errorf("step %d, %s: decoded %d times, want %d; %d bytes", i, step.name, s.Decoded(), step.decoded, s.CachedBytes())
		}
	}
}

func TestMP3Decoder(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.mp3"), []byte("ID3 and so on"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, Config{MP3: func(r io.Reader, limit int) ([]int16, int, error) {
		head := make([]byte, 3)
		if _, err := io.ReadFull(r, head); err != nil || string(head) != "ID3" || limit != 1800 {
			t.Errorf("decoder got %q, limit %d, %v", head, limit, err)
		}
		return sine(44100, 1), 44100, nil
	}})
	if pcm, err := s.Load("a.mp3", 8000); err != nil || len(pcm) != 8000 {
		t.Errorf("%d samples, %v", len(pcm), err)
	}
}

func TestConfig(t *testing.T) {
	if _, err := Open(t.TempDir(), Config{CacheBytes: -1}); err == nil {
		t.Error("negative cache accepted")
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none"), Config{}); err == nil {
		t.Error("missing folder accepted")
	}
}

// FuzzLoad: no file content does harm, and what is loaded is within the limit.
func FuzzLoad(f *testing.F) {
	var b bytes.Buffer
	if err := wave.Write(&b, sine(8000, 0.01), 8000); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(append(binary.LittleEndian.AppendUint32([]byte("RIFF"), math.MaxUint32), "WAVEdata\xff\xff\xff\xff"...))
	f.Add([]byte("ID3"))
	s := &Store{cfg: Config{MaxSeconds: 5}}
	f.Fuzz(func(t *testing.T, data []byte) {
		pcm, err := s.decode(bytes.NewReader(data), "x", 8000)
		if (err == nil) != (len(pcm) > 0) || len(pcm) > 6*8000 {
			t.Errorf("%d samples, %v", len(pcm), err)
		}
	})
}
