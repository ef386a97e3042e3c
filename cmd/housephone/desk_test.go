package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"housephone/phone"
	"housephone/phone/audio"
	"housephone/phone/ivr/mailbox"
	"housephone/phone/ivr/menu"
	"housephone/topics"
)

// taps is a line that remembers who hears which call.
type taps struct {
	soundLine
	mu  sync.Mutex
	far map[string]audio.Sink
}

func (l *taps) SpeakInto(string, audio.Source) *phone.Pending { return nil }
func (l *taps) HangupCall(string) *phone.Pending              { return nil }

func (l *taps) TapCall(call string, _, far audio.Sink) *phone.Pending {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.far[call] = far
	return nil
}

// hear gives the far end's sound to who listens; true when somebody did.
func (l *taps) hear(call string, pcm []int16) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.far[call] == nil {
		return false
	}
	l.far[call].Write(pcm)
	return true
}

// testDesk is a desk with a folder of recordings and no voice.
func testDesk(t *testing.T) (*desk, *taps, string) {
	t.Helper()
	line, dir := &taps{far: map[string]audio.Sink{}}, t.TempDir()
	d := newDesk(line, slog.New(slog.NewTextHandler(io.Discard, nil)))
	d.publish = func(int, string, string) {}
	d.house = house{short: func(uri string) string { return uri }, plain: func(string, string) {}}
	var err error
	if d.archive, err = openArchive(recordEnv{Dir: dir, MaxLength: duration(time.Hour), MinFree: 1}, d.log); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); d.run(ctx) }()
	t.Cleanup(func() {
		stop()
		<-done
		if err := d.closeStores(); err != nil {
			t.Error(err)
		}
	})
	return d, line, dir
}

// on has the desk do something and waits for it.
func on(t *testing.T, d *desk, f func()) {
	t.Helper()
	done := make(chan struct{})
	d.send(func() { f(); close(done) })
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatal("the desk hangs")
	}
}

func callOf(id string, rate int) phone.State {
	return phone.State{Current: 1, Calls: []phone.Call{{Slot: 1, ID: id, Status: phone.StatusActive, Direction: phone.In, Rate: rate}}}
}

// A call whose codec changes is recorded on; the next call in its place is not heard.
func TestRecordingFollowsItsCall(t *testing.T) {
	d, line, dir := testDesk(t)
	on(t, d, func() { d.changed(callOf("a", 8000)) })
	if err := d.command(topics.Command{Datapoint: "record", Value: "start talk"})(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := func(call string, rate int) {
		t.Helper()
		for range 50 {
			if !line.hear(call, make([]int16, rate/50)) {
				t.Fatalf("nobody hears call %s", call)
			}
		}
	}
	second("a", 8000)
	on(t, d, func() { d.changed(callOf("a", 16000)) })
	second("a", 16000)
	on(t, d, func() { d.changed(callOf("b", 8000)) })
	if line.hear("b", make([]int16, 160)) {
		t.Error("the recording hears another call")
	}
	deadline := time.Now().Add(5 * time.Second)
	for ; time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if info, err := os.Stat(filepath.Join(dir, "talk.wav")); err == nil && info.Size() == 44+2*2*2*8000 {
			return
		}
	}
	info, err := os.Stat(filepath.Join(dir, "talk.wav"))
	t.Errorf("want two seconds at 8000 Hz: %v, %v", info, err)
}

