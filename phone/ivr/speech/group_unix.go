//go:build unix

package speech

import (
	"os/exec"
	"syscall"
)

// ownGroup has the end of the context kill the children of the program too.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
