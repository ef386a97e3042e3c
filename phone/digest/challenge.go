package digest

import (
	"fmt"
	"strings"
)

// Limits on what a server may make us keep and send back.
const (
	maxHeader = 4096
	maxParams = 32
)

// Challenge is one Digest challenge (RFC 7616 3.3), its strings without quotes and escapes.
type Challenge struct {
	Realm  string
	Nonce  string
	Opaque string
	// Algorithm is the token as received; empty means MD5.
	Algorithm string
	// QOP lists the offered qualities of protection in lower case; empty means that the
	// server wants the answer of RFC 2069.
	QOP      []string
	Stale    bool
	Userhash bool
}

// ParseChallenge reads the value of a WWW-Authenticate or Proxy-Authenticate header field.
// Errors wrap [ErrMalformed], or [ErrNoUsableChallenge] for a scheme other than Digest.
func ParseChallenge(value string) (Challenge, error) {
	params, err := parseDigest(value)
	if err != nil {
		return Challenge{}, err
	}
	var c Challenge
	for _, required := range []string{"realm", "nonce"} {
		if _, ok := params[required]; !ok {
			return Challenge{}, fmt.Errorf("challenge without %s: %w", required, ErrMalformed)
		}
	}
	c.Realm, c.Nonce, c.Opaque = params["realm"], params["nonce"], params["opaque"]
	c.Algorithm = params["algorithm"]
	c.Stale = strings.EqualFold(params["stale"], "true")
	c.Userhash = strings.EqualFold(params["userhash"], "true")
	for _, q := range strings.FieldsFunc(params["qop"], func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		c.QOP = append(c.QOP, strings.ToLower(q))
	}
	return c, nil
}

// strength orders the supported algorithms; 0 means unsupported (RFC 8760 2.1).
func (c Challenge) strength() int {
	switch strings.ToUpper(c.Algorithm) {
	case "SHA-512-256":
		return 3
	case "SHA-256":
		return 2
	case "MD5", "":
		return 1
	}
	return 0
}

// qop is the quality we answer with: "auth" before "auth-int", "" for RFC 2069.
func (c Challenge) qop() (string, bool) {
	if len(c.QOP) == 0 {
		return "", true
	}
	for _, want := range []string{"auth", "auth-int"} {
		for _, q := range c.QOP {
			if q == want {
				return want, true
			}
		}
	}
	return "", false
}

func (c Challenge) usable() bool {
	_, ok := c.qop()
	return ok && c.strength() > 0
}

// parseDigest splits a Digest header value into its parameters, names in lower case. The first
// of two equal names wins. It is lenient about unquoted values, since servers are, and strict
// about control characters.
func parseDigest(value string) (map[string]string, error) {
	if len(value) > maxHeader {
		return nil, fmt.Errorf("header of %d bytes: %w", len(value), ErrMalformed)
	}
	if hasControl(value) {
		return nil, fmt.Errorf("control character in header: %w", ErrMalformed)
	}
	scheme, rest, _ := strings.Cut(strings.TrimLeft(value, " \t"), " ")
	if !strings.EqualFold(scheme, "digest") {
		return nil, fmt.Errorf("scheme %q: %w", scheme, ErrNoUsableChallenge)
	}
	params := make(map[string]string, 8)
	for {
		rest = strings.TrimLeft(rest, " \t,")
		if rest == "" {
			return params, nil
		}
		var name, val string
		var err error
		if name, val, rest, err = parseParam(rest); err != nil {
			return nil, err
		}
		if _, ok := params[name]; !ok {
			params[name] = val
		}
		if len(params) > maxParams {
			return nil, fmt.Errorf("more than %d parameters: %w", maxParams, ErrMalformed)
		}
	}
}

// parseParam reads one name=value from the front of s and returns what follows the value.
func parseParam(s string) (name, value, rest string, err error) {
	name, rest, ok := strings.Cut(s, "=")
	name = strings.ToLower(strings.Trim(name, " \t"))
	if !ok || !isToken(name) {
		return "", "", "", fmt.Errorf("parameter name %.40q: %w", name, ErrMalformed)
	}
	rest = strings.TrimLeft(rest, " \t")
	if !strings.HasPrefix(rest, `"`) {
		end := strings.IndexAny(rest, ", \t")
		if end < 0 {
			end = len(rest)
		}
		return name, rest[:end], rest[end:], nil
	}
	value, rest, ok = unquote(rest)
	if !ok {
		return "", "", "", fmt.Errorf("parameter %s has no closing quote: %w", name, ErrMalformed)
	}
	if after := strings.TrimLeft(rest, " \t"); after != "" && after[0] != ',' {
		return "", "", "", fmt.Errorf("text after the value of %s: %w", name, ErrMalformed)
	}
	return name, value, rest, nil
}

// unquote reads the quoted-string (RFC 3261 25.1) at the front of s.
func unquote(s string) (value, rest string, ok bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}

// quote writes s as a quoted-string; s holds no control characters.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// hasControl reports a control character other than the tab that may stand between parameters.
func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

func isToken(s string) bool {
	const token = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~"
	return s != "" && strings.Trim(s, token) == ""
}
