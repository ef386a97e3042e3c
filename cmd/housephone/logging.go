package main

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"housephone/topics"
)

// newLogger writes to w and hands warnings and errors to a tap as well.
func newLogger(cfg config, w io.Writer, tap *logTap) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(cfg.LogLevel)) // checked by load
	opts := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewTextHandler(w, opts)
	if cfg.LogFormat == "json" {
		h = slog.NewJSONHandler(w, opts)
	}
	return slog.New(tapped{Handler: h, tap: tap})
}

// logTap publishes warnings and errors on bridge/log, at most so many a second.
type logTap struct {
	publish atomic.Pointer[func(topics.LogLine)]
	second  atomic.Int64
	count   atomic.Int64
}

const maxLogLines = 10 // a second

func (t *logTap) send(l topics.LogLine) {
	now := l.Time.Unix()
	if t.second.Swap(now) != now {
		t.count.Store(0)
	}
	if f := t.publish.Load(); f != nil && t.count.Add(1) <= maxLogLines {
		(*f)(l)
	}
}

type tapped struct {
	slog.Handler
	tap   *logTap
	attrs []slog.Attr
}

func (h tapped) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		level := topics.LevelWarning
		if r.Level >= slog.LevelError {
			level = topics.LevelError
		}
		attrs := map[string]any{}
		add := func(a slog.Attr) bool {
			if a.Key != "stack" {
				attrs[a.Key] = a.Value.Resolve().String()
			}
			return true
		}
		for _, a := range h.attrs {
			add(a)
		}
		r.Attrs(add)
		h.tap.send(topics.LogLine{Time: topics.At(time.Now()), Level: level, Msg: r.Message, Attrs: attrs})
	}
	return h.Handler.Handle(ctx, r)
}

func (h tapped) WithAttrs(attrs []slog.Attr) slog.Handler {
	all := append(append([]slog.Attr(nil), h.attrs...), attrs...)
	return tapped{Handler: h.Handler.WithAttrs(attrs), tap: h.tap, attrs: all}
}

func (h tapped) WithGroup(name string) slog.Handler {
	return tapped{Handler: h.Handler.WithGroup(name), tap: h.tap, attrs: h.attrs}
}
