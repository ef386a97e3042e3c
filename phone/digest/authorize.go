package digest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

// maxChallenges bounds the challenges looked at in one response.
const maxChallenges = 16

// Authorize adds to req the credentials that res, its 401 or 407, asks for. Several realms are
// answered side by side (RFC 3261 22.3); credentials for the same realm are replaced. The
// caller then sends req as a new transaction. On an error req is unchanged.
//
// [ErrRejected]: res refuses what req carried, and does not say that only the nonce was stale.
// A new nonce for a request that used a nonce kept from earlier counts as stale, since many
// servers do not set the flag. [ErrTooManyAttempts], [ErrNoUsableChallenge],
// [ErrForeignRealm]: as named.
func (c *Client) Authorize(req *sip.Request, res *sip.Response) error {
	offers, err := challenges(res)
	if err != nil {
		return err
	}
	carried := carriedBy(req)
	c.mu.Lock()
	defer c.mu.Unlock()

	var answers []offer
	var foreign error
	for _, o := range offers {
		if !c.allowed(o.realm) {
			foreign = fmt.Errorf("realm %q: %w", o.realm, ErrForeignRealm)
			continue
		}
		if o.depth, err = c.depth(o, carried); err != nil {
			c.forget(o.space)
			return err
		}
		answers = append(answers, o)
	}
	if len(answers) == 0 {
		return foreign
	}
	headers := make([]sip.Header, len(answers))
	for i, o := range answers {
		if headers[i], err = c.answer(c.learn(o.space, o.Challenge, o.depth), req); err != nil {
			return err
		}
	}
	for i, h := range headers {
		setCredentials(req, answers[i].space, h)
	}
	return nil
}

// Preauthorize adds credentials from the nonce cache, nonce count plus one, for every realm
// that has challenged this account. Without any it does nothing; ACK and CANCEL it leaves
// alone, since they carry what their INVITE carried or nothing (RFC 3261 22.1).
func (c *Client) Preauthorize(req *sip.Request) {
	if req.IsAck() || req.IsCancel() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sessions {
		if h, err := c.answer(s, req); err == nil {
			setCredentials(req, s.space, h)
		}
	}
}

// offer is the strongest usable challenge of one protection space.
type offer struct {
	space
	Challenge
	depth int
}

// challenges picks one challenge a protection space, in order of appearance. A response may mix
// both kinds, since a forking proxy gathers them (RFC 3261 22.3).
func challenges(res *sip.Response) ([]offer, error) {
	if res.StatusCode != sip.StatusUnauthorized && res.StatusCode != sip.StatusProxyAuthRequired {
		return nil, fmt.Errorf("status %d: %w", res.StatusCode, ErrNoUsableChallenge)
	}
	var offers []offer
	var skipped error
	seen := 0
	for _, h := range res.Headers() {
		proxy := equalHeader(h.Name(), "Proxy-Authenticate")
		if !proxy && !equalHeader(h.Name(), "WWW-Authenticate") {
			continue
		}
		if seen++; seen > maxChallenges {
			break
		}
		ch, err := ParseChallenge(h.Value())
		if err == nil && !ch.usable() {
			err = fmt.Errorf("algorithm %q, qop %q: %w", ch.Algorithm, ch.QOP, ErrNoUsableChallenge)
		}
		if err != nil {
			skipped = err
			continue
		}
		offers = strongest(offers, offer{space: space{proxy: proxy, realm: ch.Realm}, Challenge: ch})
	}
	if len(offers) > 0 {
		return offers, nil
	}
	switch {
	case skipped == nil:
		return nil, fmt.Errorf("status %d without a challenge: %w", res.StatusCode, ErrNoUsableChallenge)
	case errors.Is(skipped, ErrNoUsableChallenge):
		return nil, skipped
	}
	return nil, fmt.Errorf("%w: %w", ErrNoUsableChallenge, skipped)
}

// strongest adds o, or lets it take the place of a weaker one of its space.
func strongest(offers []offer, o offer) []offer {
	for i := range offers {
		if offers[i].space == o.space {
			if o.strength() > offers[i].strength() {
				offers[i] = o
			}
			return offers
		}
	}
	return append(offers, o)
}

// carriedBy lists the credentials already in req.
func carriedBy(req *sip.Request) []sent {
	var list []sent
	for i, h := range req.Headers() {
		proxy := equalHeader(h.Name(), "Proxy-Authorization")
		if !proxy && !equalHeader(h.Name(), "Authorization") {
			continue
		}
		params, err := parseDigest(h.Value())
		if err != nil {
			continue
		}
		list = append(list, sent{header: i, space: space{proxy: proxy, realm: params["realm"]}, nonce: params["nonce"]})
	}
	return list
}

