package exec

import (
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Names of the variables whose values Config holds.
const (
	varAllow      = "EXEC_ALLOW"
	varTimeout    = "EXEC_TIMEOUT"
	varSSH        = "EXEC_SSH"
	varKeyFile    = "EXEC_SSH_KEY_FILE"
	varPassword   = "EXEC_SSH_PASSWORD"
	varKnownHosts = "EXEC_SSH_KNOWN_HOSTS"
)

const (
	defaultTimeout = 10 * time.Second
	maxTimeout     = time.Hour
)

// Config says what may run, and where. The zero value allows nothing.
type Config struct {
	// AllowFile is EXEC_ALLOW: the file of lines "name = argv", see ParseAllow. It is read anew for each command.
	AllowFile string
	// Shell is EXEC_SHELL: whatever is not a name of the allow file is given to /bin/sh -c.
	Shell bool
	// Timeout is EXEC_TIMEOUT: how long a command may take, 10s if zero, an hour at most.
	Timeout time.Duration
	// SSH is EXEC_SSH: ssh://user@host[:port], where commands run instead of here. The host needs a /bin/sh. What is told
	// by its shell comes as the shell tells it: 127 for a program that is not there, 128 and the number of a signal. What
	// a command leaves in the background goes on there, and must not keep the output open.
	SSH string
	// SSHKeyFile is EXEC_SSH_KEY_FILE: a private key without passphrase, in the format of OpenSSH or PEM.
	SSHKeyFile string
	// SSHPassword is EXEC_SSH_PASSWORD, tried after the key.
	SSHPassword string
	// SSHKnownHosts is EXEC_SSH_KNOWN_HOSTS, ~/.ssh/known_hosts if empty. A host that is not in it with
	// a key of its own is refused; authorities that sign host keys are not used.
	SSHKnownHosts string

	// Log takes what an operator should know, without arguments and output; nil is nowhere.
	Log *slog.Logger
}

// Off tells that nothing may run.
func (c Config) Off() bool { return c.AllowFile == "" && !c.Shell }

// Validate tells the first value that cannot be used, as a ConfigError. It opens nothing.
func (c Config) Validate() error {
	_, err := c.plan()
	return err
}

// plan is a Config understood.
type plan struct {
	timeout time.Duration
	ssh     *sshTarget // nil = here
}

// sshTarget is where and as whom to log in.
type sshTarget struct {
	user, address       string // address is host:port
	keyFile, knownHosts string
	password            string
}

func (c Config) plan() (plan, error) {
	p := plan{timeout: c.Timeout}
	if p.timeout == 0 {
		p.timeout = defaultTimeout
	}
	if p.timeout < 0 || p.timeout > maxTimeout {
		return plan{}, ConfigError{varTimeout, c.Timeout.String(), "not usable", "a time such as 10s, up to " + maxTimeout.String()}
	}
	if c.SSH == "" {
		return p, c.sshAlone()
	}
	if c.Off() {
		return plan{}, ConfigError{varSSH, redacted(c.SSH), "nothing is allowed to run there", "only together with EXEC_ALLOW or EXEC_SHELL"}
	}
	target, err := c.target()
	p.ssh = target
	return p, err
}

// sshAlone refuses details of a host that is not given.
func (c Config) sshAlone() error {
	const only = "only together with " + varSSH
	switch {
	case c.SSHKeyFile != "":
		return ConfigError{varKeyFile, c.SSHKeyFile, "there is no host to log in to", only}
	case c.SSHPassword != "":
		return ConfigError{varPassword, "***", "there is no host to log in to", only}
	case c.SSHKnownHosts != "":
		return ConfigError{varKnownHosts, c.SSHKnownHosts, "there is no host to log in to", only}
	}
	return nil
}

func (c Config) target() (*sshTarget, error) {
	const allowed = "ssh://user@host or ssh://user@host:port"
	fail := func(reason string) (*sshTarget, error) {
		return nil, ConfigError{varSSH, redacted(c.SSH), reason, allowed}
	}
	u, err := url.Parse(c.SSH)
	if err != nil || u.Scheme != "ssh" || u.Hostname() == "" {
		return fail("not the address of a host")
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return fail("there is something after the host")
	}
	if u.User.Username() == "" {
		return fail("the user is missing")
	}
	if _, given := u.User.Password(); given {
		return fail("the password belongs into " + varPassword)
	}
	port := u.Port()
	if port == "" {
		port = "22"
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fail("the port is not a number from 1 to 65535")
	}
	if c.SSHKeyFile == "" && c.SSHPassword == "" {
		return fail("no way to log in")
	}
	t := &sshTarget{
		user: u.User.Username(), address: net.JoinHostPort(u.Hostname(), port),
		keyFile: c.SSHKeyFile, password: c.SSHPassword, knownHosts: c.SSHKnownHosts,
	}
	if t.knownHosts == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, ConfigError{varKnownHosts, "", fmt.Sprintf("there is no home: %v", err), "a file of known hosts"}
		}
		t.knownHosts = filepath.Join(home, ".ssh", "known_hosts")
	}
	return t, nil
}

// redacted is an address without its password.
func redacted(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "***" // what cannot be read may hold a password anywhere
	}
	return u.Redacted()
}