// The end of the service completes what is being recorded; an empty recording leaves no file.
func TestRecordingsAtTheEnd(t *testing.T) {
	d, line, dir := testDesk(t)
	on(t, d, func() { d.changed(callOf("a", 8000)) })
	for _, name := range []string{"empty", "last"} {
		if err := d.command(topics.Command{Datapoint: "record", Value: "start " + name})(t.Context()); err != nil {
			t.Fatal(err)
		}
		if name == "empty" {
			if err := d.command(topics.Command{Datapoint: "record", Value: "stop"})(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	line.hear("a", make([]int16, 800))
	d.end()
	d.jobs.Wait()
	if info, err := os.Stat(filepath.Join(dir, "last.wav")); err != nil || info.Size() != 44+4*800 {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "empty.wav")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an empty recording: %v", err)
	}
}

// Every language has every phrase, and the menus of the answering machine can be made of them.
func TestPhrases(t *testing.T) {
	for _, lang := range []string{"en", "de", "fr", "it", "es", "nl"} {
		w := phrasesOf(lang)
		for v, i := reflect.ValueOf(w), 0; i < v.NumField(); i++ {
			if v.Field(i).String() == "" {
				t.Errorf("%s: no %s", lang, v.Type().Field(i).Name)
			}
		}
		if lang != "en" && w.greeting == phrasesOf("en").greeting {
			t.Errorf("%s is English", lang)
		}
		now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.Local)
		for _, at := range []time.Time{now.Add(-time.Hour), now.Add(-20 * time.Hour), now.Add(-72 * time.Hour)} {
			for _, p := range []mailbox.Phrase{mailbox.Summary, mailbox.Header, mailbox.Deleted, mailbox.NoMore, mailbox.Help} {
				text := w.phrase(mailbox.Announce{Phrase: p, Count: 3, Unheard: 2, Message: mailbox.Message{From: "+4930123", At: at}}, now)
				if text == "" || strings.Contains(text, "%!") {
					t.Errorf("%s, phrase %d: %q", lang, p, text)
				}
				if p == mailbox.Header && !strings.Contains(text, "+ 4 9 3 0 1 2 3") {
					t.Errorf("%s: %q", lang, text)
				}
			}
		}
		m := &mailman{cfg: mailboxEnv{PIN: "1234"}}
		if err := m.menus(w); err != nil || m.greet == nil || m.ask == nil || m.full == nil {
			t.Errorf("%s: %v", lang, err)
		}
	}
}

// A greeting that cannot be is told without a line of a file that nobody has written.
func TestBadGreeting(t *testing.T) {
	m := &mailman{cfg: mailboxEnv{Greeting: "hello {user}"}}
	if err := m.menus(phrasesOf("en")); err == nil || strings.Contains(err.Error(), "line") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
}

// A full box does not lock out who could make room in it.
func TestFullMailboxIsHeard(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "voice"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "voice", "a.wav"), []byte("RIFF"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := phrasesOf("en")
	m, err := openMailman(dir, mailboxEnv{PIN: "1234", MaxMessages: 1, AllowFrom: patterns{"602"}}, 1, w, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.close() }()
	now := time.Now()
	for from, keys := range map[string]string{"601": "*1234", "602": "*"} {
		caller := menu.NewMachine(m.menuFor(from), nil, menu.Caller{})
		if out := caller.Start(now); !reflect.DeepEqual(out, []menu.Action{menu.Say{Text: w.full}}) {
			t.Errorf("%s hears %v", from, out)
		}
		var out []menu.Action
		for _, key := range []byte(keys) {
			out = caller.Key(key, now)
		}
		if len(out) == 0 || !reflect.DeepEqual(out[len(out)-1], menu.Messages{Behind: true}) && !reflect.DeepEqual(out[len(out)-1], menu.Messages{}) {
			t.Errorf("%s presses %s: %v", from, keys, out)
		}
		caller = menu.NewMachine(m.menuFor(from), nil, menu.Caller{})
		caller.Start(now)
		if out := caller.Quiet(now); !reflect.DeepEqual(out, []menu.Action{menu.Hangup{}}) {
			t.Errorf("%s presses nothing: %v", from, out)
		}
	}
}

// A message whose file cannot be played was not heard.
func TestUnplayableMessageStaysNew(t *testing.T) {
	d, _, dir := testDesk(t)
	if err := os.Mkdir(filepath.Join(dir, "voice"), 0o700); err != nil {
		t.Fatal(err)
	}
	tone, err := audio.CreateWAV(filepath.Join(dir, "voice", "good.wav"), 8000)
	if err != nil {
		t.Fatal(err)
	}
	tone.Write(make([]int16, 800))
	if err := errors.Join(tone.Close(), os.WriteFile(filepath.Join(dir, "voice", "bad.wav"), []byte("RIFF"), 0o600)); err != nil {
		t.Fatal(err)
	}
	m, err := openMailman(dir, mailboxEnv{MaxMessages: 9}, 1, phrasesOf("en"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	m.publish, m.waiting = func(string, any) {}, func(int) {}
	on(t, d, func() {
		d.mail = m
		d.jobs.Go(func() { m.run(d.life) })
		d.changed(callOf("a", 8000))
		d.begin(d.sessions[1], newListenGuide(m.box.Messages()), false)
	})
	ended := make(chan struct{})
	go func() { // the far end listens to all of it, and goes on where it is asked
		defer close(ended)
		frame := make([]int16, 160)
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			over := false
			on(t, d, func() {
				s := d.sessions[1]
				s.player.Read(frame)
				if g, ok := s.visit.guide.(listenGuide); ok {
					*g.deadline = time.Now()
					over = g.l.Done()
				}
			})
			if over {
				return
			}
		}
	}()
	<-ended
	on(t, d, func() {})
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		heard := map[string]bool{}
		for _, v := range m.box.Messages() {
			heard[v.File] = v.Heard
		}
		if heard["good.wav"] && !heard["bad.wav"] {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("heard: %v", heard)
		}
	}
}

// Who needs no PIN is told by the whole address.
func TestMailboxAllowFrom(t *testing.T) {
	m := &mailman{cfg: mailboxEnv{AllowFrom: patterns{"6??", "anna@home.example"}}}
	for from, want := range map[string]bool{
		"601": true, "6011": false, "601@evil.example": false, "": false, "Anna@home.example": true, "anna@evil.example": false,
	} {
		if m.allowed(from) != want {
			t.Errorf("%q: %v", from, !want)
		}
	}
}

// A menu speaks on topics of its own only.
func TestOwnTopics(t *testing.T) {
	for datapoint, ok := range map[string]bool{
		"visitor/entered": true, "ivr": true, "door": false, "door/event": false, "doorbell/front": false, "bridge/x": false, "calls/1/x": false,
		"x/set": false, "a//b": false, "message/voice": false, strings.Repeat("a", 300): false, "a\x00b": false, "a\x1bb": false, "a\u0085": false,
	} {
		if err := checkOwnTopic(datapoint); (err == nil) != ok {
			t.Errorf("%.40s: %v", datapoint, err)
		}
	}
}

// Without speech the menus go on all the same, without running hot.
func TestMenuWithoutSpeech(t *testing.T) {
	d, _, _ := testDesk(t)
	var mu sync.Mutex
	var told []string
	d.house.event = func(_ int, datapoint, value string) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, fmt.Sprint(datapoint, "=", value))
	}
	m, err := menu.Parse([]byte("menu: {id: a, message: hello, post_action: jump b}\nmenus: [{id: b, message: press, post_action: repeat_message, choices: {'1': {id: c}}}]"))
	if err != nil {
		t.Fatal(err)
	}
	on(t, d, func() {
		d.changed(callOf("a", 8000))
		d.begin(d.sessions[1], menuGuide{menu.NewMachine(m, nil, menu.Caller{})}, true)
	})
	wait := func(want string) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			mu.Lock()
			got := strings.Join(told, " ")
			mu.Unlock()
			if got == want {
				return
			}
		}
		t.Fatalf("told %v, want %s", told, want)
	}
	wait("menu=a")
	wait("menu=a menu=b")
	on(t, d, func() { d.keyCame(1, '1', time.Now()) })
	wait("menu=a menu=b dtmf=1 menu=c")
}
