package mailbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

func at(hour int) time.Time { return time.Date(2026, 3, 1, hour, 0, 0, 0, time.UTC) }

func put(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, n := range names {
		if err := os.WriteFile(filepath.Join(dir, n), []byte("RIFF"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func open(t *testing.T, dir string, max int) *Box {
	t.Helper()
	b, err := Open(dir, max)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func files(b *Box) string {
	var out []string
	for _, m := range b.Messages() {
		name := strings.TrimSuffix(m.File, ".wav")
		if m.Heard {
			name += "+"
		}
		out = append(out, name)
	}
	return strings.Join(out, " ")
}

func TestBox(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "box")
	b := open(t, dir, 3)
	put(t, dir, "a.wav", "b.wav", "c.wav", "d.wav")
	for i, name := range []string{"b", "a", "c"} {
		if err := b.Add(Message{File: name + ".wav", From: "601", At: at(i), Seconds: 2.5}); err != nil {
			t.Fatal(err)
		}
	}
	if files(b) != "b a c" || b.Waiting() != 3 || !b.Full() {
		t.Errorf("%s, %d waiting", files(b), b.Waiting())
	}
	if err := b.Add(Message{File: "d.wav", At: at(9)}); !errors.Is(err, ErrFull) || files(b) != "b a c" {
		t.Errorf("full: %v, %s", err, files(b))
	}
	if err := b.MarkHeard("a.wav", true); err != nil || b.Waiting() != 2 || b.Full() {
		t.Errorf("%v, %d waiting", err, b.Waiting())
	}
	if err := b.Add(Message{File: "d.wav", At: at(9)}); err != nil || files(b) != "b c d" {
		t.Errorf("%v, %s", err, files(b))
	}
	if _, err := os.Stat(filepath.Join(dir, "a.wav")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file that made room: %v", err)
	}
	if err := b.Delete("b.wav"); err != nil || files(b) != "c d" {
		t.Errorf("%v, %s", err, files(b))
	}
	if err := b.MarkHeard("c.wav", true); err != nil {
		t.Error(err)
	}
	if again := open(t, dir, 3); files(again) != "c+ d" || !reflect.DeepEqual(again.Messages()[0].At.UTC(), at(2)) {
		t.Errorf("opened again: %s", files(again))
	}
	for _, name := range []string{"none.wav", "../x.wav", "", ".hidden.wav", "index.json"} {
		if err := b.Add(Message{File: name}); !errors.Is(err, ErrNotFound) {
			t.Errorf("add %q: %v", name, err)
		}
		if err := b.Delete(name); !errors.Is(err, ErrNotFound) {
			t.Errorf("delete %q: %v", name, err)
		}
		if err := b.MarkHeard(name, true); !errors.Is(err, ErrNotFound) {
			t.Errorf("heard %q: %v", name, err)
		}
	}
	deleted, err := b.Sweep(at(2).Add(25*time.Hour), 24*time.Hour)
	if err != nil || len(deleted) != 1 || files(b) != "d" {
		t.Errorf("%v %v, %s", deleted, err, files(b))
	}
}

// What was left before the clock was set is as old as the setting of the clock, not half a century.
func TestSweepAfterTheClockWasSet(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a.wav", "b.wav")
	b := open(t, dir, 0)
	for _, m := range []Message{{File: "a.wav", At: at(2)}, {File: "b.wav", At: time.Unix(90, 0), Heard: true}} {
		if err := b.Add(m); err != nil {
			t.Fatal(err)
		}
	}
	for i, step := range []struct {
		now  time.Time
		want string
	}{
		{time.Unix(100, 0), "b+ a"}, {at(3), "a b+"}, {at(3).Add(time.Hour), "a b+"}, {at(3).Add(25 * time.Hour), "a"},
	} {
		if _, err := b.Sweep(step.now, 24*time.Hour); err != nil || files(b) != step.want {
			t.Errorf("step %d: %v, %s, want %s", i, err, files(b), step.want)
		}
	}
}

// TestRecovers: whatever a power cut leaves, every message with a file is there.
func TestRecovers(t *testing.T) {
	whole := `[{"file":"a.wav","from":"601","at":"2026-03-01T10:00:00Z","heard":true},{"file":"gone.wav"},{"file":"../etc.wav"}]`
	for content, want := range map[string]string{whole: "a+ b", whole[:40]: "a b", "": "a b", "null": "a b", "{}": "a b", `[{"file":7}]`: "a b"} {
		dir := t.TempDir()
		put(t, dir, "a.wav", "b.wav", "notes.txt", ".hidden.wav")
		for i, n := range []string{"a.wav", "b.wav"} {
			if err := os.Chtimes(filepath.Join(dir, n), at(20+i), at(20+i)); err != nil {
				t.Fatal(err)
			}
		}
		for _, n := range []string{index, temp} {
			if err := os.WriteFile(filepath.Join(dir, n), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if b := open(t, dir, 0); files(b) != want {
			t.Errorf("%.30q: %s, want %s", content, files(b), want)
		}
	}
}

// TestNothingChangesWithoutDisk: a change that could not be kept is not made.
func TestNothingChangesWithoutDisk(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir, 0)
	put(t, dir, "a.wav")
	if err := b.Add(Message{File: "a.wav"}); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, temp), 0o700); err != nil { // in the way of the new index
		t.Fatal(err)
	}
	if err := b.MarkHeard("a.wav", true); err == nil || b.Waiting() != 1 {
		t.Errorf("%v, %d waiting", err, b.Waiting())
	}
	if err := b.Delete("a.wav"); err == nil || files(b) != "a" {
		t.Errorf("%v, %s", err, files(b))
	}
}

func TestConcurrently(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir, 0)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			name := fmt.Sprintf("%d.wav", i)
			put(t, dir, name)
			for range 5 {
				if err := errors.Join(b.Add(Message{File: name, At: at(i)}), b.MarkHeard(name, true)); err != nil {
					t.Error(err)
				}
				b.Waiting()
			}
		})
	}
	all.Wait()
	if again := open(t, dir, 0); files(again) != "0+ 1+ 2+ 3+" {
		t.Errorf("%s", files(again))
	}
}

