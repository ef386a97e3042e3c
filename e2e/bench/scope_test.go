package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestScope(t *testing.T) {
	var order []string
	var dir string
	err := inScope(t.Context(), func(t testing.TB) {
		dir = t.TempDir()
		t.Cleanup(func() { order = append(order, "first") })
		t.Cleanup(func() { order = append(order, "second"); t.Logf("its log") })
		t.Fatalf("broken: %d", 7)
		order = append(order, "never")
	})
	if err == nil || !strings.Contains(err.Error(), "broken: 7") || !strings.Contains(err.Error(), "its log") {
		t.Errorf("error %v", err)
	}
	if want := []string{"second", "first"}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", dir, err)
	}
	if err := inScope(t.Context(), func(testing.TB) {}); err != nil {
		t.Errorf("a scope without trouble: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := inScope(ctx, func(testing.TB) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupted scope: %v", err)
	}
}
