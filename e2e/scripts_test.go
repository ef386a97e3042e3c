package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"housephone/e2e/peers"
)

// scripts runs the shell scripts of the examples on a broker with a password.
type scripts struct {
	*peers.Housephone
	t   *testing.T
	b   *peers.Baresip
	env []string
}

func newScripts(t *testing.T, e env) scripts {
	t.Helper()
	t.Parallel()
	ports := peers.NewPorts(t)
	broker, h := onBroker(t, ports, peers.MosquittoConfig{Username: "house", Password: "broker secret-4410"}, e)
	return scripts{Housephone: h, t: t, b: peers.NewBaresip(t, ports, peers.BaresipConfig{}), env: []string{
		"MQTT_PORT=" + fmt.Sprint(broker.Port), "MQTT_USERNAME=" + broker.Username, "MQTT_PASSWORD=" + broker.Password,
	}}
}

func script(t *testing.T, name string) string {
	t.Helper()
	return filepath.Join(peers.Checkout(t), "examples", "scripts", name)
}

// run runs a script to its end and returns what it said and its status.
func (s scripts) run(name string, args ...string) (out string, status int) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), script(s.t, name), args...)
	cmd.Env = append(os.Environ(), s.env...)
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatalf("%s: %v", name, err)
	}
	return strings.TrimSpace(string(text)), cmd.ProcessState.ExitCode()
}

// ok runs a script that has to work.
func (s scripts) ok(name string, args ...string) string {
	s.t.Helper()
	out, status := s.run(name, args...)
	if status != 0 {
		s.t.Fatalf("%s %q: status %d: %s", name, args, status, out)
	}
	return out
}

// begin starts a script that runs until it is ended, and waits until it listens.
func (s scripts) begin(name string, args ...string) *peers.Process {
	s.t.Helper()
	p := peers.Start(s.t, peers.Command{Path: script(s.t, name), Args: args, Env: s.env})
	time.Sleep(time.Second) // nothing tells that it has subscribed
	return p
}

func TestScriptPhone(t *testing.T) {
	s := newScripts(t, nil)
	s.ok("phone.sh", "wait", "status", "hangup", "10")
	calls := s.b.Mark()
	s.ok("phone.sh", "call", s.b.Address())
	s.b.WaitEvent(calls, "CALL_INCOMING", patience)
	if out := s.ok("phone.sh", "get", "call"); out != s.b.Address() {
		t.Errorf("get call: %q", out)
	}
	s.b.Do("accept", "")
	s.ok("phone.sh", "wait", "status", "active", "10")
	s.ok("phone.sh", "keys", "12#")
	if !peers.Eventually(patience, func() bool { return s.b.Keys(calls) == "12#" }) {
		t.Errorf("keys: %q", s.b.Keys(calls))
	}
	s.ok("phone.sh", "set", "volume", "7")
	if out := s.ok("phone.sh", "get", "volume"); out != "7" {
		t.Errorf("get volume: %q", out)
	}
	s.ok("phone.sh", "hangup")
	s.ok("phone.sh", "wait", "status", "hangup", "10")

	ring(t, s.Housephone, s.b)
	s.ok("phone.sh", "answer")
	s.State("status", "active")
	s.ok("phone.sh", "hangup")
	s.Idle()

	// what is refused is told, with a status
	for _, bad := range [][]string{{"set", "volume", "21"}, {"set", "volume", `a "quoted" \ text`}, {"hangup"}, {"call", "nobody@127.0.0.1:1"}} {
		if out, status := s.run("phone.sh", bad...); status != 1 || !strings.HasPrefix(out, "phone: ") || strings.Contains(out, "no answer") {
			t.Errorf("%q: status %d: %s", bad, status, out)
		}
	}
	if _, status := s.run("phone.sh", "wait", "status", "active", "1"); status != 1 {
		t.Errorf("wait for what does not come: status %d", status)
	}
	if _, status := s.run("phone.sh", "dance"); status != 64 {
		t.Errorf("an unknown word: status %d", status)
	}
	s.Terminate()
	if out, status := s.run("phone.sh", "call", "601"); status != 1 || out != "phone: the phone is offline" {
		t.Errorf("offline: status %d: %s", status, out)
	}
}

func TestScriptsInIVRMode(t *testing.T) {
	s := newScripts(t, env{"PHONE_MODE": "ivr", "AUDIO_CAPTURE": "none", "HW_DOOR": "sim", "HW_DOOR_PULSE": "1s"})
	calls, mark := s.b.Mark(), s.Mark()
	s.ok("phone.sh", "say", s.b.Address(), `The "washing machine" is done.`)
	s.b.WaitEvent(calls, "CALL_INCOMING", patience)
	s.b.Do("accept", "")
	s.State("play", `The "washing machine" is done.`)
	s.b.WaitEvent(calls, "CALL_CLOSED", patience)
	s.Idle()

	s.ok("door.sh")
	s.Event(mark, "door", func(v string) bool { return v == "unlocked" })
	s.ok("night.sh", "on")
	s.State("dnd", "1")
	s.ok("night.sh", "off")
	s.State("dnd", "0")
}

func TestScriptsThatListen(t *testing.T) {
	s := newScripts(t, nil)
	file := filepath.Join(t.TempDir(), "calls.tsv")
	log := s.begin("call-log.sh", file)
	rings := s.begin("on-ring.sh", "echo", "rings:")
	for range 2 {
		ring(t, s.Housephone, s.b)
		s.b.Do("hangup", "")
		s.Idle()
	}
	talk(t, s.Housephone, s.b) // a call out is no ring
	s.b.Do("hangup", "")
	s.Idle()
	want := strings.Repeat("rings: "+s.b.Address()+"\n", 2)
	if !peers.Eventually(patience, func() bool { return rings.Log() == want }) {
		t.Errorf("on-ring.sh: %q, want %q", rings.Log(), want)
	}
	var lines []string
	if !peers.Eventually(patience, func() bool {
		text, _ := os.ReadFile(file)
		lines = strings.Split(strings.TrimSpace(string(text)), "\n")
		return len(lines) == 3
	}) {
		t.Fatalf("call-log.sh: %q", lines)
	}
	for _, p := range []*peers.Process{rings, log} {
		if exit := p.Stop(); exit.Code != 143 {
			t.Errorf("SIGTERM: status %d", exit.Code)
		}
	}
	for i, end := range []string{"\tincoming\tbaresip\t0\tcancelled", "\tincoming\tbaresip\t0\tcancelled", "\tcompleted"} {
		if !strings.HasSuffix(lines[i], end) {
			t.Errorf("line %d: %q", i, lines[i])
		}
	}
}

// Each script is run by a test of this package.
func TestEveryScriptIsRun(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("../examples/scripts/*.sh")
	if err != nil || len(scripts) == 0 {
		t.Fatal(scripts, err)
	}
	tests, err := filepath.Glob("*script*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	for _, file := range tests {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(text)
	}
	for _, s := range scripts {
		if name := filepath.Base(s); !strings.Contains(source.String(), `"`+name+`"`) {
			t.Errorf("no test runs %s", name)
		}
	}
}
