package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// buildOther builds the service of another revision out of the repository.
func (b *bench) buildOther() error {
	if b.beside == "" {
		return nil
	}
	if b.beside == "tag" {
		out, err := output(b.t.Context(), "", "git", "describe", "--tags", "--abbrev=0")
		if err != nil {
			return fmt.Errorf("the last tag: %w", err)
		}
		b.beside = strings.TrimSpace(out)
	}
	out, err := output(b.t.Context(), "", "git", "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	dir := filepath.Join(b.t.TempDir(), "tree")
	if _, err := output(b.t.Context(), strings.TrimSpace(out), "git", "worktree", "add", "--detach", dir, b.beside); err != nil {
		return err
	}
	b.t.Cleanup(func() {
		_, _ = output(context.WithoutCancel(b.t.Context()), strings.TrimSpace(out), "git", "worktree", "remove", "--force", dir)
	})
	b.before = filepath.Join(b.t.TempDir(), "housephone")
	_, err = output(b.t.Context(), dir, "go", "build", "-trimpath", "-o", b.before, "./cmd/housephone")
	return err
}

// output runs a program in a folder and gives what it has written.
func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, args[0], err, out)
	}
	return string(out), nil
}
