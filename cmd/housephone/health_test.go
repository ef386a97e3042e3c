package main

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// TestAskHealth asks a real server on every spelling of its address.
func TestAskHealth(t *testing.T) {
	handler := newHandler(func() health { return health{} }, prometheus.NewGauge(prometheus.GaugeOpts{Name: "test"}), nil)
	for _, c := range []struct {
		name, listen, ask string
		handler           http.Handler
		want              string
	}{
		{"one address", "127.0.0.1:0", "127.0.0.1", handler, ""},
		{"all of them", ":0", "", handler, ""},
		{"all of IPv4", "0.0.0.0:0", "0.0.0.0", handler, ""},
		{"a sick one", "127.0.0.1:0", "127.0.0.1", http.NotFoundHandler(), "/healthz says 404"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", c.listen)
			if err != nil {
				t.Fatal(err)
			}
			srv := &http.Server{Handler: c.handler}
			served := make(chan error, 1)
			go func() { served <- srv.Serve(ln) }()
			t.Cleanup(func() { _ = srv.Close(); <-served })
			_, port, err := net.SplitHostPort(ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			var out, errs bytes.Buffer
			code := run([]string{"-health"}, map[string]string{"HTTP_LISTEN": net.JoinHostPort(c.ask, port)}, &out, &errs)
			switch {
			case c.want == "" && (code != exitOK || out.String() != "ok\n"):
				t.Errorf("exit %d, said %q and %q", code, out.String(), errs.String())
			case c.want != "" && (code != exitFailed || !strings.Contains(errs.String(), c.want)):
				t.Errorf("exit %d, said %q, want %q", code, errs.String(), c.want)
			}
		})
	}
}

func TestAskHealthOfNobody(t *testing.T) {
	var out, errs bytes.Buffer
	if err := askHealth(t.Context(), "none", &out); !errors.Is(err, errNoHTTP) {
		t.Errorf("HTTP_LISTEN=none: %v", err)
	}
	if code := run([]string{"-health"}, map[string]string{"HTTP_LISTEN": "127.0.0.1:1"}, &out, &errs); code != exitFailed || errs.Len() == 0 {
		t.Errorf("nobody listens: exit %d, said %q", code, errs.String())
	}
}
