package pair

import "time"

// Clock tells the time of this machine since some moment in the past. It never goes back, is not set by anybody, and
// counts while the process is stopped; that of [Boottime] also while the machine sleeps.
type Clock func() time.Duration
