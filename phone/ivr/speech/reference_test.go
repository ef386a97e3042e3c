//go:build wyoming

package speech

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"housephone/phone/audio"
	"housephone/phone/ivr/wyoming"
)

// python is an interpreter that has the wyoming package: $WYOMING_PYTHON, or
// one in an environment that is made in the cache folder.
func python(t *testing.T) string {
	t.Helper()
	if p := os.Getenv("WYOMING_PYTHON"); p != "" {
		return p
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "housephone-wyoming")
	p := filepath.Join(dir, "bin", "python")
	if exec.CommandContext(t.Context(), p, "-c", "import wyoming.tts").Run() == nil {
		return p
	}
	for _, argv := range [][]string{{"python3", "-m", "venv", dir}, {p, "-m", "pip", "install", "-q", "wyoming==1.10.2"}} {
		if out, err := exec.CommandContext(t.Context(), argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", argv, err, out)
		}
	}
	return p
}

func TestReferenceServer(t *testing.T) {
	for _, args := range [][]string{nil, {"--streaming"}} {
		t.Run(strings.Join(args, ""), func(t *testing.T) {
			cmd := exec.Command(python(t), append([]string{filepath.Join("testdata", "server.py")}, args...)...)
			cmd.Stderr = os.Stderr
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				cmd.Process.Kill() //nolint:errcheck // it may have ended
				cmd.Wait()         //nolint:errcheck // it was killed
			})
			port, err := bufio.NewReader(out).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			s, err := NewServer("wyoming://127.0.0.1:" + strings.TrimSpace(port))
			if err != nil {
				t.Fatal(err)
			}
			voices, err := s.Voices(t.Context())
			if err != nil || !slices.Equal(voices, []string{"english", "german"}) {
				t.Errorf("%v %v", voices, err)
			}
			var lengths []int
			for _, voice := range []string{"default", "english", "german", "de"} {
				sound, err := s.Speak(t.Context(), "The door is open: Grüß Gott", voice)
				if err != nil || sound.Rate != 22050 || audio.Level(sound.PCM) < -40 {
					t.Fatalf("%s: %d samples at %d Hz, %v", voice, len(sound.PCM), sound.Rate, err)
				}
				lengths = append(lengths, len(sound.PCM))
			}
			if lengths[0] != lengths[1] || lengths[2] != lengths[3] || lengths[1] == lengths[2] {
				t.Errorf("lengths by voice: %v", lengths)
			}
			if _, err := s.Speak(t.Context(), "hello", "nobody"); !errors.Is(err, ErrVoice) {
				t.Errorf("unknown voice: %v", err)
			}
			if _, err := s.Speak(t.Context(), "please fail", "german"); !errors.Is(err, wyoming.ServerError{Text: "the model is broken", Code: "model"}) {
				t.Errorf("error event: %v", err)
			}
			begin := time.Now()
			sp := speaker(t, Config{Engines: []Engine{s, Espeak{}}})
			if got, err := speak(t, sp, "please fail. And go on.", ""); err != nil || len(got) != 2 {
				t.Errorf("%v %v after %v", got, err, time.Since(begin))
			}
		})
	}
}
