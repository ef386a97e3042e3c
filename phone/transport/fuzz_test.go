package transport

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

// FuzzMessage: a message that is taken in can be printed, and what is printed is never read as
// another message.
func FuzzMessage(f *testing.F) {
	for _, method := range []string{"INVITE", "MESSAGE", "REGISTER"} {
		f.Add([]byte(request(method, "a body\r\n\r\n")))
	}
	f.Add([]byte("SIP/2.0 200 OK\r\nv: SIP/2.0/UDP a;branch=z9hG4bK1;received=1.2.3.4, SIP/2.0/TCP b\r\nf: \"A \\\" B\" <sip:a@b;x=y>;tag=1\r\n" +
		"t: sip:c@d;tag=2\r\ni: x@y\r\nCSeq: 1 INVITE\r\nm: *\r\nl: 0\r\n\r\n"))
	kept, _ := filepath.Glob("testdata/messages/*")
	for _, name := range kept {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	l, err := New(Config{OnMessage: func(Flow, sip.Message) {}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		first, err := l.parse(raw)
		if err != nil || complete(first) != nil || twice(first) {
			return
		}
		printed := text(first)
		second, err := l.parse([]byte(printed))
		if err != nil || complete(second) != nil {
			return // because of a header that nobody looks at; answers carry none of these
		}
		if a, b := identity(first), identity(second); a != b {
			t.Errorf("%q is %q, and printed %q", raw, a, b)
		}
	})
}

// twice tells whether a header is there twice that may be there once: package phone answers such a request by 400.
func twice(m sip.Message) bool {
	all, ok := m.(interface {
		GetHeaders(name string) []sip.Header
	})
	for _, name := range []string{"From", "To", "Call-ID", "CSeq", "Content-Length", "Content-Type", "Max-Forwards"} {
		if ok && len(all.GetHeaders(name)) > 1 {
			return true
		}
	}
	return false
}

func text(m sip.Message) string {
	if s, ok := m.(interface{ String() string }); ok {
		return s.String()
	}
	return ""
}

// identity is by what transactions and dialogs tell messages apart.
func identity(m sip.Message) string {
	branch, _ := m.Via().Params.Get("branch")
	from, _ := m.From().Params.Get("tag")
	to, _ := m.To().Params.Get("tag")
	return strings.Join([]string{branch, m.CallID().Value(), m.CSeq().Value(), from, to}, "|")
}
