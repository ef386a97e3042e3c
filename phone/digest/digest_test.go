package digest

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/emiago/sipgo/sip"
	lib "github.com/icholy/digest"
)

// request is parsed from the wire, as a transaction layer would see it again.
func request(t testing.TB, method, uri string) *sip.Request {
	t.Helper()
	raw := method + " " + uri + " SIP/2.0\r\n" +
		"Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1\r\n" +
		"From: <sip:10@pbx.example>;tag=1\r\nTo: <sip:10@pbx.example>\r\n" +
		"Call-ID: 1\r\nCSeq: 1 " + method + "\r\nContent-Length: 0\r\n\r\n"
	msg, err := sip.ParseMessage([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return msg.(*sip.Request)
}

// response is parsed from the wire with the given header lines.
func response(t testing.TB, code int, lines ...string) *sip.Response {
	t.Helper()
	raw := fmt.Sprintf("SIP/2.0 %d Reason\r\n", code) +
		"Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1\r\n" +
		"From: <sip:10@pbx.example>;tag=1\r\nTo: <sip:10@pbx.example>;tag=2\r\n" +
		"Call-ID: 1\r\nCSeq: 1 REGISTER\r\n" + strings.Join(append(lines, ""), "\r\n") +
		"Content-Length: 0\r\n\r\n"
	msg, err := sip.ParseMessage([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return msg.(*sip.Response)
}

func www(params string) string   { return "WWW-Authenticate: Digest " + params }
func proxy(params string) string { return "Proxy-Authenticate: Digest " + params }

// values lists the credentials of req, parsed by the library that servers use.
func values(t *testing.T, req *sip.Request, name string) []*lib.Credentials {
	t.Helper()
	var list []*lib.Credentials
	for _, h := range req.GetHeaders(name) {
		c, err := lib.ParseCredentials(h.Value())
		if err != nil {
			t.Fatalf("%s: %v", h.Value(), err)
		}
		list = append(list, c)
	}
	return list
}

// one is the only credentials of that name.
func one(t *testing.T, req *sip.Request, name string) *lib.Credentials {
	t.Helper()
	list := values(t, req, name)
	if len(list) != 1 {
		t.Fatalf("%d %s headers in\n%s", len(list), name, req)
	}
	return list[0]
}

func mustAuthorize(t *testing.T, c *Client, req *sip.Request, res *sip.Response) {
	t.Helper()
	if err := c.Authorize(req, res); err != nil {
		t.Fatal(err)
	}
}

func TestVectors(t *testing.T) {
	const (
		nonce2617 = "dcd98b7102dd2f0e8b11d0f600bfb0c093"
		nonce7616 = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
		cn7616    = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
		nonce512  = "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK"
		cn512     = "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v"
	)
	tests := []struct {
		name, user, password, challenge, uri, cnonce string
		wantUser, wantResponse                       string
	}{
		{"RFC 2617 3.5", "Mufasa", "Circle Of Life",
			`realm="testrealm@host.com", qop="auth,auth-int", nonce="` + nonce2617 + `", opaque="5ccc069c403ebaf9f0171e9517f40e41"`,
			"/dir/index.html", "0a4f113b", "Mufasa", "6629fae49393a05397450978507c4ef1"},
		{"RFC 2069 2.4, erratum 749", "Mufasa", "CircleOfLife",
			`realm="testrealm@host.com", nonce="` + nonce2617 + `", opaque="5ccc069c403ebaf9f0171e9517f40e41"`,
			"/dir/index.html", "", "Mufasa", "1949323746fe6a43ef61f9606e7febea"},
		{"RFC 7616 3.9.1 MD5", "Mufasa", "Circle of Life",
			`realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, nonce="` + nonce7616 + `", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`,
			"/dir/index.html", cn7616, "Mufasa", "8ca523f5e9506fed4657c9700eebdbec"},
		{"RFC 7616 3.9.1 SHA-256", "Mufasa", "Circle of Life",
			`realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="` + nonce7616 + `", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`,
			"/dir/index.html", cn7616, "Mufasa", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"},
		{"RFC 7616 3.9.2, erratum 4897", "J\u00e4s\u00f8n Doe", "Secret, or not?",
			`realm="api@example.org", qop="auth", algorithm=SHA-512-256, nonce="` + nonce512 + `", opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true`,
			"/doe.json", cn512,
			"793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b",
			"3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := New(Credentials{tt.user, tt.password})
			c.cnonce = func() string { return tt.cnonce }
			ch, err := ParseChallenge("Digest " + tt.challenge)
			if err != nil {
				t.Fatal(err)
			}
			cred, err := c.compute(c.learn(space{realm: ch.Realm}, ch, 1), "GET", tt.uri, nil)
			if err != nil {
				t.Fatal(err)
			}
			if cred.Username != tt.wantUser || cred.Response != tt.wantResponse || cred.Opaque != ch.Opaque {
				t.Errorf("username %s\nresponse %s\nopaque %s", cred.Username, cred.Response, cred.Opaque)
			}
		})
	}
}

func TestHeaderOnTheWire(t *testing.T) {
	c := New(Credentials{`do"or\1`, "secret"})
	c.cnonce = func() string { return "0a4f113b" }
	req := request(t, "REGISTER", "sip:pbx.example;transport=tcp")
	mustAuthorize(t, c, req, response(t, 401,
		www(`realm="a \"b\" \\c", nonce="n==", algorithm=MD5, qop="auth", opaque="o"`)))
	got := req.GetHeader("Authorization").Value()
	want := `Digest username="do\"or\\1", realm="a \"b\" \\c", nonce="n==", uri="sip:pbx.example;transport=tcp", ` +
		`response="%s", algorithm=MD5, cnonce="0a4f113b", qop=auth, nc=00000001, opaque="o"`
	cred := one(t, req, "Authorization")
	if want = fmt.Sprintf(want, cred.Response); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// The server computes with the values it configured, without quotes and escapes.
	again, err := lib.Digest(&lib.Challenge{Realm: `a "b" \c`, Nonce: "n==", Algorithm: "MD5", QOP: []string{"auth"}},
		lib.Options{Method: "REGISTER", URI: cred.URI, Count: 1, Username: `do"or\1`, Password: "secret", Cnonce: "0a4f113b"})
	if err != nil || again.Response != cred.Response {
		t.Errorf("response %s, the server computes %s, %v", cred.Response, again.Response, err)
	}
}

func TestStrongestChallenge(t *testing.T) {
	md5 := www(`realm="r", nonce="md5", algorithm=MD5, qop="auth"`)
	sha := www(`realm="r", nonce="sha", algorithm=sha-256, qop="auth"`)
	s512 := www(`realm="r", nonce="s512", algorithm=SHA-512-256, qop="auth"`)
	tests := []struct {
		name  string
		lines []string
		nonce string // "" = none
	}{
		{"strongest last", []string{md5, sha, s512}, "s512"},
		{"strongest first", []string{s512, sha, md5}, "s512"},
		{"sha before md5", []string{md5, sha}, "sha"},
		{"first of two equals", []string{www(`realm="r", nonce="a"`), www(`realm="r", nonce="b"`)}, "a"},
		{"unknown algorithms are skipped", []string{www(`realm="r", nonce="x", algorithm=AKAv1-MD5`), www(`realm="r", nonce="y", algorithm=MD5-sess`), md5}, "md5"},
		{"other schemes are skipped", []string{`WWW-Authenticate: Basic realm="r"`, md5}, "md5"},
		{"broken ones are skipped", []string{www(`realm="r`), www(`realm="r"`), md5}, "md5"},
		{"unknown qop", []string{www(`realm="r", nonce="n", qop="auth-conf"`)}, ""},
		{"empty qop", []string{www(`realm="r", nonce="n", qop=""`)}, "n"},
		{"auth-int alone", []string{www(`realm="r", nonce="n", qop="auth-int"`)}, "n"},
		{"spaces around names", []string{www("realm = \"r\" ,\tnonce = \"n\",stale=FALSE")}, "n"},
		{"upper case names, unquoted nonce", []string{www(`Realm="r", NONCE=a/b+c==`)}, "a/b+c=="},
		{"only Basic", []string{`WWW-Authenticate: Basic realm="r"`}, ""},
		{"none", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := New(Credentials{"u", "p"})
			req := request(t, "REGISTER", "sip:pbx.example")
			before := req.String()
			err := c.Authorize(req, response(t, 401, tt.lines...))
			if tt.nonce == "" {
				if !errors.Is(err, ErrNoUsableChallenge) || req.String() != before {
					t.Errorf("error %v, request\n%s", err, req)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := one(t, req, "Authorization"); got.Nonce != tt.nonce {
				t.Errorf("answered %q", got.Nonce)
			}
		})
	}
}

func TestAuthIntCoversTheBody(t *testing.T) {
	c := New(Credentials{"u", "p"})
	c.cnonce = func() string { return "c" }
	res := response(t, 401, www(`realm="r", nonce="n", qop="auth-int"`))
	req := request(t, "MESSAGE", "sip:a@b")
	mustAuthorize(t, c, req, res)
	empty := one(t, req, "Authorization")
	c.Forget()
	req = request(t, "MESSAGE", "sip:a@b")
	req.SetBody([]byte("hello"))
	mustAuthorize(t, c, req, res)
	if full := one(t, req, "Authorization"); full.QOP != "auth-int" || full.Response == empty.Response {
		t.Errorf("qop %s, body does not count", full.QOP)
	}
}

func TestRejected(t *testing.T) {
	first := www(`realm="r", nonce="1", qop="auth"`)
	tests := []struct {
		name   string
		second string
		want   error
	}{
		{"same nonce", first, ErrRejected},
		{"new nonce, not stale", www(`realm="r", nonce="2", qop="auth"`), ErrRejected},
		{"new nonce, stale", www(`realm="r", nonce="2", qop="auth", stale=TRUE`), nil},
		{"another realm", www(`realm="s", nonce="2", qop="auth"`), nil},
		{"proxy too", proxy(`realm="r", nonce="2", qop="auth"`), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := New(Credentials{"u", "wrong"})
			req := request(t, "REGISTER", "sip:pbx.example")
			mustAuthorize(t, c, req, response(t, 401, first))
			before := req.String()
			err := c.Authorize(req, response(t, 401, tt.second))
			if !errors.Is(err, tt.want) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			if err != nil {
				if req.String() != before {
					t.Error("request changed")
				}
				next := request(t, "REGISTER", "sip:pbx.example")
				c.Preauthorize(next)
				if n := len(next.GetHeaders("Authorization")); n != 0 {
					t.Error("refused credentials are offered again")
				}
			}
		})
	}
}

func TestOldNonceWithoutStaleIsNotAWrongPassword(t *testing.T) {
	c := New(Credentials{"u", "p"})
	req := request(t, "REGISTER", "sip:pbx.example")
	mustAuthorize(t, c, req, response(t, 401, www(`realm="r", nonce="1", qop="auth"`)))
	// Accepted; later the server has forgotten the nonce.
	req = request(t, "REGISTER", "sip:pbx.example")
	c.Preauthorize(req)
	if got := one(t, req, "Authorization"); got.Nonce != "1" || got.Nc != 2 {
		t.Fatalf("preauthorized with nonce %q nc %d", got.Nonce, got.Nc)
	}
	mustAuthorize(t, c, req, response(t, 401, www(`realm="r", nonce="2", qop="auth"`)))
	if got := one(t, req, "Authorization"); got.Nonce != "2" || got.Nc != 1 {
		t.Fatalf("retried with nonce %q nc %d", got.Nonce, got.Nc)
	}
	err := c.Authorize(req, response(t, 401, www(`realm="r", nonce="3", qop="auth"`)))
	if !errors.Is(err, ErrRejected) {
		t.Errorf("error %v", err)
	}
}

func TestAttemptsAreBounded(t *testing.T) {
	next := map[string]func(i int) string{
		"always stale":      func(i int) string { return www(fmt.Sprintf(`realm="r", nonce="%d", stale=true`, i)) },
		"same nonce, stale": func(int) string { return www(`realm="r", nonce="n", stale=true`) },
		"a new realm":       func(i int) string { return www(fmt.Sprintf(`realm="%d", nonce="n"`, i)) },
	}
	for name, line := range next {
		t.Run(name, func(t *testing.T) {
			c := New(Credentials{"u", "p"})
			req := request(t, "REGISTER", "sip:pbx.example")
			for i := range 2 * maxRealms {
				if err := c.Authorize(req, response(t, 401, line(i))); err != nil {
					if !errors.Is(err, ErrTooManyAttempts) {
						t.Errorf("error %v", err)
					}
					return
				}
			}
			t.Errorf("never gave up:\n%s", req)
		})
	}
}

func TestManyStaleNoncesOverALongLife(t *testing.T) {
	c := New(Credentials{"u", "p"})
	for i := range 50 {
		req := request(t, "REGISTER", "sip:pbx.example")
		c.Preauthorize(req)
		mustAuthorize(t, c, req, response(t, 401, www(fmt.Sprintf(`realm="r", nonce="%d", qop="auth", stale=true`, i))))
	}
	if n := len(c.sessions[0].nonces); n > maxNonces {
		t.Errorf("%d nonces kept", n)
	}
}

func TestTwoRealmsSideBySide(t *testing.T) {
	c := New(Credentials{"u", "p"})
	req := request(t, "INVITE", "sip:a@pbx.example")
	mustAuthorize(t, c, req, response(t, 407, proxy(`realm="edge", nonce="1", qop="auth"`)))
	mustAuthorize(t, c, req, response(t, 401, www(`realm="core", nonce="2", qop="auth"`)))
	if got := one(t, req, "Proxy-Authorization"); got.Realm != "edge" {
		t.Errorf("proxy realm %q", got.Realm)
	}
	if got := one(t, req, "Authorization"); got.Realm != "core" {
		t.Errorf("realm %q", got.Realm)
	}

	gathered := request(t, "INVITE", "sip:a@pbx.example")
	mustAuthorize(t, New(Credentials{"u", "p"}), gathered, response(t, 407,
		proxy(`realm="one", nonce="1"`), proxy(`realm="two", nonce="2"`), www(`realm="one", nonce="3"`)))
	if n := len(values(t, gathered, "Proxy-Authorization")); n != 2 {
		t.Errorf("%d of 2 proxy realms answered", n)
	}
	if got := one(t, gathered, "Authorization"); got.Nonce != "3" {
		t.Errorf("nonce %q", got.Nonce)
	}
}

func TestNonceCount(t *testing.T) {
	c := New(Credentials{"u", "p"})
	req := request(t, "REGISTER", "sip:pbx.example")
	res := response(t, 401, www(`realm="r", nonce="n", qop="auth", opaque="o"`))
	mustAuthorize(t, c, req, res)
	for want := 2; want < 5; want++ {
		req = request(t, "BYE", "sip:a@b")
		c.Preauthorize(req)
		got := one(t, req, "Authorization")
		if got.Nc != want || got.URI != "sip:a@b" || got.Opaque != "o" {
			t.Errorf("nc %d uri %q opaque %q, want nc %d", got.Nc, got.URI, got.Opaque, want)
		}
	}
	// A server that hands the same nonce to another request: the count goes on.
	req = request(t, "INVITE", "sip:a@b")
	mustAuthorize(t, c, req, res)
	if got := one(t, req, "Authorization"); got.Nc != 5 {
		t.Errorf("nc %d, want 5", got.Nc)
	}
	for _, method := range []string{"ACK", "CANCEL"} {
		req = request(t, method, "sip:a@b")
		c.Preauthorize(req)
		if len(req.GetHeaders("Authorization")) != 0 {
			t.Errorf("%s carries new credentials", method)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	c := New(Credentials{"u", "p"})
	mustAuthorize(t, c, request(t, "REGISTER", "sip:p"), response(t, 401, www(`realm="r", nonce="n", qop="auth"`)))
	const users = 50
	reqs := make([]*sip.Request, users)
	var wg sync.WaitGroup
	for i := range reqs {
		reqs[i] = request(t, "BYE", "sip:a@b")
		wg.Go(func() { c.Preauthorize(reqs[i]) })
	}
	wg.Wait()
	seen := map[int]bool{}
	for _, r := range reqs {
		seen[one(t, r, "Authorization").Nc] = true
	}
	if len(seen) != users {
		t.Errorf("%d different counts for %d requests", len(seen), users)
	}
}

func TestRestrict(t *testing.T) {
	c := New(Credentials{"u", "p"})
	c.Restrict(func(realm string) bool { return realm == "mine" })
	req := request(t, "INVITE", "sip:a@b")
	before := req.String()
	err := c.Authorize(req, response(t, 407, proxy(`realm="theirs", nonce="n"`)))
	if !errors.Is(err, ErrForeignRealm) || req.String() != before {
		t.Errorf("error %v, request\n%s", err, req)
	}
	mustAuthorize(t, c, req, response(t, 407, proxy(`realm="theirs", nonce="n"`), proxy(`realm="mine", nonce="n"`)))
	if got := one(t, req, "Proxy-Authorization"); got.Realm != "mine" {
		t.Errorf("answered %q", got.Realm)
	}
	c.Restrict(func(string) bool { return false })
	req = request(t, "BYE", "sip:a@b")
	c.Preauthorize(req)
	if len(req.GetHeaders("Proxy-Authorization")) != 0 {
		t.Error("a forbidden realm is kept")
	}
}

func TestNoHeaderInjection(t *testing.T) {
	res := response(t, 401, www(`realm="r", nonce="n"`))
	for _, user := range []string{"u\r\nX: 1", "u\n", "u\x00", "u\t"} {
		req := request(t, "REGISTER", "sip:p")
		before := req.String()
		if err := New(Credentials{user, "p"}).Authorize(req, res); !errors.Is(err, ErrMalformed) || req.String() != before {
			t.Errorf("%q: error %v", user, err)
		}
	}
	req := request(t, "REGISTER", "sip:p")
	req.Recipient.User = "a\r\nX: 1"
	if err := New(Credentials{"u", "p"}).Authorize(req, res); !errors.Is(err, ErrMalformed) {
		t.Errorf("request URI: error %v", err)
	}
}

func TestPasswordIsNotPrinted(t *testing.T) {
	c := Credentials{"door", "hunter2"}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("account", "credentials", c)
	for _, s := range []string{fmt.Sprint(c), fmt.Sprintf("%+v %#v %v", c, c, &c), log.String()} {
		if strings.Contains(s, "hunter2") || !strings.Contains(s, "door") {
			t.Errorf("printed %q", s)
		}
	}
}

func FuzzParseChallenge(f *testing.F) {
	for _, s := range []string{
		`Digest realm="r", nonce="n", qop="auth,auth-int", algorithm=MD5, opaque="", stale=true`,
		`digest realm="a \"b\" \\", nonce=abc==`, `Basic realm="x"`, `Digest realm="x`, "Digest a=\r\n", `Digest ,,=`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ch, err := ParseChallenge(s)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrNoUsableChallenge) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if !ch.usable() {
			return
		}
		// What is accepted can be answered in one header line that keeps realm, nonce and opaque.
		c := New(Credentials{"u", "p"})
		cred, err := c.compute(c.learn(space{realm: ch.Realm}, ch, 1), "REGISTER", "sip:p", nil)
		if err != nil {
			t.Fatal(err)
		}
		line := format(cred)
		if strings.ContainsAny(line, "\r\n\x00") {
			t.Fatalf("control character in %q", line)
		}
		back, err := parseDigest(line)
		if len(line) > maxHeader {
			return
		}
		if err != nil || back["realm"] != ch.Realm || back["nonce"] != ch.Nonce || back["opaque"] != ch.Opaque {
			t.Fatalf("%+v does not come back from %q: %v", ch, line, err)
		}
	})
}
