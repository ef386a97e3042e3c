package phonetest

import (
	"crypto/md5" //nolint:gosec // the algorithm of RFC 3261 22.4
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Challenge replies 401 with one WWW-Authenticate per algorithm (MD5 when none is
// given), qop="auth". An algorithm may be MD5, SHA-256, SHA-512-256, or any other word.
func (p *Peer) Challenge(m *Msg, realm, nonce string, algs ...string) *Msg {
	return p.Reply(m, 401, "Unauthorized", challenges("WWW-Authenticate", realm, nonce, algs)...)
}

// ChallengeProxy is Challenge with 407 and Proxy-Authenticate.
func (p *Peer) ChallengeProxy(m *Msg, realm, nonce string, algs ...string) *Msg {
	return p.Reply(m, 407, "Proxy Authentication Required", challenges("Proxy-Authenticate", realm, nonce, algs)...)
}

func challenges(header, realm, nonce string, algs []string) []Opt {
	if len(algs) == 0 {
		algs = []string{"MD5"}
	}
	var opts []Opt
	for _, a := range algs {
		opts = append(opts, WithExtraHeader(header,
			fmt.Sprintf(`Digest realm=%q, nonce=%q, algorithm=%s, qop="auth"`, realm, nonce, a)))
	}
	return opts
}

// Verify checks the digest in Authorization or Proxy-Authorization (RFC 7616, RFC 8760).
func Verify(m *Msg, user, password string) error {
	values := append(m.Values("Authorization"), m.Values("Proxy-Authorization")...)
	if len(values) == 0 {
		return errors.New("no credentials")
	}
	var err error
	for _, v := range values {
		if err = verify(m, v, user, password); err == nil {
			return nil
		}
	}
	return err
}

func verify(m *Msg, header, user, password string) error {
	a := AuthParams(header)
	if a["username"] != user {
		return fmt.Errorf("username %q, want %q", a["username"], user)
	}
	hash, err := hasher(a["algorithm"])
	if err != nil {
		return err
	}
	ha1 := hash(user + ":" + a["realm"] + ":" + password)
	ha2 := hash(m.Method + ":" + a["uri"])
	if a["qop"] == "auth-int" {
		ha2 = hash(m.Method + ":" + a["uri"] + ":" + hash(string(m.Body)))
	}
	want := hash(ha1 + ":" + a["nonce"] + ":" + ha2) // RFC 2069
	if a["qop"] != "" {
		want = hash(strings.Join([]string{ha1, a["nonce"], a["nc"], a["cnonce"], a["qop"], ha2}, ":"))
	}
	if a["response"] != want {
		return fmt.Errorf("response %q does not fit the password", a["response"])
	}
	return nil
}

func hasher(algorithm string) (func(string) string, error) {
	switch strings.ToUpper(algorithm) {
	case "", "MD5":
		return func(s string) string { h := md5.Sum([]byte(s)); return hex.EncodeToString(h[:]) }, nil //nolint:gosec // see above
	case "SHA-256":
		return func(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) }, nil
	case "SHA-512-256":
		return func(s string) string { h := sha512.Sum512_256([]byte(s)); return hex.EncodeToString(h[:]) }, nil
	}
	return nil, fmt.Errorf("unknown algorithm %q", algorithm)
}

// AuthParams splits a Digest header into its parameters, unquoted, names in lower case.
func AuthParams(header string) map[string]string {
	out := map[string]string{}
	_, rest, _ := strings.Cut(header, " ")
	for rest != "" {
		name, after, found := strings.Cut(rest, "=")
		if !found {
			break
		}
		var value string
		value, rest = authValue(strings.TrimSpace(after))
		out[strings.ToLower(strings.Trim(name, " ,\t"))] = value
	}
	return out
}

func authValue(s string) (value, rest string) {
	if !strings.HasPrefix(s, `"`) {
		value, rest, _ = strings.Cut(s, ",")
		return strings.TrimSpace(value), rest
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] == '"':
			return b.String(), s[i+1:]
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), ""
}
