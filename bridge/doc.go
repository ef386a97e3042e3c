// Package bridge is the MQTT session: it carries datapoints to a broker and commands from it, and makes what the broker
// shows true again after every interruption.
//
// Goals: a last will; one ordered outbox whose retained topics always end at their latest value; every command answered
// exactly once and carried out at most once; a broker that is slow, away, restarted, hostile or shared with a rival of
// the same client id costs the caller nothing, since Publish, Result and the reading of Commands never wait for it.
//
// Non-goals: the bridge does not know what a datapoint means, keeps nothing on disk and carries no bulk data.
//
// # On each connection, in this order
//
// On the first one of the process: what an earlier run left on the broker is read (see below). Then the command filters
// and the birth topic are subscribed; the discovery documents are published, then connection = online, then every
// retained state, then events that wait, and later the records. The same documents and states are published again up to
// a second after Home Assistant says online. The session is clean, so commands that were sent while the bridge was away
// never arrive.
//
// # Promises of order
//
// On one topic no message overtakes another. A retained value that still waits is replaced by a newer one where it
// stands, so among different topics a state may come early, never late. Events keep their order; one that was not
// acknowledged when the connection went is sent again and so may arrive twice (QoS 1).
//
// An event that waited for more than a minute is dropped, since a bell must not ring late; a record (the end of a call)
// waits for a day. Both are bounded in number and size, each for itself. A record that is older than the connection waits
// on it for 12 s, until those who want it are back too, and where it is older than a minute up to two minutes more for
// the birth of Home Assistant; records behind it wait with it.
//
// # Commands
//
// They reach Commands in the order of arrival. A retained one is refused, unless it is empty (somebody clears the topic).
// A redelivery (DUP, same topic and payload within 10 s) and an id that was carried out within the last 10 s are left out
// without an answer. A full queue answers busy. MQTT 3.1.1 does not tell a subscriber that a message it gets at
// once was also stored; such a command is carried out when it is sent, and refused after each reconnect.
//
// # What an earlier run left behind
//
// The retained discovery document is read once and given to the Announce function, every time, for as long as the
// process lives, so that components which are no longer offered can be removed. Retained messages below the base topic
// that name a datapoint of the vocabulary and are not among the states published before or during the first connection
// are cleared: leftovers of calls/<n>, of a feature switched off, retained events. Topics that the vocabulary does not
// know are left alone, they may belong to somebody else. Initial states are therefore published before Run.
//
// # Ownership
//
// New reads files and starts nothing. Run owns every goroutine and ends when the last one has. Payloads are copied.
// Payloads never appear in the log: one of them may be the code of a door.
package bridge
