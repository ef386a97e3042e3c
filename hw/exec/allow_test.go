package exec

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const goodFile = `
# what the house may do
uptime = /usr/bin/uptime
volume = amixer -q set Master {level:0..100}%
light  = /usr/local/bin/light --room={room:kitchen|hall} {state:on|off}
say    = espeak-ng -- {1:text}
swap   = echo {2} {1:text} {2}
brace  = awk '{{print $1}}' "a b" c\ d
twice  = echo {1} {1:-5..5}
nine   = echo {1}{2}{3}{4}{5}{6}{7}{8}{9}
`

func parse(t *testing.T, file string) Allow {
	t.Helper()
	a, err := ParseAllow(strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestFill(t *testing.T) {
	a := parse(t, goodFile)
	for _, c := range []struct {
		command string
		want    []string // nil = refused
	}{
		{"uptime", []string{"/usr/bin/uptime"}},
		{"  uptime\t", []string{"/usr/bin/uptime"}},
		{"uptime x", nil},
		{"volume level=30", []string{"amixer", "-q", "set", "Master", "30%"}},
		{"volume level=100", []string{"amixer", "-q", "set", "Master", "100%"}},
		{"volume level=101", nil},
		{"volume level=-1", nil},
		{"volume level=+1", nil},
		{"volume level=007", nil},
		{"volume level=1e2", nil},
		{"volume 30", nil},
		{"volume Level=30", nil},
		{"volume", nil},
		{"volume level=30 level=30", nil},
		{"light state=on room=hall", []string{"/usr/local/bin/light", "--room=hall", "on"}},
		{"light room=hall", nil},
		{"light room=hall room=hall", nil},
		{"light room=attic state=on", nil},
		{"light room=hall|kitchen state=on", nil},
		{"say 'hello  world; rm -rf / $(id) `id`'", []string{"espeak-ng", "--", "hello  world; rm -rf / $(id) `id`"}},
		{`say "it's \"here\" \\ \n"`, []string{"espeak-ng", "--", `it's "here" \ \n`}},
		{"say --help", nil},
		{"say ''", nil},
		{"say " + strings.Repeat("x", maxArgument), []string{"espeak-ng", "--", strings.Repeat("x", maxArgument)}},
		{"say " + strings.Repeat("x", maxArgument+1), nil},
		{"say {2}", []string{"espeak-ng", "--", "{2}"}}, // what is filled in is not read again
		{"swap 'a b' c", []string{"echo", "c", "a b", "c"}},
		{"swap 'a b' 'c d'", nil},
		{"swap a ../x", nil},
		{"swap a /etc/passwd", nil},
		{"swap a .hidden", nil},
		{"swap a -x", nil},
		{"swap a é", nil},
		{"brace", []string{"awk", "{print $1}", "a b", "c d"}},
		{"twice -5", []string{"echo", "-5", "-5"}},
		{"twice a", nil},
		{"nine 1 2 3 4 5 6 7 8 9", []string{"echo", "123456789"}},
	} {
		words, err := split(c.command)
		if err != nil {
			t.Errorf("%s: %v", c.command, err)
			continue
		}
		got, err := a.entries[words[0]].fill(words[1:])
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.command, diff)
		}
		if (err == nil) != (c.want != nil) || err != nil && !errors.Is(err, ErrArgument) {
			t.Errorf("%s: error %v", c.command, err)
		}
	}
}

func TestRefusalsTellTheUsage(t *testing.T) {
	a := parse(t, goodFile)
	for name, want := range map[string]string{
		"light":  "light: argument not accepted: 5 given, usage: light room=<kitchen|hall> state=<on|off>",
		"swap":   "swap: argument not accepted: 5 given, usage: swap <text> <word>",
		"volume": "volume: argument not accepted: 5 given, usage: volume level=<0..100>",
	} {
		_, err := a.entries[name].fill(make([]string, 5))
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := a.entries["say"].fill([]string{"-secret"})
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}

func TestAllowNames(t *testing.T) {
	want := []string{"brace", "light", "nine", "say", "swap", "twice", "uptime", "volume"}
	if diff := cmp.Diff(want, parse(t, goodFile).Names()); diff != "" {
		t.Error(diff)
	}
}

func TestBadAllowFiles(t *testing.T) {
	for file, want := range map[string]string{
		"uptime":                            "line 1: not a line of",
		"\n\n = /bin/true":                  "line 3: not a line of",
		"a b = /bin/true":                   "line 1: not a line of",
		"-x = /bin/true":                    "line 1: not a line of",
		"a=":                                "line 1: a has no program",
		"a=''":                              `line 1: program ""`,
		"a=bin/true":                        `line 1: program "bin/true": an absolute path`,
		"a=../true":                         `line 1: program "../true": an absolute path`,
		"a={1}":                             `line 1: program "{1}": a placeholder is not possible there`,
		"a=/bin/{x}":                        "a placeholder is not possible there",
		"a=/bin/true\na=/bin/false":         "line 2: a is given twice",
		"a=echo 'x":                         "line 1: not a command: a quote ' is not closed",
		"a=echo \"x":                        "a quote \" is not closed",
		"a=echo x\\":                        "nothing follows the backslash",
		"a=echo \x01":                       "control character",
		"a=echo \xff":                       "not UTF-8",
		"a=echo {":                          "a brace stands alone",
		"a=echo }":                          "a brace stands alone",
		"a=echo {}":                         "a placeholder is",
		"a=echo {0}":                        "a placeholder is",
		"a=echo {10}":                       "a placeholder is",
		"a=echo {x-y}":                      "a placeholder is",
		"a=echo {x:}":                       `unknown kind ""`,
		"a=echo {x:txt}":                    `unknown kind "txt"`,
		"a=echo {x:5..1}":                   "not a range",
		"a=echo {x:..}":                     "not a range",
		"a=echo {x:a||b}":                   "a choice is empty",
		"a=echo {1} {3}":                    "without a gap",
		"a=echo {1} {x}":                    "without a gap",
		"a=echo {x:word} {x:text}":          "{x} has two kinds",
		"# " + strings.Repeat("x", 5000):    "line 1: longer than 4096 bytes",
		strings.Repeat("# x\n", 20000):      "longer than 65536 bytes",
		"a=echo\n" + strings.Repeat("#", 1): "", // the last line may lack its end
	} {
		_, err := ParseAllow(strings.NewReader(file))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.40q: %v, want %q", file, err, want)
		}
	}
}

