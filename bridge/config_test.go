package bridge

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"housephone/topics"
)

func TestConfigRefused(t *testing.T) {
	ca := newAuthority(t)
	client := ca.issue(t, "client", "")
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		cfg  Config
		want string
	}{
		"no address":            {Config{}, "want mqtt://"},
		"scheme":                {Config{URL: "http://host"}, "want mqtt://"},
		"no host":               {Config{URL: "mqtt://:1883"}, "names no host"},
		"not a URL":             {Config{URL: "mqtt://me:se#cret@host"}, "is not a URL"},
		"password alone":        {Config{URL: "mqtt://h", Password: "p"}, "without a user name"},
		"certificate alone":     {Config{URL: "mqtts://h", CertFile: client.cert}, "client certificate"},
		"key alone":             {Config{URL: "mqtts://h", KeyFile: client.key}, "both"},
		"authority over plain":  {Config{URL: "mqtt://h", CAFile: ca.file}, "encrypted connection"},
		"no authority file":     {Config{URL: "mqtts://h", CAFile: "/does/not/exist"}, "authority file"},
		"empty authority file":  {Config{URL: "mqtts://h", CAFile: empty}, "holds no certificate"},
		"topics":                {Config{URL: "mqtt://h", Tree: topics.Tree{Prefix: "a/#"}}, "#"},
		"keep-alive":            {Config{URL: "mqtt://h", KeepAlive: time.Millisecond}, "keep-alive"},
		"negative duration":     {Config{URL: "mqtt://h", EventAge: -1}, "negative"},
		"negative queue":        {Config{URL: "mqtt://h", MaxEvents: -1}, "negative"},
		"password not repeated": {Config{URL: "ftp://u:secret@h"}, "want mqtt://"},
	} {
		_, err := New(tt.cfg)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q in it", name, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "cret") {
			t.Errorf("%s: the password is in the error: %v", name, err)
		}
	}
}

func TestConfigResolved(t *testing.T) {
	for url, want := range map[string]string{
		"mqtt://host":                "host:1883",
		"tcp://host:99":              "host:99",
		"mqtts://host":               "host:8883",
		"ws://host/mqtt":             "host:80",
		"wss://host/mqtt":            "host:443",
		"mqtt://[::1]":               "[::1]:1883",
		"mqtt://u:p%23w@host":        "host:1883",
		"mqtts://me:pw@host.example": "host.example:8883",
	} {
		b, err := New(Config{URL: url})
		if err != nil || b.net.host != want || b.net.url.User != nil {
			t.Errorf("%s: %v, %v", url, b, err)
		}
	}
	b, err := New(Config{URL: "mqtt://u:p%23w@host", Tree: topics.Tree{Prefix: "p", ID: "kitchen"}})
	if err != nil || b.cfg.Username != "u" || b.cfg.Password != "p#w" || b.cfg.ClientID != "housephone-kitchen" {
		t.Errorf("credentials of the URL: %+v, %v", b, err)
	}
	b, err = New(Config{URL: "mqtt://u:p@host", Username: "me", Password: "mine"})
	if err != nil || b.cfg.Username != "me" || b.cfg.Password != "mine" {
		t.Errorf("credentials of the configuration: %+v, %v", b, err)
	}
}

func TestRunTwice(t *testing.T) {
	_, url := startEmbedded(t)
	b, _, _ := startBridge(t, Config{URL: url})
	if err := b.Run(context.Background()); err == nil {
		t.Error("a second Run is let through")
	}
}

func TestExplain(t *testing.T) {
	for want, err := range map[string]error{
		"the name nowhere.example is not known": fmt.Errorf("dial: %w", &net.DNSError{Name: "nowhere.example", IsNotFound: true}),
		"nothing listens on this port":          &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)},
		"no way to the broker":                  syscall.EHOSTUNREACH,
		"does not answer in time":               context.DeadlineExceeded,
		"before it answers":                     io.EOF,
		"is not for h but for no name at all":   x509.HostnameError{Host: "h", Certificate: &x509.Certificate{}},
		"has expired":                           x509.CertificateInvalidError{Reason: x509.Expired},
		"is not valid: x509":                    x509.CertificateInvalidError{Reason: x509.NotAuthorizedToSign},
		"under this path":                       errors.New("websocket: bad handshake"),
		"something new":                         errors.New("something new"),
	} {
		if got := explain(err); !strings.Contains(got.text, want) {
			t.Errorf("%v: %q, want %q in it", err, got.text, want)
		}
	}
}
