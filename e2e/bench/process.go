package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"housephone/e2e/peers"
)

// cpuTime is the processor time of a process so far, user and system, all threads.
func cpuTime(pid int) (time.Duration, error) {
	// clock_getcpuclockid(3): the clock of a process is its inverted id, shifted, with the kind of clock below it.
	// It counts nanoseconds, where /proc/PID/stat counts ticks of 10 ms.
	const kindScheduler = 2
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|kindScheduler), &ts); err != nil {
		return 0, fmt.Errorf("processor time of %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}

var errNoField = errors.New("no such field")

// resident is the memory that a process has in RAM, in bytes.
func resident(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	return statusBytes(string(text), "VmRSS")
}

// statusBytes reads a field of /proc/PID/status that is in kB (proc_pid_status(5)).
func statusBytes(text, field string) (int64, error) {
	for line := range strings.Lines(text) {
		value, ok := strings.CutPrefix(line, field+":")
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
		if err != nil || n < 0 || n > 1<<50 {
			return 0, fmt.Errorf("%s: %q: %w", field, strings.TrimSpace(value), errNoField)
		}
		return n << 10, nil
	}
	return 0, fmt.Errorf("%s: %w", field, errNoField)
}

// profiled runs work while perf watches a process; without a folder it only runs work.
func profiled(t testing.TB, dir, name string, pid int, work func() error) error {
	t.Helper()
	if dir == "" {
		return work()
	}
	dir, err := filepath.Abs(dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		return err
	}
	perf := peers.Start(t, peers.Command{
		Path: peers.Program(t, "perf"),
		Args: []string{"record", "-q", "-F", "997", "-g", "-o", filepath.Join(dir, name+".perf"), "-p", strconv.Itoa(pid)},
	})
	err = work()
	perf.Signal(syscall.SIGINT)
	perf.Wait(patience)
	return err
}
