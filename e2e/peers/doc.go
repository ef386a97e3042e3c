// Package peers starts the real programs that the tests talk to: MQTT brokers, SIP phones, a registrar, a
// traffic generator, Home Assistant, and the service itself as a user runs it.
//
// Goals: each peer runs on loopback ports of its own, in a home folder of its own, and ends with its test; its
// output is in the test's log when the test fails; waiting is always for a condition, with a limit that only
// says "broken", never "slow".
//
// Non-goals: it knows nothing of the service's packages. What it knows of the service are the names that a
// user sees: topics, values, environment and HTTP paths.
//
// Ownership: every constructor takes a testing.TB, fails it when the peer does not come up, and registers the
// peer's end with Cleanup. Processes are ended by their own id or process group.
package peers
