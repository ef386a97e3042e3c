package sdes

import "fmt"

// SRTP is what both ends have agreed for one stream. It is comparable; the zero value is
// no SRTP.
type SRTP struct {
	Suite Suite
	// LocalKey protects what we send, RemoteKey what we receive.
	LocalKey, RemoteKey Key
	// RemoteMKI stands behind each received packet (RFC 3711 3.1), most often nothing.
	RemoteMKI string
}

// On tells whether SRTP is agreed.
func (s SRTP) On() bool { return s != SRTP{} }

// Validate checks that the keys fit the suite. The error is [ErrUnsupported].
func (s SRTP) Validate() error {
	if !s.On() {
		return nil
	}
	key, salt, ok := s.Suite.Lengths()
	switch {
	case !ok:
		return fmt.Errorf("suite %q: %w", s.Suite, ErrUnsupported)
	case len(s.LocalKey.Octets()) != key+salt, len(s.RemoteKey.Octets()) != key+salt:
		return fmt.Errorf("key of wrong length for %s: %w", s.Suite, ErrUnsupported)
	case len(s.RemoteMKI) > maxMKI:
		return fmt.Errorf("MKI of %d octets: %w", len(s.RemoteMKI), ErrUnsupported)
	}
	return nil
}

// String names the suite and no key.
func (s SRTP) String() string {
	if !s.On() {
		return "none"
	}
	return string(s.Suite)
}

// GoString names the suite and no key.
func (s SRTP) GoString() string { return s.String() }
