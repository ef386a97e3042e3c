package exec

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// endGroup waits until the process has ended and kills what it left behind in its group. It does so before the process
// is waited for: until then its number cannot be given to another.
func endGroup(p *os.Process) {
	for {
		err := unix.Waitid(unix.P_PID, p.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	_ = killGroup(p.Pid) // nothing may be left
}
