package exec

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

func TestSSHRuns(t *testing.T) {
	s := startSSHD(t)
	c := s.at(t, s.address, s.hostKey)
	c.AllowFile = writeFile(t, "allow", "show = printf <%s> {1:text} {2:text}\ncat = /bin/cat\n")
	r := newRunner(t, c)
	for _, c := range []struct {
		command, stdout, stderr string
		exit                    int
		err                     error
	}{
		{`show "a b; touch /tmp/x" "it's \\ \$(id)"`, `<a b; touch /tmp/x><it's \ \$(id)>`, "", 0, nil},
		{"cat", "", "", 0, nil},
		{"echo out; echo err >&2; exit 7", "out\n", "err\n", 7, nil},
		{"kill -TERM $$", "", "", 143, nil},
		{"no-such-program", "", "/bin/sh: 1: no-such-program: not found\n", 127, nil},
		{"show a", "", "", -1, ErrArgument},
	} {
		got, err := r.Run(t.Context(), c.command)
		if got.Stdout != c.stdout || got.Stderr != c.stderr || got.Exit != c.exit || !errors.Is(err, c.err) {
			t.Errorf("%s: %+v, %v", c.command, got, err)
		}
	}
	got, err := r.Run(t.Context(), "head -c 1000000 /dev/zero | tr '\\0' x")
	if want := fmt.Sprintf("\n[cut: %d more bytes]", 1000000-MaxOutput); err != nil || !strings.HasSuffix(got.Stdout, want) {
		t.Errorf("%v, %d bytes", err, len(got.Stdout))
	}
}

// TestSSHTimeout: the process group on the host is killed and the connection goes on.
func TestSSHTimeout(t *testing.T) {
	s := startSSHD(t)
	w := newWire(t, s.address)
	c := s.at(t, w.address(), s.hostKey)
	r := newRunner(t, c)
	if _, err := r.Run(t.Context(), "true"); err != nil {
		t.Fatal(err)
	}
	r.plan.timeout = 4 * time.Second // a shell of a busy machine has written its first line by then
	got, err := r.Run(t.Context(), "trap '' TERM HUP; sleep 300 & echo $!; wait")
	if !errors.Is(err, ErrTimeout) || got.Exit != -1 {
		t.Fatalf("%+v, %v", got, err)
	}
	gone(t, got.Stdout)
	r.plan.timeout = time.Minute
	if got, err := r.Run(t.Context(), "echo x"); got.Stdout != "x\n" || err != nil || w.count() != 1 {
		t.Errorf("%+v, %v, %d connections", got, err, w.count())
	}
}

// TestSSHReconnects: a connection that was cut between commands is made anew, one cut during a command is told.
func TestSSHReconnects(t *testing.T) {
	s := startSSHD(t)
	w := newWire(t, s.address)
	r := newRunner(t, s.at(t, w.address(), s.hostKey))
	for i := range 3 {
		if got, err := r.Run(t.Context(), "echo x"); got.Stdout != "x\n" || err != nil || w.count() != i+1 {
			t.Errorf("%+v, %v, %d connections", got, err, w.count())
		}
		w.cut()
	}
	flag := t.TempDir() + "/running"
	var cut sync.WaitGroup
	cut.Go(func() {
		await(t, flag)
		w.cut()
	})
	got, err := r.Run(t.Context(), "echo $$ >>"+flag+"; exec sleep 300")
	if !errors.Is(err, ErrUnreachable) || got.Exit != -1 {
		t.Errorf("%+v, %v", got, err)
	}
	lines, err := os.ReadFile(flag) // one line: it ran once
	if err != nil {
		t.Error(err)
	}
	cut.Wait()
	gone(t, string(lines))
	if got, err := r.Run(t.Context(), "echo x"); got.Stdout != "x\n" || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestSSHSilence: a host that no longer answers is noticed before a command and during one.
func TestSSHSilence(t *testing.T) {
	s := startSSHD(t)
	w := newWire(t, s.address)
	r := newRunner(t, s.at(t, w.address(), s.hostKey))
	h := r.host.(*remote)
	h.answer, h.alive = time.Second, 200*time.Millisecond
	if _, err := r.Run(t.Context(), "true"); err != nil {
		t.Fatal(err)
	}
	w.mute()
	if got, err := r.Run(t.Context(), "echo x"); got.Stdout != "x\n" || err != nil || w.count() != 2 {
		t.Errorf("%+v, %v, %d connections", got, err, w.count())
	}
	flag := t.TempDir() + "/running"
	var muted sync.WaitGroup
	muted.Go(func() {
		await(t, flag)
		w.mute()
	})
	if got, err := r.Run(t.Context(), "echo x >"+flag+"; sleep 5"); !errors.Is(err, ErrUnreachable) {
		t.Errorf("%+v, %v", got, err)
	}
	muted.Wait()
}

// TestSSHTogether: several commands share the connection, and the end of one does not end the others.
func TestSSHTogether(t *testing.T) {
	s := startSSHD(t)
	w := newWire(t, s.address)
	r := newRunner(t, s.at(t, w.address(), s.hostKey))
	var all sync.WaitGroup
	for i := range MaxRunning {
		all.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if i%2 == 1 {
				time.AfterFunc(300*time.Millisecond, cancel)
			}
			got, err := r.Run(ctx, fmt.Sprintf("sleep 1; echo %d", i))
			if i%2 == 0 && (err != nil || got.Stdout != fmt.Sprintln(i)) || i%2 == 1 && !errors.Is(err, context.Canceled) {
				t.Errorf("%d: %+v, %v", i, got, err)
			}
		})
	}
	all.Wait()
	if w.count() != 1 {
		t.Errorf("%d connections", w.count())
	}
}

