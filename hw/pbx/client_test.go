package pbx

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestTranscripts plays a session of each switch, at once and byte by byte.
func TestTranscripts(t *testing.T) {
	for _, c := range []struct {
		kind                 Switch
		name, end, user, key string
	}{
		{FreeSWITCH, "freeswitch", "\n", "", "ClueCon"},
		{Asterisk, "asterisk", "\r\n", "house", "geheim"},
	} {
		for way, write := range map[string]func(io.Writer, string) error{"at once": atOnce, "byte by byte": byteByByte} {
			t.Run(c.name+" "+way, func(t *testing.T) {
				t.Parallel()
				parts := transcript(t, c.name+".txt", c.end)
				address := server(t, playing(parts, write))
				cl := client(t, c.kind, address, c.user, c.key)
				cl.links[0].pause = func(time.Duration, bool) time.Duration { return time.Hour }
				listen(t, cl)
				golden(t, c.name+".golden", events(t, cl))
			})
		}
	}
}

const (
	greets  = "Content-Type: auth/request\n\n"
	accepts = "Content-Type: command/reply\nReply-Text: +OK accepted\n\n"
	refuses = "Content-Type: command/reply\nReply-Text: -ERR invalid\n\n"
	rude    = "Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n"
	banner  = "Asterisk Call Manager/11.0.0\r\n"
)

// TestLost: what keeps us out is told in words.
func TestLost(t *testing.T) {
	for _, c := range []struct {
		name  string
		kind  Switch
		says  []string // before each read
		words string
		want  error
	}{
		{"wrong password", FreeSWITCH, []string{greets, refuses}, "the switch refuses the login: -ERR invalid", ErrLogin},
		{"access list", FreeSWITCH, []string{rude}, "the switch refuses the login: it does not accept connections from this address", ErrLogin},
		{"no events", FreeSWITCH, []string{greets, accepts, refuses}, "the switch refuses the login: it does not send events: -ERR invalid", ErrLogin},
		{"closes", FreeSWITCH, []string{greets, ""}, "the switch has ended the connection without a word", ErrEnded},
		{"web server", FreeSWITCH, []string{"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n"}, "what answers there is not the switch: it does not ask for a login", ErrProtocol},
		{"bad length", FreeSWITCH, []string{"Content-Length: -1\n\n"}, `what answers there is not the switch: a body of "-1" bytes`, ErrProtocol},
		{"huge length", FreeSWITCH, []string{"Content-Length: 4000000000\n\n"}, `what answers there is not the switch: a body of "4000000000" bytes`, ErrProtocol},
		{"ssh", Asterisk, []string{"SSH-2.0-OpenSSH_9.2\r\n"}, "what answers there is not the switch: it does not greet as a manager interface", ErrProtocol},
		{"no challenge", Asterisk, []string{banner, "Response: Error\r\nActionID: 1\r\nMessage: Not now\r\n\r\n"}, "the switch refuses the login: Not now", ErrLogin},
		{"wrong password", Asterisk, []string{banner, "Response: Success\r\nActionID: 1\r\nChallenge: 1\r\n\r\n",
			"Response: Error\r\nActionID: 2\r\nMessage: Authentication failed\r\n\r\n"}, "the switch refuses the login: Authentication failed", ErrLogin},
	} {
		t.Run(string(c.kind)+" "+c.name, func(t *testing.T) {
			address := server(t, func(_ int, conn net.Conn) error {
				buf := make([]byte, 4096)
				for i, text := range c.says {
					if _, err := io.WriteString(conn, text); err != nil {
						return err
					}
					if i < len(c.says)-1 {
						if _, err := conn.Read(buf); err != nil {
							return err
						}
					}
				}
				return nil
			})
			cl := client(t, c.kind, address, "house", "geheim")
			listen(t, cl)
			if l := isLost(t, cl, c.want); l.Err.Error() != c.words || l.Switch != c.kind {
				t.Errorf("%+v", l)
			}
		})
	}
}

