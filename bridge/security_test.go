package bridge

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func setPassword(t *testing.T, file, user, password string) {
	t.Helper()
	if out, err := exec.Command("mosquitto_passwd", "-c", "-b", file, user, password).CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_passwd: %v: %s", err, out)
	}
}

func TestWrongPassword(t *testing.T) {
	file := filepath.Join(t.TempDir(), "passwords")
	setPassword(t, file, "house", "other")
	m := newMosquitto(t, "allow_anonymous false", "password_file "+file)
	url := fmt.Sprintf("mqtt://house:right@127.0.0.1:%d", m.port)
	b, lines := newBridge(t, Config{URL: url, BackoffRefused: 300 * time.Millisecond})
	background(t, b.Run)
	eventually(t, "three attempts failed", func() bool { return b.Stats().Failures >= 3 })
	if n := len(lines.with("WARN", "user name or the password")); n != 1 {
		t.Errorf("said %d times, want once: %v", n, lines.with("WARN"))
	}
	if len(lines.with("right")) > 0 {
		t.Errorf("the password is in the log: %v", lines.with("right"))
	}
	setPassword(t, file, "house", "right")
	m.signal(syscall.SIGHUP)
	eventually(t, "the new password lets the bridge in", b.Connected)
}

func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	server := ca.issue(t, "server", "localhost")
	client := ca.issue(t, "client", "")
	stranger := newAuthority(t)
	m := newMosquitto(t, "allow_anonymous true", "cafile "+ca.file, "certfile "+server.cert, "keyfile "+server.key)
	mutual := newMosquitto(t, "allow_anonymous true", "cafile "+ca.file, "certfile "+server.cert, "keyfile "+server.key, "require_certificate true")
	good := fmt.Sprintf("mqtts://localhost:%d", m.port)

	for name, tt := range map[string]struct {
		cfg  Config
		want string // warning; empty = connected
	}{
		"right":              {Config{URL: good, CAFile: ca.file}, ""},
		"wrong name":         {Config{URL: "mqtts://" + m.addr(), CAFile: ca.file}, "is not for 127.0.0.1 but for localhost"},
		"unknown authority":  {Config{URL: good}, "authority that is not known"},
		"another authority":  {Config{URL: good, CAFile: stranger.file}, "authority that is not known"},
		"plain to TLS":       {Config{URL: m.url()}, "closes the connection before it answers"},
		"client certificate": {Config{URL: fmt.Sprintf("ssl://localhost:%d", mutual.port), CAFile: ca.file, CertFile: client.cert, KeyFile: client.key}, ""},
		"none given":         {Config{URL: fmt.Sprintf("ssl://localhost:%d", mutual.port), CAFile: ca.file}, "client certificate"},
		"TLS to plain":       {Config{URL: "mqtts://" + newMosquitto(t).addr(), CAFile: ca.file}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b, lines := newBridge(t, tt.cfg)
			background(t, b.Run)
			if name == "TLS to plain" { // the server just closes; either wording is right
				eventually(t, "it is said", func() bool { return len(lines.with("WARN", "no connection")) > 0 })
				return
			}
			if tt.want == "" {
				eventually(t, "the bridge is connected", b.Connected)
				return
			}
			eventually(t, "it is said that "+tt.want, func() bool { return len(lines.with("WARN", tt.want)) > 0 })
			if b.Connected() {
				t.Error("connected")
			}
		})
	}
}

func TestWebSocket(t *testing.T) {
	ca := newAuthority(t)
	server := ca.issue(t, "server", "localhost")
	ws, wss := freePort(t), freePort(t)
	newMosquitto(t, "allow_anonymous true", // its own listener too: the broker does not start with WebSocket alone
		fmt.Sprintf("listener %d 127.0.0.1", ws), "protocol websockets",
		fmt.Sprintf("listener %d 127.0.0.1", wss), "protocol websockets",
		"cafile "+ca.file, "certfile "+server.cert, "keyfile "+server.key)
	for name, cfg := range map[string]Config{
		"ws":  {URL: fmt.Sprintf("ws://127.0.0.1:%d/mqtt", ws)},
		"wss": {URL: fmt.Sprintf("wss://localhost:%d/mqtt", wss), CAFile: ca.file},
	} {
		t.Run(name, func(t *testing.T) {
			b, _, stop := startBridge(t, cfg)
			for i := range 100 {
				b.Publish(event(tree.Topic("dtmf"), strings.Repeat("x", i)))
			}
			eventually(t, "everything is sent", func() bool { return b.Stats().Pending == 0 })
			stop()
		})
	}
	b, lines := newBridge(t, Config{URL: fmt.Sprintf("ws://127.0.0.1:%d", freePort(t))})
	background(t, b.Run)
	eventually(t, "the reason is said", func() bool { return len(lines.with("WARN", "connection is refused")) > 0 })
}

// authority signs certificates for one test.
type authority struct {
	dir, file string
	cert      *x509.Certificate
	key       *ecdsa.PrivateKey
}

type pair struct{ cert, key string }

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	a.key = newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority " + filepath.Base(a.dir)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.file = filepath.Join(a.dir, "ca.pem")
	writePEM(t, a.file, "CERTIFICATE", der)
	return a
}

func (a *authority) issue(t *testing.T, name, host string) pair {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if host != "" {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	p := pair{filepath.Join(a.dir, name+".pem"), filepath.Join(a.dir, name+".key")}
	writePEM(t, p.cert, "CERTIFICATE", der)
	writePEM(t, p.key, "EC PRIVATE KEY", private)
	return p
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestTLSToPlainText: a server that talks first in plain text is told apart.
func TestTLSToPlainText(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			_ = c.Close()
		}
	}()
	b, lines := newBridge(t, Config{URL: "mqtts://" + l.Addr().String()})
	background(t, b.Run)
	eventually(t, "it is said", func() bool { return len(lines.with("WARN", "does not speak TLS")) > 0 })
}