func TestSSHHostKeys(t *testing.T) {
	s := startSSHD(t)
	other := keyPair(t, t.TempDir()+"/other", "ed25519")
	t.Run("rsa alone is known", func(t *testing.T) {
		r := newRunner(t, s.at(t, s.address, s.rsaKey))
		if got, err := r.Run(t.Context(), "echo x"); got.Stdout != "x\n" || err != nil {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("hashed name", func(t *testing.T) {
		c := s.at(t, s.address)
		line := knownhosts.Line([]string{knownhosts.HashHostname(knownhosts.Normalize(s.address))}, s.hostKey)
		c.SSHKnownHosts = writeFile(t, "known_hosts", line+"\n")
		r := newRunner(t, c)
		if got, err := r.Run(t.Context(), "echo x"); got.Stdout != "x\n" || err != nil {
			t.Errorf("%+v, %v", got, err)
		}
	})
	for _, c := range []struct {
		name, want string
		keys       []ssh.PublicKey
	}{
		{"unknown", "is not in", nil},
		{"changed", "shows another one", []ssh.PublicKey{other}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRunner(t, s.at(t, s.address, c.keys...))
			flag := t.TempDir() + "/ran"
			_, err := r.Run(t.Context(), "touch "+flag)
			if !errors.Is(err, ErrHostKey) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
			if _, err := os.Stat(flag); err == nil {
				t.Error("the command ran")
			}
		})
	}
	t.Run("revoked", func(t *testing.T) {
		c := s.at(t, s.address, s.hostKey)
		line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s.hostKey)))
		c.SSHKnownHosts = writeFile(t, "known_hosts", knownhosts.Line([]string{s.address}, s.hostKey)+"\n@revoked * "+line+"\n")
		if _, err := newRunner(t, c).Run(t.Context(), "true"); !errors.Is(err, ErrHostKey) {
			t.Errorf("%v", err)
		}
	})
}

func TestSSHRefuses(t *testing.T) {
	s := startSSHD(t)
	c := s.at(t, s.address, s.hostKey)
	c.SSHKeyFile = t.TempDir() + "/stranger"
	keyPair(t, c.SSHKeyFile, "ed25519")
	r := newRunner(t, c)
	if _, err := r.Run(t.Context(), "true"); !errors.Is(err, ErrLogin) || err.Error() != "shell: the host refuses the login: "+s.user+"@"+s.address {
		t.Errorf("%v", err)
	}
	c.SSHKeyFile = lockedKey(t)
	if _, err := New(c); err == nil {
		t.Error("a key with a passphrase is accepted")
	}
	c.SSHKeyFile = s.clientKey
	r = newRunner(t, c)
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.Run(t.Context(), "true"); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
	s.stop()
	if _, err := newRunner(t, c).Run(t.Context(), "true"); !errors.Is(err, ErrUnreachable) {
		t.Errorf("%v", err)
	}
}

func TestSSHPassword(t *testing.T) {
	for _, interactive := range []bool{false, true} {
		address, key := passwordHost(t, "geheim", interactive)
		c := Config{
			Shell: true, SSH: "ssh://pi@" + address, SSHPassword: "geheim",
			SSHKnownHosts: writeFile(t, "known_hosts", knownhosts.Line([]string{address}, key)),
		}
		r := newRunner(t, c)
		if got, err := r.Run(t.Context(), "x"); got.Stdout != "hello" || got.Exit != 5 || err != nil {
			t.Errorf("interactive %v: %+v, %v", interactive, got, err)
		}
		if _, err := r.Run(t.Context(), "x geheim"); !errors.Is(err, ErrStart) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%v", err)
		}
		c.SSHPassword = "falsch"
		wrong := newRunner(t, c)
		if _, err := wrong.Run(t.Context(), "x"); !errors.Is(err, ErrLogin) || strings.Contains(err.Error(), "falsch") {
			t.Errorf("interactive %v: %v", interactive, err)
		}
		if err := r.Close(); err != nil { // the host waits for its connections
			t.Error(err)
		}
	}
}

// TestSSHNoAnswer: a host that accepts the connection and says nothing holds a command no longer than its time-out.
func TestSSHNoAnswer(t *testing.T) {
	w := newWire(t, freeAddress(t))
	quiet := newWire(t, w.address()) // nothing listens behind the second
	c := Config{
		Shell: true, Timeout: 500 * time.Millisecond, SSH: "ssh://pi@" + quiet.address(), SSHPassword: "x",
		SSHKnownHosts: writeFile(t, "known_hosts", ""),
	}
	if _, err := newRunner(t, c).Run(t.Context(), "true"); !errors.Is(err, ErrUnreachable) && !errors.Is(err, ErrTimeout) {
		t.Errorf("%v", err)
	}
}
