// Package broker is the MQTT broker inside housephone, for a house that has none.
//
// Goals: plain MQTT 3.1.1 and 5 over TCP with retained messages, last wills and QoS 0 to 2; one pair of credentials
// for everybody; limits on everything a client can send; a way in for the bridge of the same process that needs
// neither the port nor the credentials.
//
// Non-goals: TLS, WebSocket, access lists, persistence (after a restart the bridge publishes all states again),
// bridging to other brokers. Who needs these runs a broker of his own and sets MQTT_URL.
//
// Ownership: New binds the address and starts nothing. Run serves until its context ends, then closes every
// connection and waits for every goroutine that serves one. Clients that are still connected then leave their last
// will to the others, so the bridge has to be stopped first.
//
// Ordering: what one client publishes to one topic reaches each subscriber in that order.
package broker
