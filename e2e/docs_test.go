package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"housephone/e2e/peers"
)

// block is a fenced block of a page.
type block struct {
	page     string // without its folder
	line     int
	language string
	text     string
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.page, b.line) }

// blocks reads the fenced blocks of a page.
func blocks(t *testing.T, path string) []block {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []block
	inside := false
	for i, line := range strings.Split(string(text), "\n") {
		language, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && inside:
			inside = false
		case fence:
			inside = true
			all = append(all, block{page: filepath.Base(path), line: i + 1, language: language})
		case inside:
			all[len(all)-1].text += line + "\n"
		}
	}
	if inside {
		t.Errorf("%s: the last block has no end", path)
	}
	return all
}

// pages are the README and everything in docs.
func pages(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob("../docs/*.md")
	if err != nil || len(found) < 10 {
		t.Fatalf("only %d pages: %v", len(found), err)
	}
	return append(found, "../README.md", "../CONTRIBUTING.md")
}

// notRun are the blocks that are not executed, by page and what they begin with, and why.
func notRun() map[string]string {
	return map[string]string{
		"audio.md mosquitto_pub -t housephone/phone/generic/set -m echotest": "it wants a microphone and a loudspeaker",
		"audio.md aplay -l":                   "it wants a sound card",
		"audio.md openssl s_client":           "it wants a server with TLS; TestOpenSSLSaysTheSame does it",
		"README.md make test":                 "it is what runs this test",
		"containers.md docker compose up":     "no container engine here; TestCompose reads the file, make image runs the image",
		"kubernetes.md kubectl create secret": "no cluster here; make chart renders and validates the chart",
		"kubernetes.md helm install hall":     "no cluster here; make chart renders and validates the chart with a pair",
		"packages.md sudo apt install":        "it changes this machine; make packages installs it in a container",
		"packages.md CGO_ENABLED=0":           "a build for another machine; make release does it",
		"packages.md #!/bin/sh /etc/rc":       "a file for OpenWrt, which is not here",
		"scale.md for n in":                   "no cluster here; make chart renders the values file",
	}
}

// setting is what a page presupposes: the telephone that its commands speak to.
type setting struct {
	env  env
	call bool // a call is in progress
	tape bool // calls are recorded, and there is a message
}

func settings() map[string]setting {
	voice := env{"PHONE_MODE": "ivr", "AUDIO_CAPTURE": "none", "PHONE_MAX_CALLS": "4"}
	return map[string]setting{
		"ivr.md":         {env: voice, call: true, tape: true},
		"topics.md":      {env: voice, call: true, tape: true},
		"quick-start.md": {env: voice},
		"hardware.md":    {env: env{"HW_DOORBELL": "sim", "HW_DOOR": "sim", "HW_DISPLAY": "sim"}},
	}
}

// standIns are what the pages name and this machine has not, and what stands in for it. The longest name counts first.
func (s shop) standIns() map[string]string {
	return map[string]string{
		"mqtt://192.168.1.2":  fmt.Sprintf("mqtt://127.0.0.1:%d", s.h.MQTTPort), // the broker
		"192.168.1.20":        s.b.Address(),                                    // a telephone
		"+39333123456":        s.b.Address(),
		"601":                 s.b.Address(),
		"602":                 s.b.Address(),
		"fritz.box":           "127.0.0.1", // a server that does not answer
		"/srv/sounds":         s.media,
		"/etc/ssl/my-ca.pem":  s.ca,
		"SIP_PASSWORD=...":    "SIP_PASSWORD=secret",
		"stun.example.com":    "127.0.0.1",
		"/etc/housephone/sip": s.secret,
	}
}

// Every command of the manual is executed: against a running telephone, with stand-ins for what is not here. The commands
// that cannot be are listed with the reason.
func TestDocsCommands(t *testing.T) {
	t.Parallel()
	left, found := notRun(), map[string]bool{}
	ran := 0
	for _, page := range pages(t) {
		var todo []block
		for _, b := range blocks(t, page) {
			if b.language == "sh" && !excused(left, found, b) {
				todo = append(todo, b)
			}
		}
		if len(todo) == 0 {
			continue
		}
		ran += len(todo)
		t.Run(filepath.Base(page), func(t *testing.T) {
			t.Parallel()
			s := newShop(t, settings()[filepath.Base(page)])
			for _, b := range todo {
				s.execute(b)
			}
		})
	}
	for what := range left {
		if !found[what] {
			t.Errorf("no block begins with %q any more", what)
		}
	}
	if ran < 20 {
		t.Errorf("only %d blocks found: the search is broken", ran)
	}
}

