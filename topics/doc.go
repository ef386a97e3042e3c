// Package topics is the vocabulary of the phone on MQTT: the table of datapoints, the names of their topics, what may be
// written to them and what is read from them, and the documents by which Home Assistant learns of them.
//
// Goals: every topic and payload that the service speaks is described here once, so that the service, the manual and Home
// Assistant cannot disagree; everything that can be checked without knowing the state of the phone is checked by [Decode];
// every refusal is one sentence that a person understands.
//
// Non-goals: there is no network, no clock, no goroutine and no log in this package, and it knows no phone. Whether a call
// is there to be answered is for its users to say.
//
// Ordering: the functions are pure. A [Message] is always sent with QoS 1; who sends keeps the order in which they were made.
//
// Ownership: payloads handed to [Decode] are not kept; the raw JSON in a [Command] is a copy. Messages, tables and
// documents belong to the caller and may be changed.
package topics
