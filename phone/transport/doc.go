// Package transport moves SIP messages over UDP, TCP and TLS sockets (RFC 3261 18).
//
// Goals: messages of one flow are handed over in the order in which they
// arrived; every resource a stranger can touch is bounded (message size, header
// count, connections per address, time to the first message); a vanished peer is
// noticed at once, by ICMP on UDP and by the end of a connection on TCP and TLS.
//
// Non-goals: transactions, name resolution, WebSocket.
//
// Ordering and ownership: Layer.Run owns every socket and goroutine and returns
// when all have ended. Config.OnMessage and Config.OnLost are called from the
// goroutine that reads the flow and must not block; so is Config.Divert, which may take what is not SIP off the UDP
// socket. Flow.Send never blocks on a
// slow peer: a connection whose queue is full is closed.
//
// Parsing is sipgo's; the sockets are our own because sipgo keeps one entry for
// each source address ever seen and cannot tell when a connection ends.
package transport
