// Package phone is a SIP phone line: an account, its calls and their media.
//
// Goals: what RFC 3261, 3262, 3264, 3311, 3515, 4028 and 4733 ask of a user agent
// in a house, with every state told as it is. A Phone knows nothing of MQTT and
// nothing of hardware.
//
// Ordering and ownership: one goroutine, the line, owns the account and every
// call. Whatever comes from the wire, from a timer, from the media engine or from
// a method of Phone is put into its mailbox in order of arrival and handled one
// after the other; so a 180, a 183 and a 200 are seen in the order in which they
// were sent. Events leave in the order in which they happened. A panic while one
// call is handled ends that call and nothing else.
//
// A Call that has been offered or placed ends with exactly one Ended event, sent
// after the last StateChanged that shows it.
//
// Non-goals: a registrar, a proxy, conferences, video decoding.
package phone
