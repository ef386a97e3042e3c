// Package claim lets the instances of a pair meet at a topic of an MQTT broker.
//
// Whoever is active, or wants to be, publishes its record there, retained, and every instance hears the topic, also its
// own messages. A write counts when it comes back: the broker hands everybody the same messages in the same order, so
// whoever sees its own claim has seen all that came before it. What the broker has to promise for that, and what happens
// where it does not, is in docs/adr/0009-pair.md.
package claim
