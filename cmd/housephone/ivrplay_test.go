package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"housephone/phone/audio"
	"housephone/phone/ivr/prompt"
	"housephone/phone/ivr/speech"
	"housephone/topics"
)

// slowSpeaker is an engine that speaks when it is let.
type slowSpeaker struct{ let chan struct{} }

func (*slowSpeaker) Name() string                             { return "slow" }
func (*slowSpeaker) Voices(context.Context) ([]string, error) { return nil, nil }

func (e *slowSpeaker) Speak(ctx context.Context, _, _ string) (speech.Sound, error) {
	select {
	case <-e.let:
		return speech.Sound{PCM: make([]int16, 8000), Rate: 8000}, nil
	case <-ctx.Done():
		return speech.Sound{}, ctx.Err()
	}
}

// playingDesk is a desk with a call, an engine that waits, and a file b.wav. Nobody hears what it plays.
func playingDesk(t *testing.T) (*desk, *slowSpeaker) {
	t.Helper()
	d, _, dir := testDesk(t)
	tone, err := audio.CreateWAV(filepath.Join(dir, "b.wav"), 8000)
	if err != nil {
		t.Fatal(err)
	}
	tone.Write(make([]int16, 8000))
	if err := tone.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := prompt.Open(dir, prompt.Config{})
	if err != nil {
		t.Fatal(err)
	}
	engine := &slowSpeaker{let: make(chan struct{})}
	speaker, err := speech.New(speech.Config{Engines: []speech.Engine{engine}})
	if err != nil {
		t.Fatal(err)
	}
	on(t, d, func() {
		d.files, d.speaker = files, speaker
		d.changed(callOf("a", 8000))
	})
	return d, engine
}

// shows waits until a sound is the first one in the queue of the call; empty is none.
func shows(t *testing.T, d *desk, want string) {
	t.Helper()
	got := ""
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		on(t, d, func() { got, _ = d.sessions[1].player.Playing() })
		if got == want {
			return
		}
	}
	t.Fatalf("%q plays, want %q", got, want)
}

// Sounds are heard in the order of their commands, however long each takes to be made; one that cannot be made holds up
// nothing.
func TestSoundsKeepTheirOrder(t *testing.T) {
	d, engine := playingDesk(t)
	text := d.command(topics.Command{Datapoint: "play/voice", Arg: "default", Value: "welcome"})
	gone := d.command(topics.Command{Datapoint: "play/file", Value: "gone.wav"})
	file := d.command(topics.Command{Datapoint: "play/file", Value: "b.wav"})
	if err := gone(t.Context()); err == nil {
		t.Error("a file that is not there was played")
	}
	if _, err := d.files.Load("b.wav", 8000); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond) // in which the file overtook the text
	shows(t, d, "")
	close(engine.let)
	for name, done := range map[string]outcome{"text": text, "file": file} {
		if err := done(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	shows(t, d, "welcome")
	on(t, d, func() { d.sessions[1].player.Remove(1) })
	shows(t, d, "b.wav")
}

// Stop also ends what is still being made.
func TestStopBeforeTheSound(t *testing.T) {
	d, engine := playingDesk(t)
	text := d.command(topics.Command{Datapoint: "play/voice", Arg: "default", Value: "welcome"})
	if err := d.command(topics.Command{Datapoint: "play", Value: "stop"})(t.Context()); err != nil {
		t.Fatal(err)
	}
	close(engine.let)
	if err := text(t.Context()); err == nil || !strings.Contains(err.Error(), "stopped") {
		t.Errorf("the outcome of the stopped text: %v", err)
	}
	shows(t, d, "")
}

// A prompt that is still being made is not heard by who has begun to type, or has had it stopped; the keys count.
func TestPromptComesTooLate(t *testing.T) {
	for name, meanwhile := range map[string]func(d *desk){
		"a key":   func(d *desk) { d.keyCame(1, '1', time.Now()) },
		"stop":    func(d *desk) { d.stop(d.sessions[1], errStopped); d.keyCame(1, '1', time.Now()) },
		"a codec": func(d *desk) { d.changed(callOf("a", 16000)); d.keyCame(1, '1', time.Now()) },
	} {
		t.Run(name, func(t *testing.T) {
			d, engine := playingDesk(t)
			collected := make(chan string, 1)
			on(t, d, func() {
				d.house.event, d.house.code = func(int, string, string) {}, func(int, byte) {}
				d.publish = func(_ int, datapoint, value string) {
					if datapoint == "dtmf/collected" {
						collected <- value
					}
				}
			})
			command, err := topics.Decode("dtmf/collect", []byte(`{"max":2,"prompt":"your code"}`))
			if err != nil {
				t.Fatal(err)
			}
			done := d.command(command)
			on(t, d, func() {})
			time.Sleep(50 * time.Millisecond) // the engine is at work
			on(t, d, func() { meanwhile(d) })
			close(engine.let)
			if err := done(t.Context()); err != nil {
				t.Errorf("the outcome: %v", err)
			}
			shows(t, d, "")
			time.Sleep(50 * time.Millisecond) // the engine tells that it was stopped
			on(t, d, func() { d.keyCame(1, '2', time.Now()) })
			select {
			case got := <-collected:
				if !strings.Contains(got, `"12"`) {
					t.Errorf("collected %s", got)
				}
			case <-time.After(10 * time.Second):
				t.Error("nothing was collected")
			}
		})
	}
}

// What is shown of a long text is whole letters.
func TestShorten(t *testing.T) {
	for before := range 4 {
		text := strings.Repeat("a", 196+before) + strings.Repeat("😀", 9)
		if got := shorten(text); !strings.HasPrefix(text, strings.TrimSuffix(got, "...")) || len(got) > 203 || len(got) < 190 {
			t.Errorf("%d bytes in front: %q", 196+before, got)
		}
	}
	if text := strings.Repeat("a", 200); shorten(text) != text {
		t.Error("200 bytes are shortened")
	}
}
