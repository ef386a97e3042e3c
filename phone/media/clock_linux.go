package media

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// clock is time since its making, and sleep on the same clock to an absolute
// moment, so that errors do not add up.
type clock struct {
	start time.Time
	base  int64 // CLOCK_MONOTONIC at start in ns
}

func newClock() (clock, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return clock{}, err
	}
	return clock{start: time.Now(), base: ts.Nano()}, nil
}

func (c clock) now() time.Duration { return time.Since(c.start) }

// sleepUntil blocks the thread: a sleep in the kernel wakes several times more
// exactly than a timer of the Go runtime.
func (c clock) sleepUntil(at time.Duration) {
	ts := unix.NsecToTimespec(c.base + int64(at))
	for {
		err := unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &ts, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// prepareThread makes the calling thread wake as exactly as it may. All of it
// is optional: without the rights the thread stays an ordinary one. New threads
// do not inherit it.
func prepareThread() {
	const slack, priority, nice = 1, 1, -10
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, slack, 0, 0, 0)
	realtime := &unix.SchedAttr{
		Size:     unix.SizeofSchedAttr,
		Policy:   unix.SCHED_RR,
		Flags:    unix.SCHED_FLAG_RESET_ON_FORK,
		Priority: priority,
	}
	if unix.SchedSetAttr(0, realtime, 0) != nil {
		_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), nice)
	}
}