// excused tells whether a block is among those that are not run, and notes which of them it is.
func excused(left map[string]string, found map[string]bool, b block) bool {
	for what := range left {
		if strings.HasPrefix(b.page+" "+b.text, what) {
			found[what] = true
			return true
		}
	}
	return false
}

// shop is what the commands of one page find: the programs, a telephone that runs, and another one to call.
type shop struct {
	t      *testing.T
	h      *peers.Housephone
	b      *peers.Baresip
	bin    string // stand-ins for programs
	media  string // folder of sounds
	ca     string // certificate of an authority
	secret string // file of a password
	work   string
	call   bool     // a call is in progress when a block begins
	second []string // environment of the service that a block starts itself
}

// goStandIn runs what "go run" would.
const goStandIn = `#!/bin/sh
[ "$1 $2" = "run ./cmd/housephone" ] || { echo "go $*: not known to this test" >&2; exit 1; }
shift 2
exec housephone "$@"
`

// serviceStandIn runs the service until it is healthy; with arguments, to its end.
const serviceStandIn = `#!/bin/sh
[ $# -eq 0 ] || exec %[1]s "$@"
%[1]s & pid=$!
n=0
until %[1]s -health >/dev/null 2>&1; do
	kill -0 $pid || exit 1
	n=$((n + 1)); [ $n -lt 300 ] || exit 1
	sleep 0.1
done
kill $pid; wait $pid
`

// The clients speak to the page's broker; who would listen for ever listens for a second. What says itself how long it
// listens is one of the examples' scripts.
const pubStandIn = `#!/bin/sh
exec %s -h 127.0.0.1 -p "$MQTT_PORT" "$@"
`

const subStandIn = `#!/bin/sh
case " $* " in *" -W "*) exec %[1]s "$@" ;; esac
%[1]s -h 127.0.0.1 -p "$MQTT_PORT" "$@" -W 1
[ $? -eq 27 ]
`

