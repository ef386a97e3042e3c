package peers

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Command says what to start.
type Command struct {
	Name string   // for messages; the program's base name when empty
	Path string   // program
	Args []string // without the program
	Env  []string // NAME=value, added to a small clean environment with a HOME of its own
	Home string   // HOME and working folder; a temporary one when empty
	// Ready is asked until it says yes; nil = ready as soon as it runs.
	Ready func(*Process) bool
	// ReadyTimeout is for Ready (default 20 s).
	ReadyTimeout time.Duration
	// Quiet leaves the output out of a failed test's log.
	Quiet bool
}

// Process is a started program. It leads a process group, so that its children end with it.
type Process struct {
	t     testing.TB
	name  string
	cmd   *exec.Cmd
	log   string
	start time.Time
	stdin io.WriteCloser
	done  chan struct{} // closed when it has ended
	exit  Exit          // valid after done
}

// Exit is how a process ended.
type Exit struct {
	Code int       // exit status; -1 when a signal ended it
	At   time.Time // when
}

const (
	readyTimeout = 20 * time.Second
	stopTimeout  = 8 * time.Second
	poll         = 10 * time.Millisecond
	shownLog     = 12 << 10
)

// Start runs the command, waits until it is ready and stops it when the test ends.
func Start(t testing.TB, c Command) *Process {
	t.Helper()
	if c.Name == "" {
		c.Name = filepath.Base(c.Path)
	}
	if c.Home == "" {
		c.Home = t.TempDir()
	}
	p, err := spawn(t, c)
	if err != nil {
		t.Fatalf("%s: %v", c.Name, err)
	}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() && !c.Quiet {
			t.Logf("%s said:\n%s", p.name, tail(p.Log(), shownLog))
		}
	})
	if c.Ready == nil {
		return p
	}
	limit := c.ReadyTimeout
	if limit == 0 {
		limit = readyTimeout
	}
	ready := Eventually(limit, func() bool { return p.Ended() || c.Ready(p) })
	if !ready || p.Ended() {
		t.Fatalf("%s is not ready (ended: %v)", c.Name, p.Ended())
	}
	return p
}

func spawn(t testing.TB, c Command) (*Process, error) {
	file, err := os.CreateTemp(t.TempDir(), c.Name+"-*.log")
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	// The process outlives the test's context: Cleanup ends it, in order.
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), c.Path, c.Args...)
	cmd.Dir = c.Home
	cmd.Env = append([]string{"HOME=" + c.Home, "XDG_RUNTIME_DIR=" + c.Home, "PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin", "LANG=C.UTF-8", "TMPDIR=" + os.TempDir()}, c.Env...)
	cmd.Stdout, cmd.Stderr = file, file
	// A killed test run must not leave peers behind.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &Process{t: t, name: c.Name, cmd: cmd, log: file.Name(), start: time.Now(), stdin: stdin, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		p.exit = Exit{Code: cmd.ProcessState.ExitCode(), At: time.Now()}
		close(p.done)
	}()
	return p, nil
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Log is all it has written so far, standard output and error together.
func (p *Process) Log() string {
	data, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// WaitLog waits until a line matches and returns the match.
func (p *Process) WaitLog(pattern string, timeout time.Duration) []string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	var found []string
	if !Eventually(timeout, func() bool { found = re.FindStringSubmatch(p.Log()); return found != nil }) {
		p.t.Fatalf("%s never said %q", p.name, pattern)
	}
	return found
}

// Say writes a line to its standard input.
func (p *Process) Say(line string) {
	p.t.Helper()
	if _, err := io.WriteString(p.stdin, line+"\n"); err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
}

// Ended tells whether the process is gone.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Signal sends a signal to the process alone.
func (p *Process) Signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil && !p.Ended() {
		p.t.Fatalf("%s: %v", p.name, err)
	}
}

// Wait waits for the end; it fails the test when that takes longer than timeout.
func (p *Process) Wait(timeout time.Duration) Exit {
	p.t.Helper()
	select {
	case <-p.done:
		return p.exit
	case <-time.After(timeout):
		p.t.Fatalf("%s has not ended after %v", p.name, timeout)
		return Exit{}
	}
}

// Stop asks the process to end, then makes it.
func (p *Process) Stop() Exit {
	_ = p.stdin.Close()
	_ = p.cmd.Process.Signal(syscall.SIGCONT)
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return p.exit
	case <-time.After(stopTimeout):
		return p.Kill()
	}
}

// Kill ends the process and its children at once.
func (p *Process) Kill() Exit {
	if !p.Ended() {
		_ = syscall.Kill(-p.PID(), syscall.SIGKILL)
	}
	<-p.done
	return p.exit
}

// Eventually asks until the answer is yes or the time is over, and returns the last answer.
func Eventually(timeout time.Duration, ok func() bool) bool {
	for end := time.Now().Add(timeout); time.Now().Before(end); time.Sleep(poll) {
		if ok() {
			return true
		}
	}
	return ok()
}

// Run runs a program to its end and returns its output; it fails the test when the exit status is not 0.
func Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Program finds an installed program, also in the folders of the daemons; it fails the test when there is none.
func Program(t testing.TB, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/sbin"} {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			return path
		}
	}
	t.Fatalf("%s is not installed; scripts/deps installs it", name)
	return ""
}

func tail(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return fmt.Sprintf("... (%d bytes before)\n%s", len(s)-n, s[len(s)-n:])
}
