package pbx

import (
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Names of the variables whose values Config holds.
const (
	varESL     = "ESL_URL"
	varCommand = "ESL_COMMAND"
	varAMI     = "AMI_URL"
)

// Config says which switches there are; the zero value is none.
type Config struct {
	// ESLURL is ESL_URL: esl://:password@host[:8021], or with a user of the directory, esl://user%40domain:password@host.
	ESLURL string
	// ESLCommand is ESL_COMMAND: the api command whose answer is the Status, "status" if empty.
	ESLCommand string
	// AMIURL is AMI_URL: ami://user:password@host[:5038]. The user needs read = call, and for the Status
	// write = reporting. The password does not go over the network.
	AMIURL string
	// Interval is how often a switch is asked for its Status, 30s if zero.
	Interval time.Duration

	// Log takes what an operator should know, without passwords; nil is nowhere.
	Log *slog.Logger
}

// Validate tells the first value that cannot be used, as a ConfigError. It connects nowhere.
func (c Config) Validate() error {
	_, err := c.plan()
	return err
}

// account is where and as whom to log in.
type account struct {
	address        string // host:port
	user, password string
}

// plan is a Config understood.
type plan struct {
	esl, ami *account // nil = none
	command  string
	interval time.Duration
}

func (c Config) plan() (plan, error) {
	p := plan{command: c.ESLCommand, interval: c.Interval}
	if p.command == "" {
		p.command = "status"
	}
	if p.interval == 0 {
		p.interval = 30 * time.Second
	}
	if p.interval < time.Second || p.interval > time.Hour {
		return plan{}, ConfigError{"interval of the status", c.Interval.String(), "not usable", "a time from 1s to 1h"}
	}
	const maxCommand = 512
	if len(p.command) > maxCommand || strings.ContainsFunc(p.command, unicode.IsControl) || strings.TrimSpace(p.command) == "" {
		return plan{}, ConfigError{varCommand, c.ESLCommand, "not one line of text", "an api command such as status"}
	}
	var err error
	if c.ESLURL != "" {
		if p.esl, err = parseAccount(varESL, c.ESLURL, "esl", "8021", "esl://:password@host or esl://:password@host:8021"); err != nil {
			return plan{}, err
		}
	}
	if c.AMIURL != "" {
		const allowed = "ami://user:password@host or ami://user:password@host:5038"
		if p.ami, err = parseAccount(varAMI, c.AMIURL, "ami", "5038", allowed); err != nil {
			return plan{}, err
		}
		if p.ami.user == "" {
			return plan{}, ConfigError{varAMI, redacted(c.AMIURL), "the user is missing", allowed}
		}
	}
	return p, nil
}

func parseAccount(variable, value, scheme, port, allowed string) (*account, error) {
	fail := func(reason string) (*account, error) {
		return nil, ConfigError{variable, redacted(value), reason, allowed}
	}
	u, err := url.Parse(value)
	if err != nil || u.Scheme != scheme || u.Hostname() == "" {
		return fail("not the address of a switch")
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return fail("there is something after the host")
	}
	if u.Port() != "" {
		port = u.Port()
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fail("the port is not a number from 1 to 65535")
	}
	password, _ := u.User.Password()
	if password == "" {
		return fail("the password is missing")
	}
	if strings.ContainsFunc(u.User.Username()+password, unicode.IsControl) {
		return fail("there is a line break or control character in it")
	}
	return &account{net.JoinHostPort(u.Hostname(), port), u.User.Username(), password}, nil
}

// redacted is an address without its password.
func redacted(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "***" // what cannot be read may hold a password anywhere
	}
	return u.Redacted()
}