func newShop(t *testing.T, set setting) shop {
	t.Helper()
	ports := peers.NewPorts(t)
	s := shop{t: t, call: set.call, b: peers.NewBaresip(t, ports, peers.BaresipConfig{Account: ";regint=0;answermode=auto"}), bin: t.TempDir(),
		media: t.TempDir(), ca: peers.NewCertificates(t).CAFile, work: peers.Checkout(t)}
	s.sounds()
	e := env{"MEDIA_DIR": s.media}
	maps.Copy(e, set.env)
	if set.tape {
		e["RECORD_DIR"] = recordings(t)
	}
	s.h = start(t, ports, e)
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(s.bin, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write("go", goStandIn)
	write("mosquitto_pub", fmt.Sprintf(pubStandIn, peers.Program(t, "mosquitto_pub")))
	write("mosquitto_sub", fmt.Sprintf(subStandIn, peers.Program(t, "mosquitto_sub")))
	write("housephone", fmt.Sprintf(serviceStandIn, program))
	s.secret = filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(s.secret, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	first, last := ports.Range(8, 2)
	s.second = []string{
		"HTTP_LISTEN=" + peers.Loopback(ports.Next()), "MQTT_LISTEN=" + peers.Loopback(ports.Next()), "SIP_LISTEN=" + peers.Loopback(ports.Pair()),
		fmt.Sprintf("SIP_RTP_PORTS=%d-%d", first, last),
	}
	return s
}

// recordings is a folder with the message that the pages name.
func recordings(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	tone, err := os.ReadFile(peers.WriteTone(t, 1200, time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "voice"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "voice", "20260301-172005.wav"), tone, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// fresh ends the calls of the last block, and begins the one that the page presupposes.
func (s shop) fresh() {
	s.t.Helper()
	for range 10 {
		if !s.h.Try("call", "hangup", nil).OK {
			break
		}
	}
	if s.call {
		s.h.Do("call", s.b.Address())
		s.h.State("status", "active")
	}
}

// sounds are the files that the pages name.
func (s shop) sounds() {
	s.t.Helper()
	tone, err := os.ReadFile(peers.WriteTone(s.t, 1200, time.Second))
	if err != nil {
		s.t.Fatal(err)
	}
	// MPEG 1 layer III, 128 kbit/s, 44.1 kHz: frames without any coefficient are silence
	frame := append([]byte{0xff, 0xfb, 0x90, 0x64}, make([]byte, 413)...)
	for name, data := range map[string][]byte{"welcome.wav": tone, "gong.wav": tone, "music.mp3": bytes.Repeat(frame, 40)} {
		if err := os.WriteFile(filepath.Join(s.media, name), data, 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
}

// assignments is a block that only sets variables.
var assignments = regexp.MustCompile(`^(\s*('[A-Z_]+=[^']*'|[A-Z_]+=\S*)\s*)+$`)

// execute runs a block as a shell would, line by line, and looks at the answers to the commands that it sent.
func (s shop) execute(b block) {
	s.t.Helper()
	s.fresh()
	names := s.standIns()
	var pairs []string
	for _, name := range slices.SortedFunc(maps.Keys(names), func(a, b string) int { return len(b) - len(a) }) {
		pairs = append(pairs, name, names[name])
	}
	text := strings.NewReplacer(pairs...).Replace(b.text)
	if assignments.MatchString(text) {
		text = "env " + strings.Join(strings.Fields(text), " ") + " housephone -check\n"
	}
	mark := s.h.Mark()
	cmd := exec.CommandContext(s.t.Context(), "bash", "-euo", "pipefail", "-c", text)
	cmd.Dir = s.work
	cmd.Env = append(os.Environ(), s.second...)
	cmd.Env = append(cmd.Env, "PATH="+s.bin+":"+os.Getenv("PATH"), fmt.Sprintf("MQTT_PORT=%d", s.h.MQTTPort), "PASSWORD=secret", "HOME="+s.t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Errorf("%s: %v\n%s\nsaid:\n%s", b, err, text, out)
		return
	}
	s.answers(b, mark)
}

// answers looks at what came of the commands of a block: they are ones that the telephone has and understands.
func (s shop) answers(b block, mark peers.Mark) {
	s.t.Helper()
	sent := strings.Count(b.text, "mosquitto_pub ")
	var results []peers.Message
	if !peers.Eventually(patience, func() bool { results = s.h.Since(mark, s.h.Topic("result")); return len(results) >= sent }) {
		s.t.Errorf("%s: %d commands, %d answers", b, sent, len(results))
	}
	for _, m := range results {
		var r peers.Result
		if err := json.Unmarshal([]byte(m.Payload), &r); err != nil || slices.Contains([]string{"invalid", "not_supported", "failed"}, r.Code) {
			s.t.Errorf("%s: %s", b, m.Payload)
		}
	}
}

// What is shown as JSON or YAML is that.
func TestDocsDocuments(t *testing.T) {
	t.Parallel()
	for _, page := range pages(t) {
		for _, b := range blocks(t, page) {
			switch b.language {
			case "json":
				for line := range strings.Lines(b.text) {
					if !json.Valid([]byte(line)) {
						t.Errorf("%s is no JSON: %s", b, line)
					}
				}
			case "yaml":
				var any any
				if err := yaml.Unmarshal([]byte(b.text), &any); err != nil {
					t.Errorf("%s: %v", b, err)
				}
			}
		}
	}
}

// The page about trouble has the words of every hint that registration/info can give, and no others.
func TestDocsHints(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "| `hint` |")
	table, _, _ = strings.Cut(table, "\n\n")
	var quoted []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(table, -1) {
		quoted = append(quoted, m[1])
	}
	hints := hintTexts(t)
	if len(quoted) < 30 || len(hints) < 30 {
		t.Fatalf("%d phrases, %d hints: the search is broken", len(quoted), len(hints))
	}
	for _, phrase := range quoted {
		if !slices.ContainsFunc(hints, func(hint string) bool { return strings.Contains(hint, phrase) }) {
			t.Errorf("no hint says %q", phrase)
		}
	}
	for _, hint := range hints {
		if !slices.ContainsFunc(quoted, func(phrase string) bool { return strings.Contains(hint, phrase) }) {
			t.Errorf("the page does not have the hint %q", hint)
		}
	}
}

// hintTexts are the constant parts of the hints in phone/account: each sentence of its functions called ...Hint, and what
// is assigned to a member called hint.
func hintTexts(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, name := range []string{"failure.go", "trouble.go", "answer.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), "../phone/account/"+name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch v := n.(type) {
			case *ast.ReturnStmt:
				all = append(all, sentences(v.Results)...)
			case *ast.KeyValueExpr:
				if key, ok := v.Key.(*ast.Ident); ok && strings.EqualFold(key.Name, "hint") {
					all = append(all, sentences([]ast.Expr{v.Value})...)
				}
			case *ast.AssignStmt:
				if target, ok := v.Lhs[0].(*ast.SelectorExpr); ok && target.Sel.Name == "hint" {
					all = append(all, sentences(v.Rhs)...)
				}
			}
			return true
		})
	}
	return all
}

// sentences joins the constant parts of expressions such as m.server() + " does not answer"; short ones are no hints.
func sentences(list []ast.Expr) []string {
	var out []string
	for _, e := range list {
		var text strings.Builder
		ast.Inspect(e, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if s, err := strconv.Unquote(lit.Value); err == nil {
					text.WriteString(s)
				}
			}
			return true
		})
		if text.Len() > 20 {
			out = append(out, text.String())
		}
	}
	return out
}
