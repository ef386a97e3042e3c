package transport

import (
	"fmt"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

// A quoted string in a Via does not hide what comes after it, and is printed as it came.
func TestQuotedViaParameters(t *testing.T) {
	l, err := New(Config{OnMessage: func(Flow, sip.Message) {}})
	if err != nil {
		t.Fatal(err)
	}
	for params, want := range map[string]string{
		`branch=z9hG4bKa;x="q";rport`:           `branch=z9hG4bKa;x="q";rport`,
		`x="q;a=b";branch=z9hG4bKa;rport`:       `x="q;a=b";branch=z9hG4bKa;rport`,
		`branch=z9hG4bKa;x="a\"b\\" ; rport`:    `branch=z9hG4bKa;x="a\"b\\";rport`,
		`rport;branch=z9hG4bKa;y=1;x="";z="\""`: `rport;branch=z9hG4bKa;y=1;x="";z="\""`,
		`rport;branch=z9hG4bKa"b`:               "",
		`rport;branch=z9hG4bKa;x="a"b`:          "",
		`rport;branch=z9hG4bKa;"x"=1`:           "",
		`rport;branch=z9hG4bKa;x="a`:            "",
	} {
		msg, err := l.parse([]byte(strings.Replace(request("OPTIONS", ""), "branch=z9hG4bKx", params, 1)))
		if err == nil {
			err = complete(msg)
		}
		if want == "" {
			if err == nil {
				t.Errorf("%s is taken as %q", params, msg.Via().Params)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", params, err)
			continue
		}
		branch, _ := msg.Via().Params.Get("branch")
		got := fmt.Sprint(msg.Via())
		if !strings.HasSuffix(got, ";"+want) || branch != "z9hG4bKa" || !msg.Via().Params.Has("rport") {
			t.Errorf("%s: %q, branch %q", params, got, branch)
		}
	}
}
