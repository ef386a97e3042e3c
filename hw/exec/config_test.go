package exec

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestConfig(t *testing.T) {
	t.Setenv("HOME", "/home/house")
	for _, c := range []struct {
		config Config
		want   string // part of the error, "" = none
	}{
		{Config{}, ""},
		{Config{Shell: true, Timeout: time.Hour}, ""},
		{Config{Shell: true, SSH: "ssh://pi@door", SSHPassword: "x"}, ""},
		{Config{AllowFile: "x", SSH: "ssh://pi@[fd00::1]:2222/", SSHKeyFile: "k", SSHKnownHosts: "h"}, ""},
		{Config{Timeout: -1}, `EXEC_TIMEOUT="-1ns": not usable; allowed: a time`},
		{Config{Timeout: 2 * time.Hour}, `EXEC_TIMEOUT="2h0m0s": not usable; allowed: a time`},
		{Config{SSH: "ssh://pi@door", SSHPassword: "x"}, "nothing is allowed"},
		{Config{SSHKeyFile: "k"}, `EXEC_SSH_KEY_FILE="k": there is no host`},
		{Config{SSHPassword: "geheim"}, `EXEC_SSH_PASSWORD="***": there is no host`},
		{Config{SSHKnownHosts: "h"}, `EXEC_SSH_KNOWN_HOSTS="h": there is no host`},
		{Config{Shell: true, SSH: "ssh://door", SSHPassword: "x"}, "the user is missing"},
		{Config{Shell: true, SSH: "ssh://pi:geheim@door"}, `EXEC_SSH="ssh://pi:xxxxx@door": the password belongs into EXEC_SSH_PASSWORD`},
		{Config{Shell: true, SSH: "ssh://pi@door"}, "no way to log in"},
		{Config{Shell: true, SSH: "ssh://pi@door/x", SSHPassword: "x"}, "something after the host"},
		{Config{Shell: true, SSH: "ssh://pi@door?x=y", SSHPassword: "x"}, "something after the host"},
		{Config{Shell: true, SSH: "ssh://pi@door:0", SSHPassword: "x"}, "the port"},
		{Config{Shell: true, SSH: "ssh://pi@door:65536", SSHPassword: "x"}, "the port"},
		{Config{Shell: true, SSH: "http://pi@door", SSHPassword: "x"}, "not the address"},
		{Config{Shell: true, SSH: "pi@door", SSHPassword: "x"}, "not the address"},
		{Config{Shell: true, SSH: "ssh://pi@", SSHPassword: "x"}, "not the address"},
		{Config{Shell: true, SSH: "ssh://pi:geheim@\x00", SSHPassword: "x"}, `EXEC_SSH="***"`},
	} {
		err := c.config.Validate()
		var wrong ConfigError
		if c.want == "" && err != nil || c.want != "" && (!errors.As(err, &wrong) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v, want %q", c.config, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "geheim") {
			t.Errorf("%v tells the password", err)
		}
	}
}

func TestDefaults(t *testing.T) {
	t.Setenv("HOME", "/home/house")
	p, err := Config{Shell: true, SSH: "ssh://pi@door", SSHPassword: "x"}.plan()
	if err != nil || p.timeout != 10*time.Second || p.ssh.address != "door:22" || p.ssh.user != "pi" ||
		p.ssh.knownHosts != "/home/house/.ssh/known_hosts" {
		t.Errorf("%+v, %+v, %v", p, p.ssh, err)
	}
	t.Setenv("HOME", "")
	if err := (Config{Shell: true, SSH: "ssh://pi@door", SSHPassword: "x"}).Validate(); err == nil {
		t.Error("no home, but known hosts")
	}
}

func TestNewReadsTheFiles(t *testing.T) {
	key, hosts := writeFile(t, "key", "not a key"), writeFile(t, "hosts", "")
	missing := filepath.Join(t.TempDir(), "missing")
	open := writeFile(t, "allow", "a=true")
	if err := os.Chmod(open, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		config Config
		want   string
	}{
		{Config{AllowFile: missing}, "EXEC_ALLOW="},
		{Config{AllowFile: t.TempDir()}, "EXEC_ALLOW="},
		{Config{AllowFile: open}, "everybody may write it"},
		{Config{AllowFile: writeFile(t, "allow", "\nx")}, "line 2"},
		{Config{Shell: true, SSH: "ssh://a@b", SSHKeyFile: missing, SSHKnownHosts: hosts}, "EXEC_SSH_KEY_FILE="},
		{Config{Shell: true, SSH: "ssh://a@b", SSHKeyFile: key, SSHKnownHosts: hosts}, "EXEC_SSH_KEY_FILE="},
		{Config{Shell: true, SSH: "ssh://a@b", SSHPassword: "x", SSHKnownHosts: missing}, "EXEC_SSH_KNOWN_HOSTS="},
		{Config{Shell: true, SSH: "ssh://a@b", SSHPassword: "x", SSHKnownHosts: writeFile(t, "hosts", "garbage\n")}, "EXEC_SSH_KNOWN_HOSTS="},
	} {
		_, err := New(c.config)
		var wrong ConfigError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}
