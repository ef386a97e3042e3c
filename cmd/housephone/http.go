package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// health is what /readyz says.
type health struct {
	Ready      bool `json:"ready"`
	MQTT       bool `json:"mqtt"`
	SIP        bool `json:"sip"` // registered, or stand-alone
	Registered bool `json:"registered"`
	Active     bool `json:"active"` // this instance of a pair has the phone

	Trouble string `json:"trouble,omitempty"` // why the other instances cannot be met
}

// newHandler serves /healthz (the process lives), /readyz (it can do its work) and /metrics.
// With a display there is /display.png, what it shows.
func newHandler(ready func() health, metrics prometheus.Collector, display func(context.Context, io.Writer) error) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), metrics)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		h := ready()
		w.Header().Set("Content-Type", "application/json")
		if !h.Ready {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(h)
	})
	if display != nil {
		mux.HandleFunc("GET /display.png", func(w http.ResponseWriter, r *http.Request) {
			var picture bytes.Buffer
			if err := display(r.Context(), &picture); err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
			w.Header().Set("Content-Type", "image/png")
			w.Header().Set("Cache-Control", "no-store")
			_, _ = picture.WriteTo(w)
		})
	}
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return mux
}

// serveHTTP serves until ctx ends.
func serveHTTP(ctx context.Context, ln net.Listener, h http.Handler) error {
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		shut, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if srv.Shutdown(shut) != nil {
			_ = srv.Close()
		}
	})
	err := srv.Serve(ln)
	if !stop() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// handler serves this service.
func (s *service) handler() http.Handler {
	m := &meter{bridge: s.bridge.Stats, state: &s.state, ended: s.ended, active: s.mayAct}
	if s.phone != nil {
		m.phone = s.phone.Stats
	}
	var display func(context.Context, io.Writer) error
	if s.panel != nil && s.cfg.HW.Display != "" {
		display = s.panel.WriteDisplayPNG
	}
	return newHandler(s.health, m, display)
}