func TestSplitRefuses(t *testing.T) {
	for _, line := range []string{"a\nrm", "a\rb", "a\x00b", "a\x1b[2J", "a'b", `a"b`, `a\`, "a\xff", "a\u0085b"} {
		if words, err := split(line); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %q, %v", line, words, err)
		}
	}
}

// TestRemoteLine has the line read back by the shells of this machine.
func TestRemoteLine(t *testing.T) {
	argv := []string{
		"a", "", "a b", "it's", `back\slash`, `\'; echo pwned; '`, `'`, `''`, `\\`, `"`, "$HOME", "`id`", "$(id)", "*", "~", "=ls", "#", "!x",
		"a\nb", "%1", "{a,b}", "é日", "-n", "a;b", "a&b", "a|b", "<", ">", "\t", "^", "[a]", "?",
	}
	for _, shell := range []string{"sh", "bash", "zsh", "fish", "tcsh"} {
		path, err := exec.LookPath(shell)
		if err != nil {
			if shell == "sh" {
				t.Error(err)
			}
			continue
		}
		args := argv
		if shell == "tcsh" { // has no way to write these two
			args = slices.DeleteFunc(slices.Clone(argv), func(a string) bool { return strings.ContainsAny(a, "\n!") })
		}
		line := remoteLine(append([]string{"printf", `%s\000`}, args...))
		out, err := exec.CommandContext(t.Context(), path, "-c", line).Output()
		if err != nil {
			t.Errorf("%s: %v", shell, err)
		}
		if diff := cmp.Diff(strings.Join(args, "\x00")+"\x00", string(out)); diff != "" {
			t.Errorf("%s: %s", shell, diff)
		}
	}
}

func TestOutputIsCut(t *testing.T) {
	var o output
	whole := strings.Repeat("é", MaxOutput/2)
	for _, b := range []byte(whole) {
		if n, err := o.Write([]byte{b}); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	if o.String() != whole {
		t.Error("what fits was changed")
	}
	var p output
	_, _ = p.Write([]byte("x" + whole)) // it does not fail
	if want := "x" + whole[:MaxOutput-2] + "\n[cut: 2 more bytes]"; p.String() != want {
		t.Errorf("ends with %q", p.String()[len(p.String())-40:])
	}
	var q output
	_, _ = q.Write([]byte("a\xff\xfeb"))
	if q.String() != "a\uFFFDb" {
		t.Errorf("%q", q.String())
	}
}

func FuzzAllow(f *testing.F) {
	f.Add(goodFile, "volume level=3")
	f.Add("a = echo {{ }} {1:text} '{2:1..3}'", "a 'x y' 2")
	f.Fuzz(func(t *testing.T, file, command string) {
		a, err := ParseAllow(strings.NewReader(file))
		if err != nil {
			return
		}
		words, err := split(command)
		if err != nil || len(words) == 0 {
			return
		}
		e, ok := a.entries[words[0]]
		if !ok {
			return
		}
		argv, err := e.fill(words[1:])
		if err != nil {
			return
		}
		if len(argv) != len(e.argv) || argv[0] != e.argv[0].fill(nil) {
			t.Errorf("%q became %q", command, argv)
		}
	})
}

// FuzzRemoteLine: what is quoted is read back as it was.
func FuzzRemoteLine(f *testing.F) {
	f.Add("a", `it's a \ "test"`)
	f.Add("", `\'; echo '`)
	f.Fuzz(func(t *testing.T, first, second string) {
		argv := []string{first, second}
		if printable(first) != nil || printable(second) != nil {
			return
		}
		back, err := split(remoteLine(argv))
		if err != nil || !slices.Equal(argv, back) {
			t.Errorf("%q became %q, then %q, %v", argv, remoteLine(argv), back, err)
		}
	})
}

func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	path := t.TempDir() + "/" + name
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
