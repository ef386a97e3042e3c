package speech

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"housephone/phone/audio"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSentences(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"Hello.", "Hello."},
		{"  Hello\r\n\tworld!  Who's there? ", "Hello world!|Who's there?"},
		{"It is 21.5 degrees. Door open", "It is 21.5 degrees.|Door open"},
		{"Dr. Who, z. B. am 3. Mai. Ende", "Dr. Who, z. B. am 3. Mai.|Ende"},
		{"Wait... what?! Yes.", "Wait...|what?!|Yes."},
		{"今日は。元気？はい", "今日は。|元気？|はい"},
		{"bad \xff utf-8 \x00 here", "bad utf-8 here"},
		{strings.Repeat("word ", 30), strings.TrimSpace(strings.Repeat("word ", 24)) + "|" + strings.TrimSpace(strings.Repeat("word ", 6))},
		{"first part, " + strings.Repeat("word ", 25), "first part,|" + strings.TrimSpace(strings.Repeat("word ", 25))},
		{strings.Repeat("x", 400), strings.Repeat("x", 120) + "|" + strings.Repeat("x", 240) + "|" + strings.Repeat("x", 40)},
	} {
		text, err := clean(tc.text)
		if err != nil {
			t.Fatalf("%q: %v", tc.text, err)
		}
		if got := strings.Join(sentences(text), "|"); got != tc.want {
			t.Errorf("%q:\n%s\nwant\n%s", tc.text, got, tc.want)
		}
	}
	for text, want := range map[string]error{"": ErrText, "-\n.!?": ErrText, strings.Repeat("a", 100_000): ErrTooLong} {
		if _, err := clean(text); !errors.Is(err, want) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

// FuzzSentences: nothing that can be spoken is lost, and pieces are short.
func FuzzSentences(f *testing.F) {
	f.Add("Hello. It is 3.5 degrees, or more! 今日は。")
	f.Fuzz(func(t *testing.T, text string) {
		line, err := clean(text)
		if err != nil {
			return
		}
		parts := sentences(line)
		joined := strings.ReplaceAll(strings.Join(parts, ""), " ", "")
		if joined != strings.ReplaceAll(line, " ", "") {
			t.Errorf("%q became %q", line, parts)
		}
		for _, p := range parts {
			if n := len([]rune(p)); n == 0 || n > maxSentence {
				t.Errorf("piece of %d characters", n)
			}
		}
	})
}

// fake is an engine of the test's making.
type fake struct {
	name  string
	knows []string
	speak func(ctx context.Context, text string) (Sound, error)

	mu    sync.Mutex
	asked []string
}

func (f *fake) Name() string { return f.name }

func (f *fake) Speak(ctx context.Context, text, voice string) (Sound, error) {
	f.mu.Lock()
	f.asked = append(f.asked, voice+":"+text)
	f.mu.Unlock()
	if voice != DefaultVoice && !slices.Contains(f.knows, voice) {
		return Sound{}, fmt.Errorf("%q: %w", voice, ErrVoice)
	}
	return f.speak(ctx, text)
}

func (f *fake) Voices(context.Context) ([]string, error) { return f.knows, nil }

// says gives as many samples of the value as the text has bytes, at 8000 Hz.
func says(value int16) func(context.Context, string) (Sound, error) {
	return func(_ context.Context, text string) (Sound, error) {
		return Sound{slices.Repeat([]int16{value}, len(text)), 8000}, nil
	}
}

func fails(context.Context, string) (Sound, error) { return Sound{}, errors.New("status 500") }

func hangs(ctx context.Context, _ string) (Sound, error) {
	<-ctx.Done()
	return Sound{}, ctx.Err()
}

// speak returns the first sample of each sentence.
func speak(t *testing.T, s *Speaker, text, voice string) ([]int16, error) {
	t.Helper()
	var first []int16
	err := s.Speak(t.Context(), Request{Text: text, Voice: voice, Rate: 8000}, func(pcm []int16) error {
		first = append(first, pcm[0])
		return nil
	})
	return first, err
}

func speaker(t *testing.T, cfg Config) *Speaker {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestNextEngineSpeaks: whatever one engine does wrong, every sentence is spoken
// once, and the failure is told.
func TestNextEngineSpeaks(t *testing.T) {
	for name, first := range map[string]func(context.Context, string) (Sound, error){
		"fails":    fails,
		"hangs":    hangs,
		"silent":   func(context.Context, string) (Sound, error) { return Sound{Rate: 8000}, nil },
		"bad rate": func(context.Context, string) (Sound, error) { return Sound{[]int16{1}, 3}, nil },
		"endless":  func(context.Context, string) (Sound, error) { return Sound{make([]int16, 121*8000), 8000}, nil },
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Unix(0, 0)
			a, b := &fake{name: "a", speak: first}, &fake{name: "b", speak: says(2)}
			var told []string
			s := speaker(t, Config{
				Engines: []Engine{a, b}, Timeout: 50 * time.Millisecond, Now: func() time.Time { return now },
				Failed: func(engine string, err error) {
					told = append(told, engine)
					if !errors.Is(err, ErrEngine) {
						t.Errorf("told %v", err)
					}
				},
			})
			got, err := speak(t, s, "One here. Two here.", "")
			if err != nil || !slices.Equal(got, []int16{2, 2}) || !slices.Equal(told, []string{"a"}) || len(a.asked) != 1 {
				t.Errorf("%v %v told %v asked %v", got, err, told, a.asked)
			}
			now = now.Add(31 * time.Second) // the rest is over
			if _, err := speak(t, s, "Three here.", ""); err != nil || len(a.asked) != 2 {
				t.Errorf("%v, asked %v", err, a.asked)
			}
		})
	}
}

