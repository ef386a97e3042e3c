package sdes

import (
	"fmt"
	"io"
	"unique"
)

const hidden = "hidden"

// Key is a master key with its salt behind it. It is comparable; equal keys are equal
// values. The zero value is no key.
//
// The octets are behind a handle, so that not even a struct around the key prints them.
type Key struct{ handle unique.Handle[string] }

// KeyOf takes the octets of key and salt. None is no key.
func KeyOf(octets []byte) Key {
	if len(octets) == 0 {
		return Key{}
	}
	return Key{unique.Make(string(octets))}
}

// NewKey makes a key of a suite from a source of random octets. The error is the source's,
// or [ErrUnsupported].
func NewKey(random io.Reader, s Suite) (Key, error) {
	key, salt, ok := s.Lengths()
	if !ok {
		return Key{}, fmt.Errorf("key for %q: %w", s, ErrUnsupported)
	}
	octets := make([]byte, key+salt)
	if _, err := io.ReadFull(random, octets); err != nil {
		return Key{}, fmt.Errorf("make a key: %w", err)
	}
	return KeyOf(octets), nil
}

// Octets gives a copy of key and salt: it is the secret itself.
func (k Key) Octets() []byte {
	if k == (Key{}) {
		return nil
	}
	return []byte(k.handle.Value())
}

// String does not tell the key.
func (k Key) String() string {
	if k == (Key{}) {
		return "none"
	}
	return hidden
}

// GoString does not tell the key.
func (k Key) GoString() string { return k.String() }

// MarshalText does not tell the key.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
