package broker

import (
	"context"
	"log/slog"
)

// quiet turns the server's lines into debug lines, except errors, and removes whole packets from them: a payload may
// be a door code.
func quiet(l *slog.Logger) *slog.Logger { return slog.New(&handler{l.Handler()}) }

type handler struct{ inner slog.Handler }

func level(l slog.Level) slog.Level {
	if l < slog.LevelError {
		return slog.LevelDebug
	}
	return l
}

func (h *handler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.inner.Enabled(ctx, level(l))
}

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	out := slog.NewRecord(r.Time, level(r.Level), "embedded broker: "+r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != "pk" && a.Key != "packet" {
			out.AddAttrs(a)
		}
		return true
	})
	return h.inner.Handle(ctx, out)
}

func (h *handler) WithAttrs(a []slog.Attr) slog.Handler { return &handler{h.inner.WithAttrs(a)} }
func (h *handler) WithGroup(n string) slog.Handler      { return &handler{h.inner.WithGroup(n)} }