func TestAllEnginesFail(t *testing.T) {
	told := 0
	s := speaker(t, Config{Engines: []Engine{&fake{name: "a", speak: fails}, &fake{name: "b", speak: fails}}, Failed: func(string, error) { told++ }})
	got, err := speak(t, s, "Hello there.", "")
	if !errors.Is(err, ErrEngine) || len(got) != 0 || told != 2 {
		t.Errorf("%v %v, %d told", got, err, told)
	}
}

func TestVoices(t *testing.T) {
	a := &fake{name: "a", knows: []string{"amy", "bad/../name"}, speak: says(1)}
	b := &fake{name: "b", knows: []string{"de", "amy"}, speak: says(2)}
	s := speaker(t, Config{Engines: []Engine{a, b}, Now: func() time.Time { return time.Time{} }})
	if got := s.Voices(t.Context()); !slices.Equal(got, []string{"default", "amy", "de"}) {
		t.Errorf("voices %v", got)
	}
	for voice, want := range map[string]int16{"": 1, "default": 1, "amy": 1, "de": 2} {
		if got, err := speak(t, s, "Hello there.", voice); err != nil || got[0] != want {
			t.Errorf("%s: %v %v", voice, got, err)
		}
	}
	for _, voice := range []string{"nobody", "-v", "../x", "a b", "x;y", strings.Repeat("x", 65), "\x00"} {
		if _, err := speak(t, s, "Hello there.", voice); !errors.Is(err, ErrVoice) {
			t.Errorf("%.10q: %v", voice, err)
		}
	}
	a.speak = fails
	if got, err := speak(t, s, "Something else.", "amy"); err != nil || got[0] != 2 {
		t.Errorf("amy of the other engine: %v %v", got, err)
	}
	a.knows = append(a.knows, "only")
	if got, err := speak(t, s, "Something else.", "only"); err != nil || got[0] != 2 {
		t.Errorf("a voice of a dead engine: %v %v", got, err)
	}
}

