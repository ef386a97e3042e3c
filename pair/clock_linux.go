package pair

import (
	"time"

	"golang.org/x/sys/unix"
)

// Boottime is the clock of the system: clock_gettime(2), CLOCK_BOOTTIME. Go's own monotonic clock stands still while a
// Linux machine is suspended.
func Boottime() Clock {
	start := time.Now()
	return func() time.Duration {
		var ts unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
			return time.Since(start)
		}
		return time.Duration(ts.Nano())
	}
}
