package pbx

// Event is one of Connected, Lost, Status and Channel.
type Event interface{ event() }

// Switch is the kind of a switch.
type Switch string

// The switches that are known.
const (
	FreeSWITCH Switch = "freeswitch"
	Asterisk   Switch = "asterisk"
)

// Connected says that the switch has accepted the login.
type Connected struct {
	Switch Switch
	Hint   string // what the switch does not let us see and how to change that; mostly empty
}

// Lost says that there is no connection, once until there is one or the reason is another.
type Lost struct {
	Switch Switch
	Err    error // wraps an Err variable of this package or an error of the network
}

// Status is what the switch says of itself: for FreeSWITCH the answer to Config.ESLCommand, for Asterisk version, calls
// and start.
type Status struct {
	Switch Switch
	Text   string // UTF-8, lines end with \n, MaxStatus bytes at most and a mark where it was cut
}

// Channel is an event of a channel. What the switch does not tell is empty.
type Channel struct {
	Switch  Switch
	Event   string            // as the switch names it: CHANNEL_ANSWER, Newchannel
	Channel string            // name of the channel
	Caller  string            // number
	Callee  string            // number
	State   string            // of the call: ACTIVE, Up; when dialling ends in Asterisk, how it ended
	Fields  map[string]string // the rest, MaxFields of at most MaxValue bytes each
}

func (Connected) event() {}
func (Lost) event()      {}
func (Status) event()    {}
func (Channel) event()   {}

// Bounds of events.
const (
	MaxStatus = 4 << 10
	MaxFields = 128
	MaxValue  = 512
)