// depth judges what it means that o came in answer to a request with the credentials carried. It
// returns how many answers in a row that will have been, counting the next one.
func (c *Client) depth(o offer, carried []sent) (int, error) {
	for _, s := range carried {
		if s.space == o.space {
			return c.again(o, s)
		}
	}
	if len(carried) >= maxRealms {
		return 0, fmt.Errorf("more than %d realms for one request: %w", maxRealms, ErrTooManyAttempts)
	}
	return 1, nil
}

func (c *Client) again(o offer, s sent) (int, error) {
	known, depth := false, maxAnswers-1
	first := true
	if sess := c.session(s.space); sess != nil {
		if n := sess.nonce(s.nonce); n != nil {
			known, depth, first = true, n.depth, n.uses <= 1
		}
	}
	same := s.nonce == o.Nonce
	switch {
	case !o.Stale && (same || (known && first)):
		return 0, fmt.Errorf("realm %q: %w", o.realm, ErrRejected)
	case known && !same && !first:
		return 1, nil // a nonce that had worked has grown old
	case depth >= maxAnswers:
		return 0, fmt.Errorf("realm %q: %w", o.realm, ErrTooManyAttempts)
	}
	return depth + 1, nil
}

// answer makes the credentials header of req for the session's current challenge.
func (c *Client) answer(s *session, req *sip.Request) (sip.Header, error) {
	cred, err := c.compute(s, string(req.Method), req.Recipient.String(), req.Body())
	if err != nil {
		return nil, err
	}
	return sip.NewHeader(s.header(), format(cred)), nil
}

// compute uses the nonce once more. The uri is the Request-URI as it goes over the wire,
// parameters included (RFC 3261 22.4 item 5).
func (c *Client) compute(s *session, method, uri string, body []byte) (*digest.Credentials, error) {
	for _, v := range []string{uri, c.creds.Username, method} {
		if hasControl(v) || strings.ContainsRune(v, '\t') {
			return nil, fmt.Errorf("control character in user name, method or request URI: %w", ErrMalformed)
		}
	}
	chal := &digest.Challenge{
		Realm: s.challenge.Realm, Nonce: s.challenge.Nonce, Opaque: s.challenge.Opaque,
		Algorithm: s.challenge.Algorithm, Userhash: s.challenge.Userhash,
	}
	if q, _ := s.challenge.qop(); q != "" {
		chal.QOP = []string{q}
	}
	opt := digest.Options{
		Method: method, URI: uri, Count: s.count(),
		Username: c.creds.Username, Password: c.creds.Password,
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
	}
	if c.cnonce != nil {
		opt.Cnonce = c.cnonce()
	}
	cred, err := digest.Digest(chal, opt)
	if err != nil {
		return nil, fmt.Errorf("realm %q: %w: %w", s.realm, ErrNoUsableChallenge, err)
	}
	return cred, nil
}

// format writes the header value with SIP's own quoting: the library's escapes of
// non-printable characters are Go's, not the quoted-pair of RFC 3261 25.1.
func format(c *digest.Credentials) string {
	var b strings.Builder
	b.WriteString(`Digest username=` + quote(c.Username) + `, realm=` + quote(c.Realm) +
		`, nonce=` + quote(c.Nonce) + `, uri=` + quote(c.URI) + `, response="` + c.Response + `"`)
	if c.Algorithm != "" {
		b.WriteString(`, algorithm=` + c.Algorithm)
	}
	if c.QOP != "" {
		// RFC 7616 3.4: qop and nc are not quoted.
		fmt.Fprintf(&b, `, cnonce=%s, qop=%s, nc=%08x`, quote(c.Cnonce), c.QOP, c.Nc)
	}
	if c.Opaque != "" {
		b.WriteString(`, opaque=` + quote(c.Opaque))
	}
	if c.Userhash {
		b.WriteString(`, userhash=true`)
	}
	return b.String()
}

// setCredentials puts h in the place of the credentials for the same space, or at the end.
func setCredentials(req *sip.Request, sp space, h sip.Header) {
	for _, s := range carriedBy(req) {
		if s.space == sp {
			req.Headers()[s.header] = h
			return
		}
	}
	req.AppendHeader(h)
}
