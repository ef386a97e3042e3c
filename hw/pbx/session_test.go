package pbx

import (
	"errors"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func fields(pairs ...string) message {
	var m message
	for i := 0; i < len(pairs); i += 2 {
		m.fields = append(m.fields, field{pairs[i], pairs[i+1]})
	}
	return m
}

// TestESLTimes: each question has its time-out, and the pause begins with the answer.
func TestESLTimes(t *testing.T) {
	now := noon
	s := newESL(account{password: "x"}, "status", time.Minute, now)
	steps := []message{
		fields("Content-Type", "auth/request"),
		fields("Content-Type", "command/reply", "Reply-Text", "+OK accepted"),
		fields("Content-Type", "command/reply", "Reply-Text", "+OK event listener enabled plain"),
	}
	for _, m := range steps {
		if want := now.Add(answerTime); !s.due().Equal(want) {
			t.Errorf("due %v, want %v", s.due(), want)
		}
		now = now.Add(time.Second)
		if _, err := s.receive(m, now); err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(3 * time.Second)
	got, err := s.receive(message{fields: fields("Content-Type", "api/response").fields, body: "UP\r\n\x1b[0mx\n"}, now)
	if err != nil || len(got.events) != 1 || got.events[0] != (Status{FreeSWITCH, "UP\n[0mx"}) || !s.due().Equal(now.Add(time.Minute)) {
		t.Errorf("%+v, %v, due %v", got, err, s.due())
	}
	now = s.due()
	if got, err := s.tick(now); err != nil || got.send != "api status\n\n" || !s.due().Equal(now.Add(answerTime)) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := s.tick(s.due()); !errors.Is(err, ErrSilent) {
		t.Errorf("%v", err)
	}
}

// TestAMIWithoutRights: a user who may not see the status is told how, and the connection is watched by Ping.
func TestAMIWithoutRights(t *testing.T) {
	s := newAMI(account{user: "poor", password: "x"}, time.Minute, noon)
	for _, m := range []message{
		fields("", amiBannerBegin+"11.0.0"),
		fields("Response", "Success", "ActionID", "1", "Challenge", "1"),
		fields("Response", "Success", "ActionID", "2"),
	} {
		if _, err := s.receive(m, noon); err != nil {
			t.Fatal(err)
		}
	}
	denied := fields("Response", "Error", "ActionID", "3", "Message", "Permission denied")
	got, err := s.receive(denied, noon)
	up, ok := got.events[0].(Connected)
	if err != nil || !ok || !strings.Contains(up.Hint, "poor in manager.conf") || got.send != "Action: Ping\r\nActionID: 4\r\n\r\n" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := s.receive(fields("Response", "Success", "ActionID", "3"), noon); err != nil || got.send != "" || !s.waiting {
		t.Errorf("an old answer counts: %+v, %v", got, err)
	}
	if got, err := s.receive(fields("Response", "Success", "ActionID", "4", "Ping", "Pong"), noon); err != nil || len(got.events) != 0 || s.waiting {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := s.tick(s.due()); err != nil {
		t.Error(err)
	}
	if _, err := s.tick(s.due()); !errors.Is(err, ErrSilent) {
		t.Errorf("%v", err)
	}
}

// TestNothingBeforeTheLogin: events of somebody who only pretends to be the switch are not believed.
func TestNothingBeforeTheLogin(t *testing.T) {
	esl := newESL(account{password: "x"}, "status", time.Minute, noon)
	if _, err := esl.receive(fields("Content-Type", "auth/request"), noon); err != nil {
		t.Fatal(err)
	}
	got, err := esl.receive(message{fields: fields("Content-Type", "text/event-plain").fields, body: "Event-Name: CHANNEL_ANSWER\n\n"}, noon)
	if err != nil || len(got.events) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	ami := newAMI(account{user: "a", password: "x"}, time.Minute, noon)
	if _, err := ami.receive(fields("", amiBannerBegin), noon); err != nil {
		t.Fatal(err)
	}
	if got, err := ami.receive(fields("Event", "Hangup", "Channel", "x"), noon); err != nil || len(got.events) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestBackoff(t *testing.T) {
	b := new(backoff)
	for i, c := range []struct {
		stood   time.Duration
		refused bool
		want    time.Duration
	}{
		{0, false, time.Second},
		{0, false, 2 * time.Second},
		{time.Second, false, 4 * time.Second},
		{0, false, 8 * time.Second},
		{0, false, 16 * time.Second},
		{0, false, 30 * time.Second},
		{0, false, 30 * time.Second},
		{time.Minute, false, time.Second},
		{0, true, time.Minute},
		{0, true, 2 * time.Minute},
		{0, true, 4 * time.Minute},
		{0, true, 8 * time.Minute},
		{0, true, 10 * time.Minute},
		{0, false, time.Second},
	} {
		if got := b.next(c.stood, c.refused); got != c.want {
			t.Errorf("%d: %v, want %v", i, got, c.want)
		}
	}
}

func TestClean(t *testing.T) {
	for _, c := range []struct {
		text, want string
		most       int
	}{
		{" a\r\nb\tc\x00\x7f ", "a\nb c", 100},
		{"a\xffb", "a\uFFFDb", 100},
		{"ééééé", "éé...", 8},
		{"abcdefgh", "abcdefgh", 8},
		{"", "", 8},
	} {
		if got := clean(c.text, c.most); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []struct {
		config Config
		want   string // part of the error, "" = none
	}{
		{Config{}, ""},
		{Config{ESLURL: "esl://:ClueCon@pbx", AMIURL: "ami://house:geheim@[::1]:5039/", Interval: time.Second}, ""},
		{Config{ESLURL: "esl://602%40pbx:x@pbx:8022", ESLCommand: "show channels count"}, ""},
		{Config{ESLURL: "esl://pbx"}, `ESL_URL="esl://pbx": the password is missing; allowed: esl://:password@host`},
		{Config{ESLURL: "esl://:geheim@"}, "not the address"},
		{Config{ESLURL: "ami://:geheim@pbx"}, "not the address"},
		{Config{ESLURL: ":geheim@pbx"}, `ESL_URL="***"`},
		{Config{ESLURL: "esl://:geheim@pbx/status"}, `ESL_URL="esl://:xxxxx@pbx/status": there is something after the host`},
		{Config{ESLURL: "esl://:geheim@pbx:0"}, "the port"},
		{Config{ESLURL: "esl://:geheim%0a@pbx"}, "line break"},
		{Config{ESLCommand: "status\n\nexit"}, `ESL_COMMAND=`},
		{Config{ESLCommand: " "}, `ESL_COMMAND=`},
		{Config{ESLCommand: strings.Repeat("x", 600)}, `ESL_COMMAND=`},
		{Config{AMIURL: "ami://:geheim@pbx"}, "the user is missing"},
		{Config{AMIURL: "ami://house@pbx"}, "the password is missing"},
		{Config{AMIURL: "ami://ho%0duse:geheim@pbx"}, "line break"},
		{Config{Interval: time.Millisecond}, "interval"},
		{Config{Interval: 2 * time.Hour}, "interval"},
	} {
		err := c.config.Validate()
		var wrong ConfigError
		if c.want == "" && err != nil || c.want != "" && (!errors.As(err, &wrong) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v, want %q", c.config, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "geheim") {
			t.Errorf("%v tells the password", err)
		}
		if _, again := New(c.config); (again == nil) != (err == nil) {
			t.Errorf("New: %v", again)
		}
	}
	p, err := Config{ESLURL: "esl://602%40pbx:a%3Ab@pbx", AMIURL: "ami://h:g@pbx"}.plan()
	if err != nil || *p.esl != (account{"pbx:8021", "602@pbx", "a:b"}) || *p.ami != (account{"pbx:5038", "h", "g"}) ||
		p.command != "status" || p.interval != 30*time.Second {
		t.Errorf("%+v, %v", p, err)
	}
}
