package exec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func newRunner(t *testing.T, c Config) *Runner {
	t.Helper()
	r, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestOffUnlessAllowed(t *testing.T) {
	r := newRunner(t, Config{})
	if got, err := r.Run(t.Context(), "uptime"); !errors.Is(err, ErrOff) || got.Exit != -1 || got.Command != "uptime" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAllowed(t *testing.T) {
	file := writeFile(t, "allow", `
hello = /bin/echo hello {1:text}
show  = printf "<%s>" a "b c" {x}
fail  = /bin/sh -c 'echo out; echo err >&2; exit 7'
env   = /usr/bin/env
stdin = /bin/cat
pwd   = pwd
none  = no-such-program-anywhere
noway = /no/such/program
dir   = /tmp
`)
	r := newRunner(t, Config{AllowFile: file, Log: slog.New(slog.DiscardHandler)})
	t.Setenv("MQTT_PASSWORD", "secret")
	for _, c := range []struct {
		command, stdout, stderr string
		exit                    int
		err                     error
	}{
		{"hello world", "hello world\n", "", 0, nil},
		{"hello 'a; touch /tmp/x'", "hello a; touch /tmp/x\n", "", 0, nil},
		{"show x=1", "<a><b c><1>", "", 0, nil},
		{"fail", "out\n", "err\n", 7, nil},
		{"stdin", "", "", 0, nil},
		{"pwd", "/\n", "", 0, nil},
		{"none", "", "", -1, ErrStart},
		{"noway", "", "", -1, ErrStart},
		{"dir", "", "", -1, ErrStart},
		{"", "", "", -1, ErrInvalid},
		{" ", "", "", -1, ErrInvalid},
		{"rm -rf /", "", "", -1, ErrNotAllowed},
		{"hello; rm", "", "", -1, ErrNotAllowed},
		{"/bin/echo x", "", "", -1, ErrNotAllowed},
		{"Hello x", "", "", -1, ErrNotAllowed},
		{"hello", "", "", -1, ErrArgument},
		{"hello a b", "", "", -1, ErrArgument},
		{"hello a\nb", "", "", -1, ErrInvalid},
		{"hello 'a", "", "", -1, ErrInvalid},
		{"hello " + strings.Repeat("a", MaxCommand), "", "", -1, ErrInvalid},
	} {
		got, err := r.Run(t.Context(), c.command)
		if got.Stdout != c.stdout || got.Stderr != c.stderr || got.Exit != c.exit || !errors.Is(err, c.err) || got.Command != c.command {
			t.Errorf("%.40s: %+v, %v", c.command, got, err)
		}
	}
	got, err := r.Run(t.Context(), "env")
	if err != nil || strings.Contains(got.Stdout, "secret") || !strings.Contains(got.Stdout, "PATH="+searchPath) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestShell(t *testing.T) {
	r := newRunner(t, Config{Shell: true})
	for _, c := range []struct {
		command, stdout string
		exit            int
		err             error
	}{
		{"echo a; echo b | tr b c", "a\nc\n", 0, nil},
		{"echo a\necho b", "a\nb\n", 0, nil},
		{"exit 3", "", 3, nil},
		{"kill -TERM $$", "", -1, ErrEnded},
		{"", "", -1, ErrInvalid},
		{"echo \x00", "", -1, ErrInvalid},
	} {
		got, err := r.Run(t.Context(), c.command)
		if got.Stdout != c.stdout || got.Exit != c.exit || !errors.Is(err, c.err) {
			t.Errorf("%q: %+v, %v", c.command, got, err)
		}
	}
}

func TestNamesGoBeforeTheShell(t *testing.T) {
	r := newRunner(t, Config{Shell: true, AllowFile: writeFile(t, "allow", "echo = /bin/echo name {1}\n")})
	if got, err := r.Run(t.Context(), "echo x"); got.Stdout != "name x\n" || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := r.Run(t.Context(), "echo x y"); !errors.Is(err, ErrArgument) {
		t.Errorf("a name with wrong arguments went to the shell: %v", err)
	}
	for _, command := range []string{"printf free", "printf 'free'\n", `test "a'b" && printf free`} {
		if got, err := r.Run(t.Context(), command); got.Stdout != "free" || err != nil {
			t.Errorf("%q: %+v, %v", command, got, err)
		}
	}
}

// TestTimeoutKillsTheGroup: also what the command has started ends, and what it wrote is told.
func TestTimeoutKillsTheGroup(t *testing.T) {
	r := newRunner(t, Config{Shell: true, Timeout: 500 * time.Millisecond})
	begin := time.Now()
	got, err := r.Run(t.Context(), "trap '' TERM; sleep 300 & echo $!; wait")
	if !errors.Is(err, ErrTimeout) || got.Exit != -1 || time.Since(begin) > 20*time.Second {
		t.Fatalf("%+v, %v", got, err)
	}
	gone(t, got.Stdout)
	if want := "shell: took too long: ended after 500ms"; err.Error() != want {
		t.Errorf("%q", err)
	}
}

// TestLeftoversEnd: the answer does not wait for what a command leaves in the background, which ends with it.
func TestLeftoversEnd(t *testing.T) {
	r := newRunner(t, Config{Shell: true, Timeout: time.Minute})
	got, err := r.Run(t.Context(), "sleep 300 & echo $!; exit 4")
	if err != nil || got.Exit != 4 || got.Duration > 30*time.Second {
		t.Fatalf("%+v, %v", got, err)
	}
	gone(t, got.Stdout)
}

// TestOutOfTheGroup: a process that has left the group is not waited for, though it keeps the output open.
func TestOutOfTheGroup(t *testing.T) {
	r := newRunner(t, Config{Shell: true, Timeout: time.Minute})
	got, err := r.Run(t.Context(), "setsid sleep 300 & echo $!; sleep 0.3; exit 0")
	if err != nil || got.Exit != 0 || got.Duration > 30*time.Second {
		t.Fatalf("%+v, %v", got, err)
	}
	pid := pidOf(t, got.Stdout)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Errorf("the process that left did not go on: %v", err)
	}
}

func TestStop(t *testing.T) {
	r := newRunner(t, Config{Shell: true, Timeout: time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, cancel)
	if got, err := r.Run(ctx, "sleep 300"); !errors.Is(err, context.Canceled) || got.Exit != -1 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := r.Run(ctx, "echo x"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestBigOutput(t *testing.T) {
	r := newRunner(t, Config{Shell: true, Timeout: time.Minute})
	got, err := r.Run(t.Context(), "head -c 1000000 /dev/zero | tr '\\0' x; head -c 20000 /dev/zero | tr '\\0' y >&2")
	if err != nil || got.Exit != 0 {
		t.Fatal(err)
	}
	if want := strings.Repeat("x", MaxOutput) + fmt.Sprintf("\n[cut: %d more bytes]", 1000000-MaxOutput); got.Stdout != want {
		t.Errorf("stdout has %d bytes, ends with %q", len(got.Stdout), got.Stdout[len(got.Stdout)-30:])
	}
	if want := strings.Repeat("y", MaxOutput) + "\n[cut: 3616 more bytes]"; got.Stderr != want {
		t.Errorf("stderr has %d bytes", len(got.Stderr))
	}
}

// TestOneAtATime: a name waits for nobody and is refused while it runs; other names are not.
func TestOneAtATime(t *testing.T) {
	file := writeFile(t, "allow", "wait = /bin/sh -c 'echo x >\"$0\"; sleep 300' {1:text}\nother = echo {1}\n")
	r := newRunner(t, Config{AllowFile: file, Shell: true, Timeout: time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for i := range MaxRunning {
		flag := t.TempDir() + "/running"
		command := "wait " + flag
		if i > 0 {
			command = fmt.Sprintf("echo x >%s; sleep 300", flag)
		}
		all.Go(func() { _, _ = r.Run(ctx, command) }) // it is cancelled
		await(t, flag)
		if i == 0 {
			if _, err := r.Run(ctx, command); !errors.Is(err, ErrBusy) || err.Error() != "wait: still running" {
				t.Errorf("%v", err)
			}
			if _, err := r.Run(ctx, "other x"); err != nil {
				t.Errorf("%v", err)
			}
		}
	}
	if _, err := r.Run(ctx, "other x"); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
	cancel()
	all.Wait()
	if _, err := r.Run(t.Context(), "other x"); err != nil {
		t.Errorf("after the end: %v", err)
	}
}

func TestAllowFileChanges(t *testing.T) {
	file := writeFile(t, "allow", "a = echo one\n")
	var log bytes.Buffer
	r := newRunner(t, Config{AllowFile: file, Log: slog.New(slog.NewTextHandler(&log, nil))})
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := r.Run(t.Context(), "a"); got.Stdout != "one\n" || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	write("a = echo two\n")
	if got, err := r.Run(t.Context(), "a"); got.Stdout != "two\n" || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	write("a = echo two\nb\n")
	for range 3 {
		if _, err := r.Run(t.Context(), "a"); !errors.Is(err, ErrAllowFile) || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%v", err)
		}
	}
	if n := strings.Count(log.String(), "no command is allowed"); n != 1 {
		t.Errorf("logged %d times", n)
	}
	write("a = echo three\n")
	if got, err := r.Run(t.Context(), "a"); got.Stdout != "three\n" || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if err := os.Chmod(file, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Run(t.Context(), "a"); !errors.Is(err, ErrAllowFile) {
		t.Errorf("a file that everybody may write: %v", err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Run(t.Context(), "a"); !errors.Is(err, ErrAllowFile) {
		t.Errorf("no file: %v", err)
	}
}

// TestLogHasNoArguments: they may be secrets.
func TestLogHasNoArguments(t *testing.T) {
	var log bytes.Buffer
	file := writeFile(t, "allow", "a = echo {1:text}\nb = /no/such {1:text}\n")
	r := newRunner(t, Config{AllowFile: file, Shell: true, Log: slog.New(slog.NewTextHandler(&log, nil))})
	for _, command := range []string{"a geheim", "b geheim", "echo geheim", "a -geheim", "exit 3 # geheim"} {
		_, _ = r.Run(t.Context(), command) // some fail
	}
	if log.Len() == 0 || strings.Contains(log.String(), "geheim") {
		t.Error(log.String())
	}
}

func await(t *testing.T, file string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(file); err == nil {
			return
		}
	}
	t.Fatalf("%s did not appear", file)
}

func pidOf(t *testing.T, stdout string) int {
	t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(stdout))
	if err != nil || pid < 2 {
		t.Fatalf("no process id: %q", stdout)
	}
	return pid
}

// gone waits until the process whose number a command wrote has ended.
func gone(t *testing.T, stdout string) {
	t.Helper()
	pid := pidOf(t, stdout)
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(state), ") Z ") { // nobody may wait for it
			return
		}
	}
	t.Errorf("process %d still runs", pid)
}
