package pin_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"housephone/phone/phonetest"
	"housephone/phone/pin"
)

func TestParse(t *testing.T) {
	const b64 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	const digits = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	colons := ""
	for i := 0; i < len(digits); i += 2 {
		colons += ":" + strings.ToUpper(digits[i:i+2])
	}
	for _, text := range []string{"sha256//" + b64, "sha256/" + b64, b64, digits, strings.ToUpper(digits), colons[1:], " " + digits + " "} {
		s, err := pin.Parse(text)
		if err != nil || len(s) != 1 || s[0].String() != "sha256//"+b64 {
			t.Errorf("%q: %v, %v", text, s, err)
		}
	}
	if s, err := pin.Parse(b64 + ", " + digits); err != nil || len(s) != 2 {
		t.Errorf("two pins: %v, %v", s, err)
	}
	for _, text := range []string{"", ",", b64 + ",", b64[1:], digits[2:], "z" + digits[1:], "sha1//" + b64, "sha256//", strings.Repeat("A", 10000)} {
		if s, err := pin.Parse(text); err == nil {
			t.Errorf("%q is taken as %v", text, s)
		}
	}
}

// TestParseSlash: one in 64 pins begins with the character that parts them from their name.
func TestParseSlash(t *testing.T) {
	want := pin.Pin{0xff, 0xff, 0xff}
	b64 := strings.TrimPrefix(want.String(), "sha256//")
	if !strings.HasPrefix(b64, "///") {
		t.Fatal(b64)
	}
	for _, text := range []string{"sha256//" + b64, "sha256/" + b64, b64} {
		if s, err := pin.Parse(text); err != nil || len(s) != 1 || s[0] != want {
			t.Errorf("%q: %v, %v", text, s, err)
		}
	}
}

// shake connects to a server with the certificate and a client that trusts the pins.
func shake(t *testing.T, cert tls.Certificate, s pin.Set) error {
	t.Helper()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if c, err := ln.Accept(); err == nil {
			_, _ = c.Read(make([]byte, 1)) // until the client closes
			_ = c.Close()
		}
	}()
	//nolint:gosec // the pin is the verification
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, VerifyConnection: s.Verify, MinVersion: tls.VersionTLS12}}
	c, err := d.DialContext(t.Context(), "tcp", ln.Addr().String())
	if err == nil {
		_ = c.Close()
	}
	_ = ln.Close()
	<-ended
	return err
}

func TestVerify(t *testing.T) {
	cert, _ := phonetest.SelfSigned(t)
	other, _ := phonetest.SelfSigned(t)
	right, wrong := pin.Of(leaf(t, cert)), pin.Of(leaf(t, other))
	for name, s := range map[string]pin.Set{"alone": {right}, "one of two": {wrong, right}} {
		if err := shake(t, cert, s); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, s := range map[string]pin.Set{"other": {wrong}, "none": nil} {
		var e *pin.Error
		if err := shake(t, cert, s); !errors.As(err, &e) || e.Got != right || !strings.Contains(e.Hint(), right.String()) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (pin.Set{right}).Verify(tls.ConnectionState{}); err == nil {
		t.Error("no certificate is trusted")
	}
}

func leaf(t *testing.T, c tls.Certificate) *x509.Certificate {
	t.Helper()
	x, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// What the documentation tells to type gives our pin.
func TestOpenSSLSaysTheSame(t *testing.T) {
	cert, _ := phonetest.SelfSigned(t)
	cmd := exec.CommandContext(t.Context(), "sh", "-c",
		"openssl x509 -inform der -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64")
	cmd.Stdin = strings.NewReader(string(cert.Certificate[0]))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	got := pin.Of(leaf(t, cert))
	if want := strings.TrimSpace(string(out)); got.String() != "sha256//"+want {
		t.Errorf("%s, openssl says %s", got, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=,e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := pin.Parse(text)
		if err != nil {
			return
		}
		for _, p := range s {
			again, err := pin.Parse(hex.EncodeToString(p[:]) + "," + base64.StdEncoding.EncodeToString(p[:]))
			if err != nil || len(again) != 2 || again[0] != p || again[1] != p {
				t.Errorf("%s is read again as %v, %v", p, again, err)
			}
		}
	})
}
