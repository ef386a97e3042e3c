//go:build !linux

package pair

import "time"

// Boottime is Go's monotonic clock here. It may stand still while the machine is suspended.
func Boottime() Clock {
	start := time.Now()
	return func() time.Duration { return time.Since(start) }
}
