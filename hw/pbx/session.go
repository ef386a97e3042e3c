package pbx

import (
	"bufio"
	"time"
)

// answerTime is how long a switch may take for an answer.
const answerTime = 10 * time.Second

// session is one login on a switch, from the first byte to the last. It is pure: it neither waits nor knows the network.
type session interface {
	// frames returns what reads the messages, one after the other. It shares nothing with the session and may be called
	// by another goroutine.
	frames() func(r *bufio.Reader) (message, error)
	// receive takes a message. An error ends the session.
	receive(m message, now time.Time) (step, error)
	// tick is called when due has come.
	tick(now time.Time) (step, error)
	// due is when tick has something to do.
	due() time.Time
	// goodbye is what to send before the connection is closed by us.
	goodbye() string
}

var (
	_ session = (*eslSession)(nil)
	_ session = (*amiSession)(nil)
)

// step is what follows from a message or the time: bytes for the switch and events for the user.
type step struct {
	send   string
	events []Event
}

// clock is when a session asks the switch, and until when it waits for the answer.
type clock struct {
	interval time.Duration
	waiting  bool
	at       time.Time // end of the waiting, or of the pause
}

func (c *clock) wait(now time.Time)  { c.waiting, c.at = true, now.Add(answerTime) }
func (c *clock) pause(now time.Time) { c.waiting, c.at = false, now.Add(c.interval) }
func (c *clock) due() time.Time      { return c.at }
