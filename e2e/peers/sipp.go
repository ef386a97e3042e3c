package peers

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// SIPpConfig says how to run a scenario.
type SIPpConfig struct {
	Scenario string            // path of the XML
	Target   string            // host:port that a caller calls; empty for a scenario that is called
	Service  string            // user part that is called, [service] in the scenario
	Calls    int               // default 1
	Timeout  time.Duration     // for all of it, default 30 s
	Keys     map[string]string // [key] in the scenario
	Args     []string          // more of its own arguments
}

// SIPp is a running scenario.
type SIPp struct {
	*Process
	Port    int
	t       testing.TB
	dir     string
	timeout time.Duration
}

// NewSIPp starts a scenario on loopback. A scenario that is called is ready when it returns.
func NewSIPp(t testing.TB, ports *Ports, c SIPpConfig) *SIPp {
	t.Helper()
	if c.Calls == 0 {
		c.Calls = 1
	}
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	s := &SIPp{Port: ports.Next(), t: t, dir: t.TempDir(), timeout: c.Timeout}
	scenario, err := filepath.Abs(c.Scenario)
	if err != nil {
		t.Fatal(err)
	}
	media := ports.Pair()
	args := []string{
		"-sf", scenario, "-i", "127.0.0.1", "-mi", "127.0.0.1", "-p", itoa(s.Port), "-mp", itoa(media),
		"-m", itoa(c.Calls), "-timeout", itoa(int(c.Timeout.Seconds())) + "s", "-timeout_error",
		"-nostdin", "-trace_err", "-error_file", filepath.Join(s.dir, "errors"),
		"-trace_msg", "-message_file", filepath.Join(s.dir, "messages"),
	}
	for k, v := range c.Keys {
		args = append(args, "-key", k, v)
	}
	if c.Service != "" {
		args = append(args, "-s", c.Service)
	}
	args = append(args, c.Args...)
	command := Command{Path: Program(t, "sipp"), Home: s.dir, Quiet: true}
	if c.Target != "" {
		args = append(args, c.Target)
	} else {
		command.Ready = func(*Process) bool { return udpTaken(s.Port) }
	}
	command.Args = args
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("sipp %s, messages:\n%s", filepath.Base(scenario), tail(s.Messages(), shownLog))
		}
	})
	s.Process = Start(t, command)
	return s
}

// Address is host:port where a scenario that is called listens.
func (s *SIPp) Address() string { return Loopback(s.Port) }

// Success waits for the end of the scenario and fails the test unless every call went as it says.
func (s *SIPp) Success() {
	s.t.Helper()
	exit := s.Wait(s.timeout + 5*time.Second)
	if exit.Code != 0 {
		s.t.Fatalf("sipp ended with %d: %s", exit.Code, tail(s.file("errors"), 2000))
	}
}

// Messages is all that went over the wire, as sipp saw it.
func (s *SIPp) Messages() string { return s.file("messages") }

func (s *SIPp) file(name string) string {
	data, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		return ""
	}
	return string(data)
}

// Received are the requests of a method that sipp got, retransmissions too.
func (s *SIPp) Received(method string) []string {
	re := regexp.MustCompile(`(?m)message received \[\d+\] bytes ?:\s+((?:` + method + `) [^\0]*?)\n-{20,}`)
	var found []string
	for _, m := range re.FindAllStringSubmatch(s.Messages()+"\n"+strings.Repeat("-", 20), -1) {
		found = append(found, m[1])
	}
	return found
}
