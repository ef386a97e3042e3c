package digest

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
)

// Credentials are the account's authentication user and password. The user need not be the
// user part of the address.
type Credentials struct {
	Username, Password string
}

// String hides the password.
func (c Credentials) String() string { return c.Username + ":***" }

// GoString hides the password.
func (c Credentials) GoString() string { return c.String() }

// LogValue hides the password.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

const (
	// maxAnswers bounds the answers given in a row while the server calls each one stale.
	maxAnswers = 3
	// maxRealms bounds the realms kept and the credentials put into one request.
	maxRealms = 4
	// maxNonces bounds the nonces remembered for a realm: requests that are still under way
	// carry older ones.
	maxNonces = 8
)

// Client answers challenges for one account and remembers the nonces, so that the next request
// needs no second round trip. It is safe for concurrent use.
type Client struct {
	creds  Credentials
	cnonce func() string // nil: random

	mu       sync.Mutex
	allow    func(realm string) bool
	sessions []*session // oldest first
}

// New returns a client with an empty nonce cache.
func New(c Credentials) *Client { return &Client{creds: c} }

// Restrict makes the client answer only realms for which allow returns true; nil allows all.
// What was learnt before about other realms is forgotten. allow must not call the client.
func (c *Client) Restrict(allow func(realm string) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.allow = allow
	c.sessions = slices.DeleteFunc(c.sessions, func(s *session) bool { return !c.allowed(s.realm) })
}

// Forget empties the nonce cache; call it when the next hop changes.
func (c *Client) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions = nil
}

func (c *Client) allowed(realm string) bool { return c.allow == nil || c.allow(realm) }

// space is a protection space: a realm of registrars and user agents (401) or of proxies (407).
type space struct {
	proxy bool
	realm string
}

func (s space) header() string {
	if s.proxy {
		return "Proxy-Authorization"
	}
	return "Authorization"
}

// session is what is known of one protection space.
type session struct {
	space
	challenge Challenge
	nonces    []*nonce // newest last
}

// nonce counts the use of one server nonce.
type nonce struct {
	value string
	uses  uint32
	// depth is how many answers in a row, this one included, the server had called stale.
	depth int
}

func (c *Client) session(sp space) *session {
	for _, s := range c.sessions {
		if s.space == sp {
			return s
		}
	}
	return nil
}

// learn makes ch the current challenge of its space.
func (c *Client) learn(sp space, ch Challenge, depth int) *session {
	s := c.session(sp)
	if s == nil {
		if len(c.sessions) == maxRealms {
			c.sessions = slices.Delete(c.sessions, 0, 1)
		}
		s = &session{space: sp}
		c.sessions = append(c.sessions, s)
	}
	s.challenge = ch
	n := s.nonce(ch.Nonce)
	if n == nil {
		n = &nonce{value: ch.Nonce}
	}
	n.depth = max(n.depth, depth)
	s.nonces = append(slices.DeleteFunc(s.nonces, func(o *nonce) bool { return o == n }), n)
	if len(s.nonces) > maxNonces {
		s.nonces = slices.Delete(s.nonces, 0, 1)
	}
	return s
}

func (c *Client) forget(sp space) {
	c.sessions = slices.DeleteFunc(c.sessions, func(s *session) bool { return s.space == sp })
}

func (s *session) nonce(value string) *nonce {
	for _, n := range s.nonces {
		if n.value == value {
			return n
		}
	}
	return nil
}

// count returns the next nonce count (RFC 7616 3.4: nc) of the current nonce.
func (s *session) count() int {
	n := s.nonces[len(s.nonces)-1]
	n.uses++
	return int(n.uses)
}

// sent is what the refused request carried for one space.
type sent struct {
	header int // index in the request's header list
	space
	nonce string
}

func equalHeader(name, want string) bool { return strings.EqualFold(name, want) }
