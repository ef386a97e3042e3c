package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"housephone/hw/exec"
	"housephone/topics"
)

// execEnv is what may be executed; package hw/exec reads the values.
type execEnv struct {
	Allow        string   `env:"EXEC_ALLOW" doc:"file of the commands that may be executed: name = program arguments"`
	Shell        boolean  `env:"EXEC_SHELL" envDefault:"0" doc:"1 = any command, by /bin/sh"`
	Timeout      duration `env:"EXEC_TIMEOUT" envDefault:"10s" doc:"how long a command may take"`
	SSH          string   `env:"EXEC_SSH" doc:"ssh://user@host[:port]: commands run there"`
	KeyFile      string   `env:"EXEC_SSH_KEY_FILE" doc:"private key for it"`
	Password     string   `env:"EXEC_SSH_PASSWORD" doc:"password for it" secret:"true"`
	PasswordFile string   `env:"EXEC_SSH_PASSWORD_FILE" doc:"file that holds EXEC_SSH_PASSWORD"`
	KnownHosts   string   `env:"EXEC_SSH_KNOWN_HOSTS" doc:"file of host keys (default: ~/.ssh/known_hosts)"`
}

func (e execEnv) config() exec.Config {
	return exec.Config{
		AllowFile: e.Allow, Shell: bool(e.Shell), Timeout: time.Duration(e.Timeout),
		SSH: e.SSH, SSHKeyFile: e.KeyFile, SSHPassword: e.Password, SSHKnownHosts: e.KnownHosts,
	}
}

// execute runs a command and publishes what came of it.
func (c *commander) execute(cmd topics.Command) outcome {
	if c.runner == nil {
		return failed(topics.Refused, exec.ErrOff.Error())
	}
	return func(ctx context.Context) error {
		res, err := c.runner.Run(ctx, cmd.Value)
		if err != nil && res.Command == "" {
			return execError(err)
		}
		c.ran(topics.ExecResult{
			Command: res.Command, Exit: res.Exit, Stdout: res.Stdout, Stderr: res.Stderr,
			Duration: float64(res.Duration.Microseconds()) / 1000,
		})
		if err != nil {
			return execError(err)
		}
		if res.Exit != 0 {
			return &topics.Error{Code: topics.Failed, Message: fmt.Sprintf("the command ended with status %d", res.Exit)}
		}
		return nil
	}
}

// execError words an error of the runner in the vocabulary of the topics.
func execError(err error) error {
	code := topics.Failed
	for _, k := range []struct {
		is   error
		code topics.Code
	}{
		{exec.ErrOff, topics.Refused},
		{exec.ErrNotAllowed, topics.Refused},
		{exec.ErrInvalid, topics.Invalid},
		{exec.ErrArgument, topics.Invalid},
		{exec.ErrBusy, topics.Busy},
		{exec.ErrTimeout, topics.Timeout},
		{exec.ErrUnreachable, topics.Unreachable},
	} {
		if errors.Is(err, k.is) {
			code = k.code
			break
		}
	}
	return &topics.Error{Code: code, Message: err.Error()}
}
