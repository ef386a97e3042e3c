package exec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// searchPath is where programs without a folder are looked for. The PATH of the service does not count.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// local runs commands on this machine.
type local struct{}

func (local) Close() error { return nil }

func (local) run(ctx context.Context, argv []string, stdout, stderr io.Writer) (int, error) {
	program, err := lookUp(argv[0])
	if err != nil {
		return -1, err
	}
	cmd := exec.CommandContext(ctx, program, argv[1:]...)
	cmd.Args[0] = argv[0]
	cmd.Dir, cmd.Env = "/", environment()
	cmd.Stdout, cmd.Stderr = stdout, stderr
	ownGroup(cmd)
	cmd.WaitDelay = time.Second // for a process that left the group and keeps the output open
	if err := cmd.Start(); err != nil {
		if ctx.Err() != nil {
			return -1, context.Cause(ctx)
		}
		return -1, fmt.Errorf("%w: %w", ErrStart, err)
	}
	endGroup(cmd.Process)
	return ending(ctx, cmd.Wait())
}

// ending tells from the answer of Wait how the process ended.
func ending(ctx context.Context, err error) (int, error) {
	var exit *exec.ExitError
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return 0, nil
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitCode(), nil
	case ctx.Err() != nil:
		return -1, context.Cause(ctx)
	case errors.As(err, &exit):
		return -1, fmt.Errorf("%w: %s", ErrEnded, exit.ProcessState)
	}
	return -1, err
}

// environment is what a command sees: nothing of the service but the home.
func environment() []string {
	env := []string{"PATH=" + searchPath, "LANG=C.UTF-8"}
	if home, err := os.UserHomeDir(); err == nil {
		env = append(env, "HOME="+home)
	}
	return env
}

// lookUp finds a program.
func lookUp(name string) (string, error) {
	if filepath.IsAbs(name) {
		return name, nil
	}
	for dir := range strings.SplitSeq(searchPath, ":") {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: no program %s in %s", ErrStart, name, searchPath)
}
