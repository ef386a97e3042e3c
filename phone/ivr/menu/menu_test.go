package menu

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func parse(t *testing.T, text string) *Menu {
	t.Helper()
	m, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func door(t *testing.T) *Menu {
	t.Helper()
	b, err := os.ReadFile("testdata/door.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(b))
}

// text writes actions in short.
func text(actions []Action) string {
	var parts []string
	for _, a := range actions {
		parts = append(parts, fmt.Sprintf("%s%v", strings.TrimPrefix(reflect.TypeOf(a).String(), "menu."), a))
	}
	return strings.Join(parts, " ")
}

// walk feeds inputs and compares what comes out. Inputs: digits, "quiet",
// "tick", "+N" for N seconds that go by.
func walk(t *testing.T, m *Machine, script ...string) {
	t.Helper()
	now := time.Unix(1000, 0)
	if got := text(m.Start(now)); got != script[0] {
		t.Fatalf("start: %s\nwant   %s", got, script[0])
	}
	for i := 1; i+1 < len(script); i += 2 {
		in, want := script[i], script[i+1]
		var out []Action
		var seconds int
		switch n, _ := fmt.Sscanf(in, "+%d", &seconds); {
		case in == "quiet":
			out = m.Quiet(now)
		case n == 1:
			now = now.Add(time.Duration(seconds) * time.Second)
			out = m.Tick(now)
		default:
			for k := range len(in) {
				out = append(out, m.Key(in[k], now)...)
			}
		}
		if got := text(out); got != want {
			t.Fatalf("step %d, %s:\n%s\nwant\n%s", i, in, got, want)
		}
	}
}

const (
	hello  = "Say{Hello Ann. One for the door, two for a message, three for the office. }"
	askPIN = "Say{Please enter your PIN. }"
)

func TestWalks(t *testing.T) {
	main := "Entered{main} " + hello
	for name, script := range map[string][]string{
		"PIN opens":                {main, "1", "Stop{} Entered{pin} " + askPIN, "1234", "Stop{} Entered{owner} OpenDoor{owner} Publish{ivr/opened by 601} Say{The door is open. }", "quiet", "Hangup{}", "1", "", "quiet", ""},
		"long PIN":                 {main, "1", "Stop{} Entered{pin} " + askPIN, "quiet", "", "987654", "OpenDoor{} " + main},
		"wrong PIN":                {main, "quiet", "", "1", "Entered{pin} " + askPIN, "123", "Stop{}", "999", "WrongPIN{1 false} Say{That was wrong. }", "quiet", "Entered{pin} " + askPIN, "4321#", "Stop{} WrongPIN{0 false} Say{That was wrong. }", "1234", "", "quiet", "Hangup{}"},
		"impatient":                {main, "1", "Stop{} Entered{pin} " + askPIN, "9999#", "Stop{} WrongPIN{1 false} Say{That was wrong. }", "1234", "Stop{} Entered{pin} " + askPIN + " Stop{} Entered{owner} OpenDoor{owner} Publish{ivr/opened by 601} Say{The door is open. }"},
		"short PIN":                {main, "1", "Stop{} Entered{pin} " + askPIN, "12#", "Stop{} WrongPIN{1 false} Say{That was wrong. }", "quiet", "Entered{pin} " + askPIN, "1234", "Stop{} Entered{owner} OpenDoor{owner} Publish{ivr/opened by 601} Say{The door is open. }"},
		"message":                  {main, "2", "Stop{} Say{Speak after the tone. }", "5", "", "quiet", "Entered{record} Record{1m0s 4s} Say{Thank you. }", "quiet", "Hangup{}"},
		"transfer":                 {main, "3", "Stop{} Transfer{601}", "quiet", "", "+99", ""},
		"two digits":               {main, "4", "Stop{}", "2", "Play{answer.wav}", "quiet", main},
		"unknown digit":            {main, "7", "Stop{} Say{I do not know that. }", "quiet", main},
		"half a choice":            {main, "4", "Stop{}", "3", "Say{I do not know that. }", "quiet", main},
		"nobody there":             {main, "+600", "", "quiet", "", "+9", "", "+1", "Say{Good bye. }", "quiet", "Hangup{}"},
		"key starts the time anew": {main, "quiet", "", "+9", "", "4", "", "+9", "", "+1", "Say{Good bye. }"},
		"not a key":                {main, "x", "", "\xff", ""},
	} {
		t.Run(name, func(t *testing.T) {
			walk(t, NewMachine(door(t), nil, Caller{"601", "Ann"}), script...)
		})
	}
}

func TestPostActions(t *testing.T) {
	for name, tc := range map[string]struct {
		file   string
		script []string
	}{
		"repeat until the time is over": {
			"menu: {message: a, post_action: repeat_message, timeout: 5, choices: {'1': {message: b, post_action: hangup}}}",
			[]string{"Say{a }", "+3", "", "quiet", "Say{a }", "+3", "", "quiet", "Hangup{}"},
		},
		"barge-in while repeating": {
			"menu: {message: a, post_action: repeat_message, choices: {'1': {message: b, post_action: hangup}}}",
			[]string{"Say{a }", "quiet", "Say{a }", "1", "Stop{} Say{b }", "quiet", "Hangup{}"},
		},
		"no barge-in": {
			"menu: {message: a, barge_in: false, choices: {'1': {post_action: hangup}}}",
			[]string{"Say{a }", "1", "", "quiet", "", "1", "Hangup{}"},
		},
		"no default says it again": {
			"menu: {message: a, choices: {'1': {post_action: hangup}}}",
			[]string{"Say{a }", "5", "Stop{} Say{a }", "51", "Stop{} Say{a } Stop{} Hangup{}"},
		},
		"several levels": {
			"menu: {id: r, message: a, choices: {'1': {message: b, choices: {'2': {message: c, post_action: return 2}}}}}",
			[]string{"Entered{r} Say{a }", "12", "Stop{} Say{b } Stop{} Say{c }", "quiet", "Entered{r} Say{a }"},
		},
		"actions sound": {
			"menu: {action: [{say: 'hi {caller}'}, {play: x.wav}, hangup, {say: never}]}",
			[]string{"Say{hi 601 } Play{x.wav} Hangup{}"},
		},
		"silent chain": {
			"menu: {post_action: jump b}\nmenus: [{id: b, post_action: jump c}, {id: c, message: x, voice: de, post_action: hangup}]",
			[]string{"Entered{b} Entered{c} Say{x de}", "quiet", "Hangup{}"},
		},
		"wrong PIN, no default, at once": {
			"pin_attempts: 1\nmenu: {choices_are_pin: true, choices: {'12': {action: open_door}}}",
			[]string{"", "13", "WrongPIN{0 false} Hangup{}"},
		},
	} {
		t.Run(name, func(t *testing.T) { walk(t, NewMachine(parse(t, tc.file), nil, Caller{Number: "601"}), tc.script...) })
	}
}

// TestMessages: what leads to the messages is known.
func TestMessages(t *testing.T) {
	m := parse(t, "menu: {choices: {'1': {action: messages}, '2': {choices_are_pin: true, choices: {'1234': {action: {say: hi}, post_action: jump in, choices: {'5': {id: in, action: messages}}, message: x}}, default: {action: messages}}}}")
	for line, want := range map[string]string{"1": "Messages{false}", "21234": "Say{hi } Say{x } Stop{} Entered{in} Messages{true}", "21111": "WrongPIN{2 false} Messages{false}"} {
		x := NewMachine(m, nil, Caller{})
		now := time.Unix(0, 0)
		out := x.Start(now)
		for i := range len(line) {
			out = append(out, x.Key(line[i], now)...)
		}
		if line == "21234" {
			out = append(out, x.Key('5', now)...)
		}
		if got := text(out); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}

// TestMessagesJump: what lies behind a PIN and can be jumped to from before it is not behind it.
func TestMessagesJump(t *testing.T) {
	const file = "menu: {choices: {'1': {choices_are_pin: true, choices: {'1234': {id: in, choices: {'5': {action: messages}}}}}, '2': %s}}"
	for way, want := range map[string]string{
		"{post_action: jump in}":                                  "Entered{in} Messages{false}",
		"{choices: {timeout: {post_action: jump in}}}":            "Entered{in} Messages{false}",
		"{post_action: jump 2nd}, '3': {id: 2nd, message: hello}": "Entered{2nd} Say{hello }",
	} {
		x := NewMachine(parse(t, fmt.Sprintf(file, way)), nil, Caller{})
		now := time.Unix(0, 0)
		out := append(x.Start(now), x.Key('2', now)...)
		if len(out) == 0 { // it waits
			now = now.Add(time.Minute)
			out = x.Tick(now)
		}
		out = append(out, x.Key('5', now)...)
		if got := text(out); got != want {
			t.Errorf("%s: %s, want %s", way, got, want)
		}
	}
}

// TestRest: a collection of keys in between does not cost the caller time.
func TestRest(t *testing.T) {
	m := NewMachine(parse(t, "menu: {timeout: 5, choices: {'1': {post_action: hangup}}}"), nil, Caller{})
	now := time.Unix(0, 0)
	m.Start(now)
	m.Rest(now.Add(4 * time.Second))
	if got := text(m.Tick(now.Add(8 * time.Second))); got != "" {
		t.Error(got)
	}
	if got := text(m.Tick(now.Add(9 * time.Second))); got != "Hangup{}" {
		t.Error(got)
	}
}

// TestGuard: wrong PINs of all calls together lock the right one too.
func TestGuard(t *testing.T) {
	m := parse(t, "pin_attempts: 10\nmenu: {choices_are_pin: true, choices: {'1234': {action: open_door, post_action: hangup}}}")
	g := NewGuard(GuardConfig{Wrong: 3, Within: time.Minute, Lock: time.Minute})
	now := time.Unix(0, 0)
	try := func(pin string) string {
		x := NewMachine(m, g, Caller{})
		out := x.Start(now)
		for i := range len(pin) {
			out = append(out, x.Key(pin[i], now)...)
		}
		return text(out)
	}
	const opened, wrong, locked = "OpenDoor{} Hangup{}", "WrongPIN{9 false}", "WrongPIN{9 true}"
	for i, step := range []struct {
		after time.Duration
		pin   string
		want  string
	}{
		{0, "0000", wrong}, {0, "1234", opened}, {0, "0000", wrong}, {61 * time.Second, "0000", wrong}, {0, "0000", wrong},
		{0, "0000", wrong}, {0, "1234", locked}, {59 * time.Second, "1234", locked}, {time.Second, "1234", opened},
	} {
		now = now.Add(step.after)
		if got := try(step.pin); got != step.want {
			t.Errorf("step %d: %s, want %s", i, got, step.want)
		}
	}
}

func TestSecret(t *testing.T) {
	m := NewMachine(door(t), nil, Caller{})
	if m.Secret() {
		t.Error("secret before it began")
	}
	now := time.Unix(0, 0)
	m.Start(now)
	if m.Secret() {
		t.Error("the choice is no secret")
	}
	m.Key('1', now)
	if !m.Secret() || m.Done() {
		t.Error("the PIN is a secret")
	}
	for i, key := range "99999999999999" {
		if m.Key(byte(key), now); !m.Secret() {
			t.Errorf("key %d may be one of a PIN", i)
		}
	}
	if m.Start(now) != nil {
		t.Error("started twice")
	}
}

// TestFaults: every fault is told with its line.
func TestFaults(t *testing.T) {
	for name, tc := range map[string]struct{ file, want string }{
		"empty":              {"", "line 1: empty menu file"},
		"not YAML":           {"menu: [", "yaml"},
		"two documents":      {"menu: {message: a}\n---\nmenu: {message: b}", "line 1: more than one document"},
		"a list":             {"- a", "line 1: the file must hold words with values"},
		"no menu":            {"pin_attempts: 3", "line 1: there is no menu"},
		"unknown word":       {"menu:\n  massage: hi", `line 2: a menu has no "massage"`},
		"unknown setting":    {"menu: {message: a}\nmneu: 1", `line 2: the file has no "mneu"`},
		"word twice":         {"menu:\n  message: a\n  message: b", "line 3"},
		"both sounds":        {"menu:\n  message: a\n  audio_file: b", "line 2: a menu has a message or an audio_file, not both"},
		"unknown id":         {"menu:\n  message: a\n  post_action: jump nowhere", `line 3: there is no menu with the id "nowhere"`},
		"id twice":           {"menu:\n  id: a\n  choices:\n    '1':\n      id: a", `line 5: id "a" is that of line 2 already`},
		"return too far":     {"menu:\n  message: a\n  post_action: return 1", "line 3: return 1 leads above the first menu"},
		"bad post_action":    {"menu:\n  post_action: explode", "line 2: post_action is"},
		"bad choice":         {"menu:\n  choices:\n    x: {message: a}", "line 3: a choice is made of the keys"},
		"choice twice":       {"menu:\n  choices:\n    '1': {message: a}\n    '1': {message: b}", "line 4"},
		"no choices":         {"menu:\n  choices: {}", "line 2: choices must hold"},
		"unreachable choice": {"menu:\n  message: m\n  choices:\n    '1': {message: a}\n    '12': {message: b}", "line 5: choice 12 can never be reached: 1 is taken first"},
		"unreachable PIN":    {"menu:\n  choices_are_pin: true\n  choices:\n    '1234': {message: a}\n    '12345': {message: b}", "line 5: this PIN can never be entered"},
		"PIN without any":    {"menu:\n  choices_are_pin: true", "line 2: choices_are_pin without choices"},
		"choices skipped":    {"menu:\n  post_action: hangup\n  choices:\n    '1': {message: a}", "line 2: the choices can never be reached"},
		"circle":             {"menu:\n  id: a\n  message: x\n  post_action: jump b\nmenus:\n  - id: b\n    message: y\n    post_action: jump a", "line 4: the menus go in a circle"},
		"circle of one":      {"menu:\n  id: a\n  message: x\n  post_action: jump a", "line 4: the menus go in a circle"},
		"repeats nothing":    {"menu:\n  post_action: repeat_message", "line 2: the menus go in a circle"},
		"timeout":            {"menu:\n  timeout: 0", "line 2: there must be a number from 1 to 3600"},
		"timeout in words":   {"menu:\n  timeout: soon", "line 2: there must be a number"},
		"attempts":           {"pin_attempts: 99\nmenu: {message: a}", "line 1: there must be a number from 1 to 10"},
		"yes or no":          {"menu:\n  barge_in: maybe", "line 2: there must be true or false"},
		"unknown action":     {"menu:\n  action: explode", "line 2: the action is none of"},
		"unknown action 2":   {"menu:\n  action:\n    - explode: now", `line 3: an action has no "explode"`},
		"two in one":         {"menu:\n  action: {say: a, play: b}", "line 2: several actions make a list"},
		"publish nothing":    {"menu:\n  action: {publish: {value: 1}}", "line 2: publish needs a datapoint"},
		"publish to all":     {"menu:\n  action: {publish: {datapoint: '#', value: 1}}", "line 2: publish needs a datapoint"},
		"unknown name":       {"menu:\n  message: hi {user}", "line 2: in braces"},
		"empty text":         {"menu:\n  message: ''", "line 2: there must be a text"},
		"text is a list":     {"menu:\n  message: [a]", "line 2: there must be a text"},
		"header injection":   {"menu:\n  action: {transfer: \"601\\r\\nX: y\"}", "line 2"},
		"alias":              {"menu: &a\n  choices:\n    '1': *a", "line 3: references are not supported"},
		"list without id":    {"menu: {message: a}\nmenus:\n  - message: b", "line 3: a menu of the list needs an id"},
		"no list":            {"menu: {message: a}\nmenus: 7", "line 2: menus must be a list"},
		"deep":               {"menu: " + strings.Repeat("{choices: {'1': ", 20) + "{}" + strings.Repeat("}}", 20), "more than 16 levels"},
		"many actions":       {"menu: {action: [" + strings.Repeat("open_door, ", 20) + "]}", "more than 16 actions"},
		"two defaults":       {"menu: {default: {message: a}, choices: {default: {message: b}}}", "there is a default already"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(tc.file))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
	if _, err := Parse(make([]byte, MaxFile+1)); !errors.Is(err, ErrTooBig) {
		t.Errorf("huge file: %v", err)
	}
	_, err := Parse([]byte("menu:\n  timeout: 0\n  barge_in: 7\n  nonsense: 1"))
	var fault *Error
	if !errors.As(err, &fault) || strings.Count(err.Error(), "line ") != 3 {
		t.Errorf("all faults: %v", err)
	}
}

// TestPINsStaySecret: no fault of a file names a PIN.
func TestPINsStaySecret(t *testing.T) {
	_, err := Parse([]byte("menu:\n  choices_are_pin: true\n  choices:\n    '47110815': {message: a}\n    '4711': {message: b}"))
	if err == nil || strings.Contains(err.Error(), "4711") {
		t.Errorf("%v", err)
	}
}

func refuseGreeting(m *Menu) error {
	for _, n := range m.Nodes() {
		if n.Message == "greeting" {
			return &Error{n.Line, "no greeting here"}
		}
	}
	return nil
}

func TestReload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "menu.yaml")
	at := time.Unix(1_700_000_000, 0)
	write := func(s string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
		at = at.Add(time.Second)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Load(path, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	write("menu: {message: one}")
	f, err := Load(path, refuseGreeting)
	if err != nil {
		t.Fatal(err)
	}
	reload := func(what string, changed, failed bool, message string) {
		t.Helper()
		got, err := f.Reload()
		if got != changed || (err != nil) != failed || f.Menu().Start.Message != message {
			t.Errorf("%s: %v %v %s", what, got, err, f.Menu().Start.Message)
		}
	}
	reload("untouched", false, false, "one")
	write("menu: {message: two}")
	reload("changed", true, false, "two")
	write("menu: {massage: three}")
	reload("broken", false, true, "two")
	reload("broken, told before", false, false, "two")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	reload("gone", false, true, "two")
	reload("gone, told before", false, false, "two")
	write("menu: {message: four}")
	reload("mended", true, false, "four")
	write("menu: {message: greeting}")
	reload("refused by the check", false, true, "four")
}

// FuzzParse: a menu that is accepted can be walked with any keys without end.
func FuzzParse(f *testing.F) {
	b, err := os.ReadFile("testdata/door.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, []byte("11234"))
	f.Add([]byte("menu: {message: a, post_action: repeat_message, choices: {'1': {post_action: return 1}}}"), []byte("1q11t"))
	f.Add([]byte("menu: {id: a, choices: {'1': {post_action: jump b}}}\nmenus: [{id: b, post_action: jump a}]"), []byte("1q1t"))
	f.Fuzz(func(t *testing.T, data, keys []byte) {
		m, err := Parse(data)
		if err != nil {
			return
		}
		x := NewMachine(m, nil, Caller{"1", "2"})
		now := time.Unix(0, 0)
		x.Start(now)
		for _, k := range keys[:min(len(keys), 200)] {
			var out []Action
			switch k {
			case 'q':
				out = x.Quiet(now)
			case 't':
				now = now.Add(time.Hour)
				out = x.Tick(now)
			default:
				out = x.Key(k, now)
			}
			if len(out) > maxNodes*(maxActions+2) {
				t.Fatalf("%d actions at once", len(out))
			}
		}
		if _, ok := x.Deadline(); x.Done() && ok {
			t.Error("time runs after the end")
		}
	})
}
