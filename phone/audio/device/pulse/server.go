package pulse

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const cookieSize = 256

// address is where a server may listen.
type address struct{ network, addr string }

// Configured tells whether the environment names a server (PULSE_SERVER), so
// that one is meant to be there even while it does not answer.
func Configured(getenv func(string) string) bool { return getenv("PULSE_SERVER") != "" }

// addresses lists where to look for a server: PULSE_SERVER alone if it is set,
// else the socket of the user's session, then that of a system-wide server.
func addresses(getenv func(string) string) []address {
	if s := getenv("PULSE_SERVER"); s != "" {
		return parseServer(s)
	}
	var found []address
	for _, dir := range []string{
		getenv("PULSE_RUNTIME_PATH"),
		sub(getenv("XDG_RUNTIME_DIR"), "pulse"),
		"/run/user/" + strconv.Itoa(os.Getuid()) + "/pulse",
		"/run/pulse",
	} {
		if a := (address{"unix", filepath.Join(dir, "native")}); dir != "" && (len(found) == 0 || found[0] != a) {
			found = append(found, a)
		}
	}
	return found
}

func sub(dir, name string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, name)
}

// parseServer reads a server string: addresses with spaces between, each with
// an optional {machine} in front.
func parseServer(s string) []address {
	var list []address
	for _, word := range strings.Fields(s) {
		if strings.HasPrefix(word, "{") {
			_, word, _ = strings.Cut(word, "}")
		}
		kind, rest, colon := strings.Cut(word, ":")
		switch {
		case strings.HasPrefix(word, "/"):
			list = append(list, address{"unix", word})
		case kind == "unix" && rest != "":
			list = append(list, address{"unix", rest})
		case (kind == "tcp" || kind == "tcp4" || kind == "tcp6") && rest != "":
			list = append(list, address{kind, withPort(rest)})
		case word != "" && !colon:
			list = append(list, address{"tcp", withPort(kind)})
		}
	}
	return list
}

// withPort adds the port of the native protocol where there is none.
func withPort(host string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), "4713")
}

// cookie is the secret that server and user share, zeros where there is none: a
// server that lets everyone in, or knows the user by his socket, takes any.
func cookie(getenv func(string) string) []byte {
	secret := make([]byte, cookieSize)
	for _, path := range []string{
		getenv("PULSE_COOKIE"),
		sub(getenv("XDG_CONFIG_HOME"), "pulse/cookie"),
		sub(getenv("HOME"), ".config/pulse/cookie"),
		sub(getenv("HOME"), ".pulse-cookie"),
	} {
		if path == "" {
			continue
		}
		if b, err := os.ReadFile(path); err == nil && len(b) == cookieSize {
			return b
		}
	}
	return secret
}

// dial connects to the first server that takes the call.
func dial(ctx context.Context, getenv func(string) string) (net.Conn, error) {
	var faults []error
	for _, a := range addresses(getenv) {
		c, err := new(net.Dialer).DialContext(ctx, a.network, a.addr)
		if err == nil {
			return c, nil
		}
		faults = append(faults, err)
	}
	return nil, fmt.Errorf("%w: %w", ErrNoServer, errors.Join(faults...))
}
