package pin

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

var (
	errForm = errors.New("want sha256//BASE64 (44 characters) or 64 hex digits, several separated by commas")
	errNone = errors.New("the server showed no certificate")
)

// Pin is the SHA-256 of a certificate's public key.
type Pin [sha256.Size]byte

// Set is the keys that are trusted.
type Set []Pin

// Parse reads pins separated by commas: sha256//BASE64 as curl writes it, sha256/BASE64, BASE64 alone, or 64 hex digits
// with or without colons.
func Parse(text string) (Set, error) {
	var s Set
	for word := range strings.SplitSeq(text, ",") {
		raw, err := decode(strings.TrimSpace(word))
		if err != nil || len(raw) != sha256.Size {
			return nil, errForm
		}
		s = append(s, Pin(raw))
	}
	return s, nil
}

func decode(word string) ([]byte, error) {
	if plain := strings.ReplaceAll(word, ":", ""); len(plain) == 2*sha256.Size {
		return hex.DecodeString(plain)
	}
	length := base64.StdEncoding.EncodedLen(sha256.Size)
	if len(word) < length {
		return nil, errForm
	}
	prefix, digits := word[:len(word)-length], word[len(word)-length:] // the digits may begin with a slash too
	switch prefix {
	case "", "sha256/", "sha256//":
		return base64.StdEncoding.DecodeString(digits)
	}
	return nil, errForm
}

// Of is the pin of a certificate.
func Of(c *x509.Certificate) Pin { return sha256.Sum256(c.RawSubjectPublicKeyInfo) }

// String is the form that curl knows, too.
func (p Pin) String() string { return "sha256//" + base64.StdEncoding.EncodeToString(p[:]) }

// Verify refuses a connection whose server has another key: see [tls.Config.VerifyConnection]. The error is an *[Error].
func (s Set) Verify(c tls.ConnectionState) error {
	if len(c.PeerCertificates) == 0 {
		return errNone
	}
	got := Of(c.PeerCertificates[0])
	for _, p := range s {
		if bytes.Equal(p[:], got[:]) {
			return nil
		}
	}
	return &Error{Got: got}
}

// Error tells of a key that is not pinned.
type Error struct{ Got Pin }

func (e *Error) Error() string {
	return fmt.Sprintf("the key of the server's certificate, %s, is not the pinned one", e.Got)
}

// Hint is what a person can do about it.
func (e *Error) Hint() string {
	return "the server's certificate has the key " + e.Got.String() + ", which is not pinned: when the server got a new key on purpose pin that one, " +
		"else somebody may stand between this phone and the server"
}
