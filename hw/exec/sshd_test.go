package exec

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// sshd is OpenSSH's server on loopback, with a configuration, keys and a port of its own.
type sshd struct {
	config, address string
	user            string
	hostKey         ssh.PublicKey // ed25519; the server has an RSA one too
	rsaKey          ssh.PublicKey
	clientKey       string // file
	cmd             *exec.Cmd
}

func startSSHD(t *testing.T) *sshd {
	t.Helper()
	if testing.Short() {
		t.Skip("needs openssh-server")
	}
	const program = "/usr/sbin/sshd"
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("openssh-server is not installed: %v", err)
	}
	if os.Getuid() == 0 { // where sshd locks itself up
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &sshd{user: me.Username, clientKey: dir + "/client"}
	s.hostKey, s.rsaKey = keyPair(t, dir+"/host", "ed25519"), keyPair(t, dir+"/rsa", "rsa")
	client := keyPair(t, s.clientKey, "ed25519")
	authorized := writeFile(t, "authorized", string(ssh.MarshalAuthorizedKey(client)))
	s.address = freeAddress(t)
	_, port, _ := net.SplitHostPort(s.address)
	s.config = writeFile(t, "sshd_config", strings.Join([]string{
		"ListenAddress 127.0.0.1", "Port " + port, "HostKey " + dir + "/host", "HostKey " + dir + "/rsa",
		"AuthorizedKeysFile " + authorized, "StrictModes no", "UsePAM no", "PidFile none", "PermitRootLogin prohibit-password",
		"PasswordAuthentication no", "KbdInteractiveAuthentication no", "",
	}, "\n"))
	s.start(t)
	return s
}

// keyPair writes a private key and returns its public one.
func keyPair(t *testing.T, file, kind string) ssh.PublicKey {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-N", "", "-t", kind, "-f", file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	line, err := os.ReadFile(file + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(line)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func (s *sshd) start(t *testing.T) {
	t.Helper()
	var log lockedBuffer
	s.cmd = exec.Command("/usr/sbin/sshd", "-D", "-e", "-f", s.config)
	s.cmd.Stderr, s.cmd.WaitDelay = &log, time.Second
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", s.address)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatalf("sshd does not listen: %s", log.String())
		}
	}
}

// stop ends the server; its sessions have process groups of their own and end with their connections.
func (s *sshd) stop() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

func (s *sshd) at(t *testing.T, address string, keys ...ssh.PublicKey) Config {
	t.Helper()
	hosts := ""
	for _, key := range keys {
		hosts += knownhosts.Line([]string{address}, key) + "\n"
	}
	return Config{
		Shell: true, Timeout: time.Minute, SSH: "ssh://" + s.user + "@" + address, SSHKeyFile: s.clientKey,
		SSHKnownHosts: writeFile(t, "known_hosts", hosts),
	}
}

// wire is a TCP relay that can be cut or made silent.
type wire struct {
	listener net.Listener
	target   string
	all      sync.WaitGroup

	mu     sync.Mutex // guards following
	conns  []net.Conn
	opened int
	silent bool
}

func newWire(t *testing.T, target string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: l, target: target}
	w.all.Go(w.accept)
	t.Cleanup(func() {
		_ = l.Close()
		w.cut()
		w.all.Wait()
	})
	return w
}

func (w *wire) address() string { return w.listener.Addr().String() }

func (w *wire) accept() {
	for {
		near, err := w.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", w.target)
		if err != nil {
			_ = near.Close()
			continue
		}
		w.mu.Lock()
		w.conns = append(w.conns, near, far)
		w.opened++
		w.silent = false
		w.mu.Unlock()
		w.all.Go(func() { w.relay(near, far) })
		w.all.Go(func() { w.relay(far, near) })
	}
}

func (w *wire) relay(from, to net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		w.mu.Lock()
		silent := w.silent
		w.mu.Unlock()
		if n > 0 && !silent {
			_, _ = to.Write(buf[:n])
		}
		if err != nil {
			_ = to.Close()
			return
		}
	}
}

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		_ = c.Close()
	}
	w.conns = nil
}

// mute loses everything until the next connection.
func (w *wire) mute() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.silent = true
}

func (w *wire) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.opened
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// passwordHost is a server that knows one password, asked for in the given way, and answers every command with "hello",
// but does not run what holds a secret.
func passwordHost(t *testing.T, password string, interactive bool) (address string, key ssh.PublicKey) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	config := new(ssh.ServerConfig)
	config.AddHostKey(signer)
	judge := func(given string) (*ssh.Permissions, error) {
		if given != password {
			return nil, fmt.Errorf("wrong")
		}
		return nil, nil
	}
	if interactive {
		config.KeyboardInteractiveCallback = func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			answers, err := ask("", "", []string{"Password: "}, []bool{false})
			if err != nil || len(answers) != 1 {
				return nil, fmt.Errorf("no answer")
			}
			return judge(answers[0])
		}
	} else {
		config.PasswordCallback = func(_ ssh.ConnMetadata, given []byte) (*ssh.Permissions, error) { return judge(string(given)) }
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() { serve(l, config, &all) })
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	return l.Addr().String(), signer.PublicKey()
}

func serve(l net.Listener, config *ssh.ServerConfig, all *sync.WaitGroup) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		all.Go(func() {
			defer func() { _ = conn.Close() }()
			_, channels, requests, err := ssh.NewServerConn(conn, config)
			if err != nil {
				return
			}
			all.Go(func() { ssh.DiscardRequests(requests) })
			for c := range channels {
				channel, requests, err := c.Accept()
				if err != nil {
					return
				}
				all.Go(func() { answer(channel, requests) })
			}
		})
	}
}

func answer(channel ssh.Channel, requests <-chan *ssh.Request) {
	for request := range requests {
		run := request.Type == "exec" && !strings.Contains(string(request.Payload), "geheim")
		_ = request.Reply(run, nil)
		if run {
			_, _ = io.WriteString(channel, "hello")
			_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{5}))
			_ = channel.Close()
		}
	}
}

// lockedKey is a private key with a passphrase.
func lockedKey(t *testing.T) string {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	return writeFile(t, "locked", string(pem.EncodeToMemory(block)))
}
