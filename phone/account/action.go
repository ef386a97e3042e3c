package account

import "time"

// Action is one of [Register], [Unregister], [Ping], [Reconnect] and [State], to be carried out in order.
type Action interface{ action() }

// Register asks for a REGISTER with our Contact and this Expires. The Request-URI has no user
// part (RFC 3261 10.2; the FRITZ!Box drops it otherwise), and Call-ID stays, CSeq grows.
type Register struct {
	Expires time.Duration
	// Attempt is 1 for the first try and after each success, then 2, 3...
	Attempt int
	// NextTarget says that the target of the last try failed: take the next one of the
	// resolver's list (RFC 3263 4.3).
	NextTarget bool
}

// Unregister asks for a REGISTER with our Contact and Expires 0 (RFC 3261 10.2.2).
type Unregister struct{}

// Ping asks for an OPTIONS out of dialog. Any final response is a [Machine.Pong]; silence and
// errors of this request need no report, the machine measures the time itself.
type Ping struct{}

// Reconnect asks to give up the connection to the registrar, if there is one: a registrar that has
// answered pings answers neither a ping nor the REGISTER under way, which fails by it.
type Reconnect struct{}

// State tells that what people see has changed.
type State struct {
	Registered bool
	Info       Info
	// Outcomes counts the REGISTERs that have ended, for good or ill; Info tells how the last one did when it has grown.
	Outcomes uint64
}

func (Register) action()   {}
func (Unregister) action() {}
func (Ping) action()       {}
func (Reconnect) action()  {}
func (State) action()      {}

// Phase is the state of an account in one word.
type Phase string

// The phases of an account. Unregistered means that the registrar has confirmed it; Stopped
// that there was nothing to take back or nobody answered.
const (
	Registering  Phase = "registering"
	Registered   Phase = "registered"
	Failed       Phase = "failed"
	Unregistered Phase = "unregistered"
	Stopped      Phase = "stopped"
)

// Info is the account in words.
type Info struct {
	State   Phase
	Code    int           // SIP status that is the cause, 0 where none is
	Reason  string        // what happened: the server's reason phrase or the error
	Hint    string        // what a person can do about it, a sentence; empty when all is well
	Expires time.Duration // granted lifetime while registered, else 0
	Since   time.Time     // when State was entered
	NextTry time.Time     // the next REGISTER; zero while one is under way and after the end
}

// Response is the final response to a REGISTER, after its challenges were answered.
type Response struct {
	Code   int
	Reason string
	// Expires is the lifetime granted for our own Contact, taken from its expires parameter or
	// else from the Expires header (RFC 3261 10.2.4); 0 where both are absent.
	Expires time.Duration
	// MinExpires of a 423 and RetryAfter; 0 where absent.
	MinExpires, RetryAfter time.Duration
	// Warning is the text of a Warning header (RFC 3261 20.43), empty where absent.
	Warning string
	// AuthErr says why a 401 or 407 could not be answered; nil when an answer was refused.
	AuthErr error
}
