package pbx

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// frames reads all messages of a stream.
func frames(r io.Reader, read func(*bufio.Reader) (message, error)) ([]message, error) {
	var all []message
	for b := bufio.NewReader(r); ; {
		m, err := read(b)
		if err != nil {
			return all, err
		}
		all = append(all, m)
	}
}

// TestSplitAnywhere: where the network cuts the stream makes no difference.
func TestSplitAnywhere(t *testing.T) {
	for _, c := range []struct {
		stream string
		reader func() func(*bufio.Reader) (message, error)
	}{
		{wholeServer(t, "freeswitch.txt", "\n"), new(eslSession).frames},
		{wholeServer(t, "asterisk.txt", "\r\n"), new(amiSession).frames},
	} {
		want, err := frames(strings.NewReader(c.stream), c.reader())
		if !errors.Is(err, io.EOF) || len(want) < 5 {
			t.Fatalf("%d messages, %v", len(want), err)
		}
		got, err := frames(iotest.OneByteReader(strings.NewReader(c.stream)), c.reader())
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(message{}, field{})); diff != "" || !errors.Is(err, io.EOF) {
			t.Errorf("byte by byte: %v, %s", err, diff)
		}
		for at := range c.stream {
			cut := io.MultiReader(strings.NewReader(c.stream[:at]), strings.NewReader(c.stream[at:]))
			got, err := frames(cut, c.reader())
			if !reflect.DeepEqual(want, got) || !errors.Is(err, io.EOF) {
				t.Fatalf("cut at %d: %v", at, err)
			}
			short, err := frames(strings.NewReader(c.stream[:at]), c.reader())
			if len(short) > len(want) || !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("ended at %d: %d messages, %v", at, len(short), err)
			}
		}
	}
}

func TestFrames(t *testing.T) {
	for _, c := range []struct {
		name, stream string
		want         []message
		err          error
	}{
		{"empty", "", nil, io.EOF},
		{"blank lines", "\n\r\n\n", nil, io.EOF},
		{"no end", "A: b\n", nil, io.ErrUnexpectedEOF},
		{"half a line", "A: b", nil, io.ErrUnexpectedEOF},
		{"no colon", "abc\nA:b:c\n\n", []message{fields("A", "b:c")}, io.EOF},
		{"no field", "abc\n\n", []message{{}}, io.EOF},
		{"body", "content-length: 3\n\na\n\nA: b\n\n", []message{{fields("content-length", "3").fields, "a\n\n"}, fields("A", "b")}, io.EOF},
		{"empty body", "Content-Length: 0\n\n", []message{fields("Content-Length", "0")}, io.EOF},
		{"short body", "Content-Length: 3\n\na", nil, io.ErrUnexpectedEOF},
		{"no body", "Content-Length: 3\n\n", nil, io.ErrUnexpectedEOF},
		{"negative", "Content-Length: -3\n\nabc", nil, ErrProtocol},
		{"not a number", "Content-Length: 3 x\n\nabc", nil, ErrProtocol},
		{"too much", fmt.Sprintf("Content-Length: %d\n\nabc", maxWhole+1), nil, ErrProtocol},
	} {
		got, err := frames(strings.NewReader(c.stream), readESL)
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(message{}, field{})); diff != "" || !errors.Is(err, c.err) {
			t.Errorf("%s: %v, %s", c.name, err, diff)
		}
	}
}

// TestBounds: what is kept of a message is bounded, and what follows is read all the same.
func TestBounds(t *testing.T) {
	body := strings.Repeat("b", 3*maxKept)
	stream := "Long: " + strings.Repeat("x", 3*maxLine) + "\n" + strings.Repeat("A: b\n", 3*maxKeptLines) +
		fmt.Sprintf("\nContent-Length: %d\n\n%s", len(body), body) + strings.Repeat("C: "+strings.Repeat("d", 1000)+"\n", 600) + "\nE: f\n\n"
	got, err := frames(strings.NewReader(stream), readESL)
	if !errors.Is(err, io.EOF) || len(got) != 4 {
		t.Fatalf("%d messages, %v", len(got), err)
	}
	if n := len(got[0].get("Long")); n != maxLine-len("Long: ") || len(got[0].fields) != maxKeptLines {
		t.Errorf("%d bytes of the line, %d lines", n, len(got[0].fields))
	}
	if len(got[1].body) != maxKept {
		t.Errorf("%d bytes of the body", len(got[1].body))
	}
	if n := len(got[2].fields); n != maxKept/1003 {
		t.Errorf("%d lines of 1003 bytes", n)
	}
	if got[3].get("E") != "f" {
		t.Errorf("%+v", got[3])
	}
}

// forever is a stream without end.
type forever string

func (f forever) Read(p []byte) (int, error) {
	n := 0
	for n+len(f) <= len(p) {
		n += copy(p[n:], f)
	}
	return n, nil
}

func TestEndlessMessages(t *testing.T) {
	for _, part := range []string{"x", "A: b\n", "\n"} {
		if _, err := readESL(bufio.NewReader(forever(strings.Repeat(part, 512)))); !errors.Is(err, ErrProtocol) {
			t.Errorf("%q without end: %v", part, err)
		}
	}
}

func TestPlainEvent(t *testing.T) {
	got := plainEvent("Event-Name: CHANNEL_ANSWER\r\nA:%20b%2Fc+d\nbad: 50%\nno colon\nContent-Length: 3\n\nabc: d\n")
	want := fields("Event-Name", "CHANNEL_ANSWER", "A", " b/c+d", "bad", "50%", "Content-Length", "3")
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(message{}, field{})); diff != "" {
		t.Error(diff)
	}
}

// FuzzSessions: whatever a switch says, the sessions end or go on, and what they tell is bounded text.
func FuzzSessions(f *testing.F) {
	f.Add(wholeServer(f, "freeswitch.txt", "\n"), false)
	f.Add(wholeServer(f, "asterisk.txt", "\r\n"), true)
	f.Add("Content-Type: auth/request\n\nContent-Length: 4\n\nab", false)
	f.Fuzz(func(t *testing.T, stream string, ami bool) {
		var s session = newESL(account{password: "x"}, "status", time.Minute, noon)
		if ami {
			s = newAMI(account{user: "house", password: "geheim"}, time.Minute, noon)
		}
		read, r, now := s.frames(), bufio.NewReader(strings.NewReader(stream)), noon
		for {
			m, err := read(r)
			if err != nil {
				return
			}
			now = now.Add(time.Second)
			next, err := s.receive(m, now)
			if err != nil {
				return
			}
			if !s.due().After(now.Add(-time.Hour)) {
				t.Errorf("due at %v", s.due())
			}
			for _, e := range next.events {
				bounded(t, e)
			}
		}
	})
}

func bounded(t *testing.T, e Event) {
	t.Helper()
	switch e := e.(type) {
	case Status:
		if len(e.Text) > MaxStatus {
			t.Errorf("a status of %d bytes", len(e.Text))
		}
	case Channel:
		values := []string{e.Event, e.Channel, e.Caller, e.Callee, e.State}
		for name, value := range e.Fields {
			values = append(values, name, value)
		}
		for _, v := range values {
			if len(v) > MaxValue || strings.ContainsAny(v, "\n\r\x00") || strings.ToValidUTF8(v, "") != v {
				t.Errorf("value %q", v)
			}
		}
		if len(e.Fields) > MaxFields {
			t.Errorf("%d fields", len(e.Fields))
		}
	}
}
