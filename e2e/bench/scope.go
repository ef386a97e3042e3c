package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
)

// scope is what the peers need of a test, outside of one: it owns programs and folders and ends with them.
// The embedded interface is nil; what is not written here is not called.
type scope struct {
	testing.TB
	ctx      context.Context //nolint:containedctx // testing.TB hands it out by Context
	cleanups []func()
	dirs     []string
	err      error
}

// inScope runs body with a scope of its own and takes down, last first, what it started. The error is the first that
// body reported.
func inScope(ctx context.Context, body func(testing.TB)) error {
	s := &scope{ctx: ctx}
	done := make(chan struct{})
	go func() { // Fatal ends the goroutine, as in a test
		defer close(done)
		body(s)
	}()
	<-done
	for i := len(s.cleanups) - 1; i >= 0; i-- {
		s.cleanups[i]()
	}
	for _, dir := range s.dirs {
		_ = os.RemoveAll(dir) // in the temporary folder, should it stay
	}
	return errors.Join(s.err, ctx.Err())
}

func (s *scope) Helper() {}

func (s *scope) Context() context.Context { return s.ctx }

func (s *scope) Failed() bool { return s.err != nil }

func (s *scope) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

func (s *scope) TempDir() string {
	dir, err := os.MkdirTemp("", "housephone-bench-")
	if err != nil {
		s.Fatal(err)
	}
	s.dirs = append(s.dirs, dir)
	return dir
}

func (s *scope) Errorf(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf(format, args...)
	}
}

func (s *scope) Fatalf(format string, args ...any) {
	s.Errorf(format, args...)
	runtime.Goexit()
}

func (s *scope) Fatal(args ...any) {
	s.Errorf("%s", strings.TrimSpace(fmt.Sprintln(args...)))
	runtime.Goexit()
}

// Logf adds what a program said to the error; the peers call it after a failure only.
func (s *scope) Logf(format string, args ...any) {
	if s.err != nil {
		s.err = fmt.Errorf("%w\n%s", s.err, fmt.Sprintf(format, args...))
	}
}
