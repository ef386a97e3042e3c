package sdp

// Direction tells who may send, seen from the side that states it (RFC 8866 6.7).
type Direction int

// The directions. SendRecv is what holds when none is stated.
const (
	SendRecv Direction = iota
	SendOnly
	RecvOnly
	Inactive
)

// String gives the attribute's name.
func (d Direction) String() string {
	switch d {
	case SendOnly:
		return "sendonly"
	case RecvOnly:
		return "recvonly"
	case Inactive:
		return "inactive"
	}
	return "sendrecv"
}

// Send tells whether the side that states d may send.
func (d Direction) Send() bool { return d == SendRecv || d == SendOnly }

// Receive tells whether the side that states d wants to receive.
func (d Direction) Receive() bool { return d == SendRecv || d == RecvOnly }

// Reverse gives the same as seen from the other side.
func (d Direction) Reverse() Direction { return direction(d.Receive(), d.Send()) }

// and gives what both allow.
func (d Direction) and(o Direction) Direction {
	return direction(d.Send() && o.Send(), d.Receive() && o.Receive())
}

func direction(send, receive bool) Direction {
	switch {
	case send && receive:
		return SendRecv
	case send:
		return SendOnly
	case receive:
		return RecvOnly
	}
	return Inactive
}
