//go:build unix

package exec

import (
	"os/exec"
	"syscall"
)

// ownGroup gives the command a process group, which is killed as a whole when its context ends.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return killGroup(cmd.Process.Pid) }
}

// killGroup kills the group that pid leads. The error ESRCH says that it is gone already.
func killGroup(pid int) error { return syscall.Kill(-pid, syscall.SIGKILL) }