func text(actions []Action) string {
	var out []string
	for _, a := range actions {
		switch a := a.(type) {
		case Announce:
			switch a.Phrase {
			case Summary:
				out = append(out, fmt.Sprintf("summary %d/%d", a.Unheard, a.Count))
			case Header:
				out = append(out, "header "+a.Message.File)
			default:
				out = append(out, [...]string{Deleted: "deleted", NoMore: "no more", Help: "help"}[a.Phrase])
			}
		default:
			name := strings.ToLower(strings.TrimPrefix(reflect.TypeOf(a).String(), "mailbox."))
			out = append(out, strings.TrimSpace(name+" "+strings.Trim(fmt.Sprint(a), "{}")))
		}
	}
	return strings.Join(out, ", ")
}

func TestListener(t *testing.T) {
	three := []Message{{File: "old", At: at(1), Heard: true}, {File: "a", At: at(2)}, {File: "b", At: at(3)}}
	for name, tc := range map[string]struct {
		messages []Message
		script   []string // key or "quiet", what comes out
	}{
		"none":        {nil, []string{"", "summary 0/0", "quiet", "no more", "quiet", "hangup", "1", ""}},
		"listen":      {three, []string{"", "summary 2/3", "quiet", "header a, play a", "quiet", "markheard a, help", "quiet", "", "2", "stop, header b, play b", "#", "stop, markheard b, header old, play old", "quiet", "help", "2", "stop, no more", "2", "", "quiet", "hangup"}},
		"in a hurry":  {three, []string{"", "summary 2/3", "1", "stop, header a, play a", "3", "stop, remove a, deleted, header b, play b", "1", "stop, header b, play b", "*", "stop, hangup", "quiet", "", "1", ""}},
		"delete all":  {three[:1], []string{"", "summary 0/1", "quiet", "header old, play old", "3", "stop, remove old, deleted, no more", "3", "", "quiet", "hangup"}},
		"help":        {three[:1], []string{"", "summary 0/1", "0", "stop, help", "quiet", "header old, play old", "0", "stop, help", "quiet", "", "9", "", "A", ""}},
		"skip all":    {three[1:2], []string{"", "summary 1/1", "2", "stop, header a, play a", "2", "stop, markheard a, no more", "*", "stop, hangup"}},
		"delete none": {three[1:2], []string{"", "summary 1/1", "3", "", "quiet", "header a, play a"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := NewListener(tc.messages)
			for i := 0; i+1 < len(tc.script); i += 2 {
				var out []Action
				switch in := tc.script[i]; in {
				case "":
					out = l.Start()
				case "quiet":
					out = l.Quiet()
				default:
					out = l.Key(in[0])
				}
				if got := text(out); got != tc.script[i+1] {
					t.Fatalf("step %d, %q: %s\nwant %s", i, tc.script[i], got, tc.script[i+1])
				}
			}
		})
	}
}
