package phonetest

import "testing"

// The responses are those of RFC 7616 3.9.1 and of RFC 2617 3.5.
func TestVerify(t *testing.T) {
	const common = `Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", ` +
		`nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, ` +
		`cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, `
	for _, tc := range []struct{ name, header, password string }{
		{"md5", common + `response="8ca523f5e9506fed4657c9700eebdbec", algorithm=MD5`, "Circle of Life"},
		{"sha256", common + `response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1", algorithm=SHA-256`, "Circle of Life"},
		{"rfc2617", `Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", ` +
			`uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1"`, "Circle Of Life"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := &Msg{Method: "GET"}
			m.Add("Authorization", tc.header)
			if err := Verify(m, "Mufasa", tc.password); err != nil {
				t.Error(err)
			}
			if Verify(m, "Mufasa", "wrong") == nil {
				t.Error("a wrong password is accepted")
			}
			if Verify(m, "Scar", tc.password) == nil {
				t.Error("a wrong name is accepted")
			}
		})
	}
	if Verify(&Msg{Method: "REGISTER"}, "a", "b") == nil {
		t.Error("no credentials are accepted")
	}
}

func TestChallenge(t *testing.T) {
	a, b := NewPeer(t), NewPeer(t)
	a.Send(a.Request("REGISTER", b.URI("")), b.Addr())
	b.Challenge(b.Expect(t, "REGISTER"), "home", "n1", "SHA-256", "MD5")
	m := a.Expect(t, "401 REGISTER")
	if v := m.Values("WWW-Authenticate"); len(v) != 2 || AuthParams(v[0])["algorithm"] != "SHA-256" || AuthParams(v[1])["nonce"] != "n1" {
		t.Fatalf("challenges %q", v)
	}
	a.Send(a.Request("INVITE", b.URI("x")), b.Addr())
	b.ChallengeProxy(b.Expect(t, "INVITE"), `a "b"`, "n")
	if got := AuthParams(a.Expect(t, "407").Header("Proxy-Authenticate"))["realm"]; got != `a "b"` {
		t.Fatalf("realm %q", got)
	}
}
