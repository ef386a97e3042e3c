package sdes

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

var (
	// ErrSyntax means that an attribute is not written as RFC 4568 9.2 has it.
	ErrSyntax = errors.New("malformed crypto attribute")
	// ErrUnsupported means an attribute, suite or key that is not for us.
	ErrUnsupported = errors.New("crypto attribute not supported")
)

const (
	maxValue = 1024
	maxMKI   = 128 // RFC 4568 6.1
	// minLifetime is what a key must last: it is not replaced in time, and at 50
	// packets a second this is nearly six hours.
	minLifetime = 20 // power of two
	maxLifetime = 48 // RFC 3711 9.2
)

// Attribute is one a=crypto line with one key.
type Attribute struct {
	// Tag tells the attributes of one media line apart; the answer repeats it.
	Tag   int
	Suite Suite
	Key   Key
	// MKI is the octets behind each packet protected with Key.
	MKI string
	// spelled is the suite's name where it is not the registered one.
	spelled string
}

// Parse reads the value of an attribute: "1 AES_CM_128_HMAC_SHA1_80 inline:...". Errors:
// [ErrSyntax], [ErrUnsupported]; they never tell the key.
func Parse(value string) (Attribute, error) {
	fields := strings.Fields(value)
	if len(value) > maxValue || len(fields) < 3 {
		return Attribute{}, fmt.Errorf("%w: %d words", ErrSyntax, len(fields))
	}
	tag, err := strconv.ParseUint(fields[0], 10, 32)
	if err != nil || len(fields[0]) > 9 {
		return Attribute{}, fmt.Errorf("%w: no tag", ErrSyntax)
	}
	suite, ok := suiteOf(fields[1])
	if !ok {
		return Attribute{}, fmt.Errorf("%w: suite %.60q", ErrUnsupported, fields[1])
	}
	a := Attribute{Tag: int(tag), Suite: suite}
	if fields[1] != string(suite) {
		a.spelled = fields[1]
	}
	if err := a.readKey(fields[2]); err != nil {
		return Attribute{}, err
	}
	return a, readSession(fields[3:])
}

// readKey reads "inline:<base64>|lifetime|MKI:length" (RFC 4568 6.1).
func (a *Attribute) readKey(s string) error {
	const method = "inline:"
	if len(s) < len(method) || !strings.EqualFold(s[:len(method)], method) {
		return fmt.Errorf("%w: no inline key", ErrUnsupported)
	}
	if strings.Contains(s, ";") {
		return fmt.Errorf("%w: several keys", ErrUnsupported)
	}
	parts := strings.Split(s[len(method):], "|")
	// Some leave the padding out.
	octets, err := base64.RawStdEncoding.Strict().DecodeString(strings.TrimRight(parts[0], "="))
	key, salt, _ := a.Suite.Lengths()
	if err != nil || len(octets) != key+salt {
		return fmt.Errorf("%w: key is not %d octets in base64", ErrSyntax, key+salt)
	}
	a.Key = KeyOf(octets)
	parts = parts[1:]
	if len(parts) > 0 && !strings.Contains(parts[0], ":") {
		if err := checkLifetime(parts[0]); err != nil {
			return err
		}
		parts = parts[1:]
	}
	switch len(parts) {
	case 0:
		return nil
	case 1:
		a.MKI, err = readMKI(parts[0])
		return err
	}
	return fmt.Errorf("%w: %d words behind the key", ErrSyntax, len(parts))
}

// checkLifetime reads "2^31" or a number of packets.
func checkLifetime(s string) error {
	var packets uint64
	if power, ok := strings.CutPrefix(s, "2^"); ok {
		n, err := strconv.ParseUint(power, 10, 8)
		if err != nil || n > maxLifetime {
			return fmt.Errorf("%w: lifetime", ErrSyntax)
		}
		packets = 1 << n
	} else {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil || n == 0 || n > 1<<maxLifetime {
			return fmt.Errorf("%w: lifetime", ErrSyntax)
		}
		packets = n
	}
	if packets < 1<<minLifetime {
		return fmt.Errorf("%w: the key lasts for %d packets only", ErrUnsupported, packets)
	}
	return nil
}

// readMKI reads "1:4", a value and its length in octets.
func readMKI(s string) (string, error) {
	number, length, _ := strings.Cut(s, ":")
	value, err := strconv.ParseUint(number, 10, 64)
	size, err2 := strconv.ParseUint(length, 10, 8)
	if err != nil || err2 != nil || size < 1 || size > maxMKI || size < 8 && value>>(8*size) != 0 {
		return "", fmt.Errorf("%w: MKI", ErrSyntax)
	}
	octets := make([]byte, max(size, 8))
	binary.BigEndian.PutUint64(octets[len(octets)-8:], value)
	return string(octets[uint64(len(octets))-size:]), nil
}

// readSession judges the session parameters (RFC 4568 6.3). Those that leave a part in the
// clear, and unknown ones that must be understood, spoil the attribute.
func readSession(words []string) error {
	for _, w := range words {
		name, value, _ := strings.Cut(strings.ToUpper(w), "=")
		switch {
		case strings.HasPrefix(name, "-"): // may be ignored (RFC 4568 6.3.7)
		case name == "WSH": // a wish for the size of our replay window
		case name == "KDR" && value == "0": // the default: keys are derived once
		default:
			return fmt.Errorf("%w: parameter %.60q", ErrUnsupported, name)
		}
	}
	return nil
}

// Value prints the attribute, key and all, for the SDP.
func (a Attribute) Value() string {
	name := a.spelled
	if name == "" {
		name = string(a.Suite)
	}
	return fmt.Sprintf("%d %s inline:%s", a.Tag, name, base64.StdEncoding.EncodeToString(a.Key.Octets()))
}

// Answer is the attribute that accepts a, with a key of ours: same tag, same suite as
// spelled, no MKI (RFC 4568 5.1.2).
func (a Attribute) Answer(key Key) Attribute {
	return Attribute{Tag: a.Tag, Suite: a.Suite, Key: key, spelled: a.spelled}
}

// Agree is what the attributes of both ends make. ok is false when they do not fit.
func Agree(local, remote Attribute) (s SRTP, ok bool) {
	s = SRTP{Suite: local.Suite, LocalKey: local.Key, RemoteKey: remote.Key, RemoteMKI: remote.MKI}
	return s, local.Tag == remote.Tag && local.Suite == remote.Suite && s.Validate() == nil
}

// String does not tell the key.
func (a Attribute) String() string { return fmt.Sprintf("%d %s inline:%s", a.Tag, a.Suite, hidden) }

// GoString does not tell the key.
func (a Attribute) GoString() string { return a.String() }