// TestFirstSentenceIsEarly: the first sentence is heard before the second is made.
func TestFirstSentenceIsEarly(t *testing.T) {
	heard := make(chan struct{})
	e := &fake{name: "a", speak: func(ctx context.Context, text string) (Sound, error) {
		if strings.HasPrefix(text, "Second") {
			select {
			case <-heard:
			case <-ctx.Done():
				return Sound{}, ctx.Err()
			}
		}
		return Sound{[]int16{1}, 8000}, nil
	}}
	s := speaker(t, Config{Engines: []Engine{e}})
	n := 0
	if err := s.Speak(t.Context(), Request{Text: "First one. Second one.", Rate: 8000}, func([]int16) error {
		if n++; n == 1 {
			close(heard)
		}
		return nil
	}); err != nil || n != 2 {
		t.Errorf("%d sentences, %v", n, err)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	told := 0
	s := speaker(t, Config{
		Engines: []Engine{&fake{name: "a", speak: func(ctx context.Context, _ string) (Sound, error) { cancel(); return hangs(ctx, "") }}, &fake{name: "b", speak: says(1)}},
		Failed:  func(string, error) { told++ },
	})
	err := s.Speak(ctx, Request{Text: "Hello there.", Rate: 8000}, func([]int16) error { return nil })
	if !errors.Is(err, context.Canceled) || told != 0 {
		t.Errorf("%v, %d told", err, told)
	}
	stop := errors.New("stop")
	s = speaker(t, Config{Engines: []Engine{&fake{name: "b", speak: says(1)}}})
	if err := s.Speak(t.Context(), Request{Text: "a b. c d.", Rate: 8000}, func([]int16) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error of emit: %v", err)
	}
}

func TestEspeak(t *testing.T) {
	e := Espeak{}
	for _, voice := range []string{"default", "de", "en-gb+f3"} {
		sound, err := e.Speak(t.Context(), "-v $(touch /tmp/never); `id` the [[door]] is open", voice)
		if err != nil || audio.Level(sound.PCM) < -40 || len(sound.PCM) < sound.Rate {
			t.Errorf("%s: %d samples at %g dBFS, %v", voice, len(sound.PCM), audio.Level(sound.PCM), err)
		}
	}
	for _, voice := range []string{"klingon-in-lower-saxony", "../../x", "-h"} {
		if _, err := e.Speak(t.Context(), "hello", voice); !errors.Is(err, ErrVoice) {
			t.Errorf("%s: %v", voice, err)
		}
	}
	voices, err := e.Voices(t.Context())
	if err != nil || !slices.Contains(voices, "de") || len(voices) < 50 {
		t.Errorf("%d voices, %v", len(voices), err)
	}
	if _, err := (Espeak{Path: "no-such-espeak"}).Speak(t.Context(), "hello", "default"); err == nil {
		t.Error("a program that is not there spoke")
	}
}

func TestParseCommand(t *testing.T) {
	for line, want := range map[string][]string{
		`piper -m x.onnx`:                  {"piper", "-m", "x.onnx"},
		`  "a b"  'c "d' e"f g"h "" `:      {"a b", `c "d`, "ef gh", ""},
		"say\t--voice={voice} $(id) | tee": {"say", "--voice={voice}", "$(id)", "|", "tee"},
	} {
		if c, err := ParseCommand(line); err != nil || !slices.Equal(c.argv, want) {
			t.Errorf("%q: %q, %v", line, c.argv, err)
		}
	}
	for _, line := range []string{"", "  ", `say "x`, `""`, "{voice}", "a\x00b"} {
		if _, err := ParseCommand(line); !errors.Is(err, ErrCommand) {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func TestCommand(t *testing.T) {
	command := func(line string) Command {
		c, err := ParseCommand(line)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := command("espeak-ng -v {voice} --stdin --stdout")
	if sound, err := c.Speak(t.Context(), "guten Tag", "de"); err != nil || len(sound.PCM) < 1000 {
		t.Errorf("%d samples, %v", len(sound.PCM), err)
	}
	for line, voice := range map[string]string{"espeak-ng --stdin --stdout": "de", "espeak-ng -v {voice}": "a b"} {
		if _, err := command(line).Speak(t.Context(), "x", voice); !errors.Is(err, ErrVoice) {
			t.Errorf("%s with %q: %v", line, voice, err)
		}
	}
	_, err := command(`sh -c 'echo out of memory >&2; exit 3'`).Speak(t.Context(), "x", "default")
	if err == nil || !strings.Contains(err.Error(), "out of memory") || !strings.Contains(err.Error(), "3") {
		t.Errorf("a program that fails: %v", err)
	}
	for _, line := range []string{"true", "echo hello", "head -c 50000000 /dev/zero", "yes"} {
		if _, err := command(line).Speak(t.Context(), "x", "default"); err == nil {
			t.Errorf("%s spoke", line)
		}
	}
}

// TestHangingCommand: the program is killed together with its children.
func TestHangingCommand(t *testing.T) {
	pid := filepath.Join(t.TempDir(), "pid")
	c, err := ParseCommand(`sh -c 'sleep 600 & echo $! > ` + pid + `; wait'`)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for range 500 {
			if b, _ := os.ReadFile(pid); len(b) > 0 {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	begin := time.Now()
	if _, err := c.Speak(ctx, "x", "default"); err == nil || time.Since(begin) > 60*time.Second {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
	b, err := os.ReadFile(pid)
	if err != nil {
		t.Fatal(err)
	}
	status := filepath.Join("/proc", strings.TrimSpace(string(b)), "cmdline")
	for range 500 { // killed is not yet gone; a zombie has an empty command line
		if b, err := os.ReadFile(status); err != nil || len(b) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("the child %s lives on", b)
}

func TestServerAddress(t *testing.T) {
	for address, ok := range map[string]bool{
		"wyoming://piper:10200": true, "tcp://[::1]:10200": true, "unix:///run/piper.sock": true, "wyoming://h:1/": true,
		"": false, "wyoming://piper": false, "http://piper:1": false, "piper:10200": false, "unix://x/y": false, "wyoming://u:p@h:1": false, "wyoming://h:1/x": false,
	} {
		if _, err := NewServer(address); (err == nil) != ok || err != nil && !errors.Is(err, ErrURL) {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// serve is a Wyoming server that answers each connection with the next script.
func serve(t *testing.T, handle func(n int, c net.Conn)) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { handle(n, c); _ = c.Close() })
		}
	})
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	s, err := NewServer("wyoming://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const piper = `{"type":"info","data":{"tts":[{"name":"piper","installed":true,"voices":[` +
	`{"name":"en_US-amy","languages":["en_US"],"installed":true},{"name":"de_DE-thorsten","languages":["de_DE"],"installed":true},` +
	`{"name":"fr_FR-x","languages":["fr_FR"],"installed":false}]}]}}` + "\n"

func TestServer(t *testing.T) {
	var mu sync.Mutex
	var requests []string
	s := serve(t, func(_ int, c net.Conn) {
		b := make([]byte, 4096)
		n, _ := c.Read(b)
		mu.Lock()
		requests = append(requests, string(b[:n]))
		mu.Unlock()
		answer := piper
		if strings.Contains(string(b[:n]), "synthesize") {
			answer = `{"type":"audio-chunk","data":{"rate":16000,"width":2,"channels":1},"payload_length":4}` + "\n\x01\x00\x02\x00" + `{"type":"audio-stop"}` + "\n"
		}
		c.Write([]byte(answer)) //nolint:errcheck // the client notices
	})
	for voice, want := range map[string]string{"default": `{"text":"hi"}`, "en_US-amy": `"name":"en_US-amy"`, "de": `"name":"de_DE-thorsten"`, "de-de": `"name":"de_DE-thorsten"`} {
		sound, err := s.Speak(t.Context(), "hi", voice)
		mu.Lock()
		last := requests[len(requests)-1]
		mu.Unlock()
		if err != nil || !slices.Equal(sound.PCM, []int16{1, 2}) || sound.Rate != 16000 || !strings.Contains(last, want) {
			t.Errorf("%s: %v %v, sent %s", voice, sound, err, last)
		}
	}
	for _, voice := range []string{"fr", "d", "en_GB"} {
		if _, err := s.Speak(t.Context(), "hi", voice); !errors.Is(err, ErrVoice) {
			t.Errorf("%s: %v", voice, err)
		}
	}
	voices, err := s.Voices(t.Context())
	if err != nil || !slices.Equal(voices, []string{"en_US-amy", "de_DE-thorsten"}) {
		t.Errorf("%v %v", voices, err)
	}
	if n := strings.Count(strings.Join(requests, ""), "describe"); n != 1 {
		t.Errorf("described %d times", n)
	}
}

// TestHalfDeadServer: it takes connections and requests and says nothing, or
// only half of it.
func TestHalfDeadServer(t *testing.T) {
	for name, says := range map[string]string{
		"nothing": "", "half an answer": piper[:40], "info only": piper,
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(n int, c net.Conn) {
				if n == 0 {
					c.Write([]byte(says)) //nolint:errcheck // the client notices
				}
				b := make([]byte, 4096)
				for {
					if _, err := c.Read(b); err != nil {
						return
					}
				}
			})
			var told []error
			sp := speaker(t, Config{
				Engines: []Engine{s, &fake{name: "b", speak: says2}}, Timeout: 200 * time.Millisecond,
				Failed: func(_ string, err error) { told = append(told, err) },
			})
			got, err := speak(t, sp, "Hello there.", "")
			if err != nil || !slices.Equal(got, []int16{2}) || len(told) != 1 || !strings.Contains(told[0].Error(), "no sound within") {
				t.Errorf("%v %v, told %v", got, err, told)
			}
		})
	}
}

func says2(ctx context.Context, text string) (Sound, error) { return says(2)(ctx, text) }
