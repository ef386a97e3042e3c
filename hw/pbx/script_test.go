package pbx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// part is what one side of a transcript says before the other does.
type part struct {
	server bool
	text   string
}

// transcript reads a file with lines of the server (S:), of the client (C:) and comments (#).
func transcript(t testing.TB, file, end string) []part {
	t.Helper()
	content, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var parts []part
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") {
			continue
		}
		side, text, ok := strings.Cut(line, ":")
		if !ok || side != "S" && side != "C" {
			t.Fatalf("%s: %q", file, line)
		}
		text = strings.TrimPrefix(text, " ") + end
		if n := len(parts); n > 0 && parts[n-1].server == (side == "S") {
			parts[n-1].text += text
		} else {
			parts = append(parts, part{side == "S", text})
		}
	}
	return parts
}

// wholeServer is all that the server says.
func wholeServer(t testing.TB, file, end string) string {
	t.Helper()
	var all strings.Builder
	for _, p := range transcript(t, file, end) {
		if p.server {
			all.WriteString(p.text)
		}
	}
	return all.String()
}

// server accepts connections one after the other and lets play speak on each. An error of play fails the test, unless
// the server was stopped.
func server(t *testing.T, play func(n int, conn net.Conn) error) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		for n := 0; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			if err := play(n, conn); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
			stop()
			_ = conn.Close()
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = l.Close()
		all.Wait()
	})
	return l.Addr().String()
}

// playing speaks the server's parts with write, and reads the client's.
func playing(parts []part, write func(w io.Writer, text string) error) func(n int, conn net.Conn) error {
	return func(_ int, conn net.Conn) error {
		for i, p := range parts {
			if p.server {
				if err := write(conn, p.text); err != nil {
					return err
				}
				continue
			}
			if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
				return err
			}
			got := make([]byte, len(p.text))
			if n, err := io.ReadFull(conn, got); err != nil || string(got) != p.text {
				return fmt.Errorf("part %d: the client says %q, want %q: %w", i, got[:n], p.text, err)
			}
		}
		return nil
	}
}

// Ways to write: at once, and byte by byte with pauses.
func atOnce(w io.Writer, text string) error {
	_, err := io.WriteString(w, text)
	return err
}

func byteByByte(w io.Writer, text string) error {
	for i := range len(text) {
		if _, err := io.WriteString(w, text[i:i+1]); err != nil {
			return err
		}
		time.Sleep(50 * time.Microsecond)
	}
	return nil
}

// listen runs a client until the test ends.
func listen(t *testing.T, c *Client) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// client makes one that asks often and does not pause for long.
func client(t *testing.T, kind Switch, address, user, password string) *Client {
	t.Helper()
	c, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	a, interval := account{address, user, password}, 50*time.Millisecond
	c.add(kind, address, func(now time.Time) session {
		if kind == Asterisk {
			return newAMI(a, interval, now)
		}
		return newESL(a, "status", interval, now)
	})
	c.links[0].pause = func(time.Duration, bool) time.Duration { return 10 * time.Millisecond }
	return c
}

func next(t *testing.T, c *Client) Event {
	t.Helper()
	select {
	case e := <-c.Events():
		return e
	case <-time.After(30 * time.Second):
		t.Fatal("no event")
		return nil
	}
}

// document is an event as golden files hold it.
func document(t *testing.T, e Event) string {
	t.Helper()
	type lost struct {
		Switch Switch
		Err    string
	}
	var shown any = e
	if l, ok := e.(Lost); ok {
		shown = lost{l.Switch, l.Err.Error()}
	}
	text, err := json.MarshalIndent(map[string]any{strings.TrimPrefix(fmt.Sprintf("%T", e), "pbx."): shown}, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + "\n"
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	file = "testdata/" + file
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs, got:\n%s", file, got)
	}
}

// events collects until the connection is lost.
func events(t *testing.T, c *Client) string {
	t.Helper()
	var all strings.Builder
	for {
		e := next(t, c)
		all.WriteString(document(t, e))
		if _, ok := e.(Lost); ok {
			return all.String()
		}
	}
}

// isLost waits for the loss of the connection.
func isLost(t *testing.T, c *Client, want error) Lost {
	t.Helper()
	for {
		if l, ok := next(t, c).(Lost); ok {
			if !errors.Is(l.Err, want) {
				t.Errorf("lost by %v, want %v", l.Err, want)
			}
			return l
		}
	}
}
