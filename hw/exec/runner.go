package exec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"
)

const (
	// MaxCommand is how many bytes a command with its arguments may have.
	MaxCommand = 16 << 10
	// MaxRunning is how many commands run at a time.
	MaxRunning = 8
)

// Result is what came of a command.
type Result struct {
	Command  string // as it was asked for
	Exit     int    // the exit status, -1 when it did not start or was ended
	Stdout   string // UTF-8, MaxOutput bytes at most and a mark where it was cut
	Stderr   string // the same
	Duration time.Duration
}

// Runner runs commands. Its methods may be called from several goroutines.
type Runner struct {
	config Config
	log    *slog.Logger
	plan   plan
	host   host

	mu      sync.Mutex // guards following
	running map[string]bool
	broken  string // what was last logged about the allow file
}

// host is where commands run.
type host interface {
	// run returns the exit status when the command has ended, which it makes it do when ctx ends.
	run(ctx context.Context, argv []string, stdout, stderr io.Writer) (exit int, err error)
	io.Closer
}

var (
	_ host = local{}
	_ host = (*remote)(nil)
)

// New makes a runner. It reads the files that the Config names, to refuse now what would not work later, and connects
// nowhere. Errors are ConfigErrors.
func New(c Config) (*Runner, error) {
	p, err := c.plan()
	if err != nil {
		return nil, err
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	r := &Runner{config: c, log: c.Log, plan: p, host: local{}, running: make(map[string]bool)}
	if c.AllowFile != "" {
		if _, err := loadAllow(c.AllowFile); err != nil {
			return nil, ConfigError{varAllow, c.AllowFile, err.Error(), "a file with lines of: name = program arguments"}
		}
	}
	if p.ssh != nil {
		if err := p.ssh.check(); err != nil {
			return nil, err
		}
		r.host = newRemote(*p.ssh, c.Log)
	}
	return r, nil
}

// Close ends the connection to the other host, if there is one, and with it what still runs there for Run. Commands on
// this machine end with the context of Run. Close may be called twice; Run answers ErrClosed after it where SSH is used.
func (r *Runner) Close() error { return r.host.Close() }

// Run runs a command and waits for its end: a name of the allow file with its arguments, else a line for the shell
// where that is allowed. When ctx or the time-out ends it, the whole process group is killed and what it had written is
// in the Result. An exit status other than 0 is no error. Errors are sentences that wrap one of the Err variables, or
// the cause of ctx.
func (r *Runner) Run(ctx context.Context, command string) (Result, error) {
	begin := time.Now()
	result := Result{Command: command, Exit: -1}
	job, err := r.resolve(command)
	if err != nil {
		return result, err
	}
	if err := r.begin(job); err != nil {
		return result, err
	}
	defer r.end(job)
	ctx, cancel := context.WithTimeoutCause(ctx, r.plan.timeout, ErrTimeout)
	defer cancel()
	var stdout, stderr output
	result.Exit, err = r.host.run(ctx, job.argv, &stdout, &stderr)
	result.Stdout, result.Stderr, result.Duration = stdout.String(), stderr.String(), time.Since(begin)
	if errors.Is(err, ErrTimeout) {
		err = fmt.Errorf("%w: ended after %s", ErrTimeout, r.plan.timeout)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", job.title, err)
		r.log.Warn("command", "err", err)
		return result, err
	}
	r.log.Info("command", "name", job.title, "exit", result.Exit, "duration", result.Duration)
	return result, nil
}

// job is a command that is allowed.
type job struct {
	key   string // what runs once at a time
	title string // what a log may say: neither arguments nor a line for the shell
	argv  []string
}

func (r *Runner) resolve(command string) (job, error) {
	if r.config.Off() {
		return job{}, ErrOff
	}
	if len(command) > MaxCommand {
		return job{}, fmt.Errorf("%w: longer than %d bytes", ErrInvalid, MaxCommand)
	}
	if r.config.AllowFile == "" {
		return shell(command)
	}
	allow, err := loadAllow(r.config.AllowFile)
	r.report(err)
	if err != nil {
		return job{}, fmt.Errorf("%w: %w", ErrAllowFile, err)
	}
	words, err := split(command)
	if err == nil && len(words) > 0 {
		if e, ok := allow.entries[words[0]]; ok {
			argv, err := e.fill(words[1:])
			return job{"name " + e.name, e.name, argv}, err
		}
	}
	switch {
	case r.config.Shell:
		return shell(command)
	case err != nil:
		return job{}, err
	case len(words) == 0:
		return job{}, fmt.Errorf("%w: it is empty", ErrInvalid)
	}
	return job{}, fmt.Errorf("%q: %w", shortened(words[0]), ErrNotAllowed)
}

// shell is a line for /bin/sh.
func shell(line string) (job, error) {
	for i := range len(line) {
		if line[i] == 0 {
			return job{}, fmt.Errorf("%w: there is a NUL in it", ErrInvalid)
		}
	}
	if line == "" {
		return job{}, fmt.Errorf("%w: it is empty", ErrInvalid)
	}
	return job{"shell " + line, "shell", []string{"/bin/sh", "-c", line}}, nil
}

func shortened(name string) string {
	const most = 64
	if len(name) <= most {
		return name
	}
	return name[:most] + "..."
}

func (r *Runner) begin(j job) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running[j.key] {
		return fmt.Errorf("%s: %w", j.title, ErrBusy)
	}
	if len(r.running) >= MaxRunning {
		return fmt.Errorf("%s: %d other commands are %w", j.title, MaxRunning, ErrBusy)
	}
	r.running[j.key] = true
	return nil
}

func (r *Runner) end(j job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.running, j.key)
}

// report logs what is wrong with the allow file, once for each thing.
func (r *Runner) report(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := ""
	if err != nil {
		now = err.Error()
	}
	if now != "" && now != r.broken {
		r.log.Error("no command is allowed", "file", r.config.AllowFile, "err", err)
	}
	r.broken = now
}

// loadAllow reads a file that only its owner and group may write.
func loadAllow(path string) (Allow, error) {
	f, err := os.Open(path)
	if err != nil {
		return Allow{}, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return Allow{}, err
	}
	const others = 0o002
	if !info.Mode().IsRegular() || info.Mode().Perm()&others != 0 {
		return Allow{}, errors.New("not a regular file, or everybody may write it")
	}
	return ParseAllow(f)
}
