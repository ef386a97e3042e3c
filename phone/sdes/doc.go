// Package sdes is about the keys of SRTP as SDP carries them (RFC 4568): suites, keys, the
// a=crypto attribute, and what both ends have agreed.
//
// Goals: read and write the attribute as real phones and switches do; hold keys so that no
// log line, error or panic shows them by accident.
//
// Non-goals: offer and answer (package sdp), encryption (package media), DTLS-SRTP, more
// than one key in an attribute.
//
// Everything is a comparable value; nothing here blocks or knows time. Values that print a
// key say so: [Attribute.Value] and [Key.Octets] are the only ones.
package sdes
