package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// GPIOVM is a small virtual machine whose kernel has a GPIO chip "panel" with the lines bell, relay, lamp and spare. The
// service is in it as housephone. The host's loopback is HostInVM there.
type GPIOVM struct {
	*Process
	t      testing.TB
	kernel string // path of the kernel's log
}

// HostInVM is the address by which a GPIOVM reaches the host's loopback.
const HostInVM = "10.0.2.2"

// Times within which an emulated machine has booted, and has carried out a command.
const (
	bootTimeout  = 3 * time.Minute
	shellTimeout = time.Minute
)

// NewGPIOVM builds the machine if need be, which takes a minute, and boots it. It skips the test on a machine that
// cannot build one, and says why.
func NewGPIOVM(t testing.TB) *GPIOVM {
	t.Helper()
	script, err := filepath.Abs("../scripts/gpio-vm")
	if err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), script, "build")
	said, err := build.CombinedOutput()
	var failed *exec.ExitError
	if errors.As(err, &failed) && failed.ExitCode() == 77 {
		t.Skipf("no virtual machine can be built here: %s", said)
	}
	if err != nil {
		t.Fatalf("%s build: %v\n%s", script, err, said)
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "housephone")
	if err := buildStatic(t.Context(), program); err != nil {
		t.Fatal(err)
	}
	v := &GPIOVM{t: t, kernel: filepath.Join(dir, "kernel.log")}
	v.Process = Start(t, Command{
		Path: script, Args: []string{"run", program, dir}, Env: []string{"XDG_CACHE_HOME=" + cacheDir()}, ReadyTimeout: bootTimeout,
		Ready: func(p *Process) bool { return strings.Contains(p.Log(), "=== ready\n") },
	})
	t.Cleanup(func() {
		if log, err := os.ReadFile(v.kernel); t.Failed() {
			t.Logf("the machine's kernel said (%v):\n%s", err, tail(string(log), shownLog))
		}
	})
	return v
}

// cacheDir is where scripts keep what they build.
func cacheDir() string {
	if dir := os.Getenv("XDG_CACHE_HOME"); dir != "" {
		return dir
	}
	return filepath.Join(os.Getenv("HOME"), ".cache")
}

// buildStatic builds the service without C libraries, which the machine does not have.
func buildStatic(ctx context.Context, path string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "housephone/cmd/housephone")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// Try runs one line of shell and returns what it wrote, without the last newline, and its exit status.
func (v *GPIOVM) Try(line string) (out string, status int) {
	v.t.Helper()
	const mark = "=== "
	begin := len(v.Log())
	v.Say(line)
	if !Eventually(shellTimeout, func() bool {
		said := v.Log()[begin:]
		at := strings.LastIndex("\n"+said, "\n"+mark)
		if at < 0 || !strings.HasSuffix(said, "\n") {
			return false
		}
		var err error
		status, err = strconv.Atoi(strings.TrimSpace(said[at+len(mark):]))
		out = strings.TrimSuffix(said[:at], "\n")
		return err == nil
	}) {
		v.t.Fatalf("no answer to %q: %s", line, v.Log()[begin:])
	}
	return out, status
}

// Shell runs a line of shell that must work and returns what it wrote.
func (v *GPIOVM) Shell(line string) string {
	v.t.Helper()
	out, status := v.Try(line)
	if status != 0 {
		v.t.Fatalf("%q: status %d\n%s", line, status, out)
	}
	return out
}

// Lines of the chip.
const (
	LineBell = iota
	LineRelay
	LineLamp
	LineSpare
)

// Pull pulls a line up or down from outside, as a switch does.
func (v *GPIOVM) Pull(line int, up bool) {
	v.t.Helper()
	v.Shell(pull(line, up))
}

// Bounce pulls a line to and fro faster than a finger could, and leaves it as told.
func (v *GPIOVM) Bounce(line int, up bool) {
	v.t.Helper()
	to, fro := pull(line, up), pull(line, !up)
	v.Shell(strings.Join([]string{to, fro, to, fro, to}, "; "))
}

func pull(line int, up bool) string {
	word := map[bool]string{true: "pull-up", false: "pull-down"}[up]
	return fmt.Sprintf("echo %s >$PANEL/sim_gpio%d/pull", word, line)
}

// High tells the level of a line.
func (v *GPIOVM) High(line int) bool {
	v.t.Helper()
	return v.Shell(fmt.Sprintf("cat $PANEL/sim_gpio%d/value", line)) == "1"
}

// Level waits until a line is high or low.
func (v *GPIOVM) Level(line int, high bool) {
	v.t.Helper()
	if !Eventually(stateTimeout, func() bool { return v.High(line) == high }) {
		v.t.Fatalf("line %d is not high=%v", line, high)
	}
}