// TestLostOnce: the same reason is told and logged once, and again after a connection.
func TestLostOnce(t *testing.T) {
	var mu sync.Mutex
	var up bool
	address := server(t, func(n int, conn net.Conn) error {
		mu.Lock()
		good := up
		up = false
		mu.Unlock()
		answers := []string{greets, refuses}
		if good {
			answers = []string{greets, accepts, accepts}
		}
		for _, text := range answers {
			if _, err := io.WriteString(conn, text); err != nil {
				return err
			}
			if _, err := conn.Read(make([]byte, 4096)); err != nil {
				return nil // the client has gone
			}
		}
		return nil
	})
	var log syncBuffer
	c := client(t, FreeSWITCH, address, "", "geheim")
	c.links[0].log = slog.New(slog.NewTextHandler(&log, nil))
	attempts := make(chan struct{}, 1000)
	c.links[0].pause = func(time.Duration, bool) time.Duration {
		attempts <- struct{}{}
		return 5 * time.Millisecond
	}
	listen(t, c)
	isLost(t, c, ErrLogin)
	for range 5 {
		<-attempts
	}
	mu.Lock()
	up = true
	mu.Unlock()
	if e, ok := next(t, c).(Connected); !ok {
		t.Errorf("%+v", e)
	}
	isLost(t, c, ErrEnded)
	isLost(t, c, ErrLogin)
	if n := strings.Count(log.String(), "refuses the login"); n != 2 {
		t.Errorf("%d times in %s", n, log.String())
	}
	if strings.Contains(log.String(), "geheim") {
		t.Error("the password is in the log")
	}
}

// TestComesBack: a switch that was down is found again.
func TestComesBack(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	c := client(t, FreeSWITCH, address, "", "x")
	listen(t, c)
	isLost(t, c, syscall.ECONNREFUSED)
	if l, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for _, text := range []string{greets, accepts, accepts} {
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 4096)); err != nil {
			t.Fatal(err)
		}
	}
	if e, ok := next(t, c).(Connected); !ok {
		t.Errorf("%+v", e)
	}
}

// TestGoodbye: a stop takes leave of the switch and ends at once.
func TestGoodbye(t *testing.T) {
	const login = "userauth 602@pbx:x\n\n"
	said, heard := make(chan string, 1), make(chan struct{})
	address := server(t, func(_ int, conn net.Conn) error {
		if err := atOnce(conn, greets); err != nil {
			return err
		}
		first := make([]byte, len(login))
		if _, err := io.ReadFull(conn, first); err != nil {
			return err
		}
		close(heard)
		rest, err := io.ReadAll(conn)
		said <- string(first) + string(rest)
		return err
	})
	t.Run("run", func(t *testing.T) {
		listen(t, client(t, FreeSWITCH, address, "602@pbx", "x"))
		<-heard
	})
	if got := <-said; got != login+"exit\n\n" {
		t.Errorf("%q", got)
	}
}

// TestFlood: a switch that sends faster than anybody reads fills nothing but the bounded channel.
func TestFlood(t *testing.T) {
	const many = 2000
	value := strings.Repeat("x", 2*maxLine)
	var event strings.Builder
	fmt.Fprintf(&event, "Event: Newstate\r\nChannel: %s\r\nUniqueid: 1\r\nNone: <unknown>\r\n", value)
	for i := range 2 * maxKeptLines {
		fmt.Fprintf(&event, "X%d: %.300s\r\n", i, value)
	}
	event.WriteString("\r\n")
	address := server(t, func(_ int, conn net.Conn) error {
		for _, text := range []string{banner, "Response: Success\r\nActionID: 1\r\nChallenge: 1\r\n\r\n", "Response: Success\r\nActionID: 2\r\n\r\n"} {
			if _, err := io.WriteString(conn, text); err != nil {
				return err
			}
			if _, err := conn.Read(make([]byte, 4096)); err != nil {
				return err
			}
		}
		if _, err := io.WriteString(conn, event.String()); err != nil {
			return err
		}
		_, err := io.WriteString(conn, strings.Repeat("Event: Hangup\r\nChannel: a\r\n\r\n", many))
		return err
	})
	c := client(t, Asterisk, address, "house", "geheim")
	c.links[0].pause = func(time.Duration, bool) time.Duration { return time.Hour }
	listen(t, c)
	first, ok := next(t, c).(Channel)
	if !ok || len(first.Channel) != MaxValue || len(first.Fields) != MaxFields || len(first.Fields["X7"]) != 300 || first.Fields["None"] != "" {
		t.Errorf("%d bytes, %d fields", len(first.Channel), len(first.Fields))
	}
	for end := time.Now().Add(30 * time.Second); c.Dropped() < many-uint64(cap(c.events)); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d dropped", c.Dropped())
		}
	}
}

func TestNothingConfigured(t *testing.T) {
	c, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	listen(t, c)
}

type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
