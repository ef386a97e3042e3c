package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
)

// Errors of [Lookup.Targets]. Where DNS is the cause the error also wraps *net.DNSError.
var (
	// ErrMalformed says that the server or the transport cannot be read.
	ErrMalformed = errors.New("malformed")
	// ErrNotFound says that the name, or an address for it, does not exist.
	ErrNotFound = errors.New("name not found")
	// ErrNoDNS says that no DNS server answered, or none could.
	ErrNoDNS = errors.New("DNS failed")
	// ErrNotOffered says that the domain has no SIP over this transport (RFC 2782: target ".").
	ErrNotOffered = errors.New("not offered")
)

// dnsError is a failed lookup in words.
type dnsError struct {
	text        string
	kind, cause error
}

func (e *dnsError) Error() string   { return e.text }
func (e *dnsError) Unwrap() []error { return []error{e.kind, e.cause} }

// explain puts the resolver's error for name into words.
func explain(name string, err error) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("look up %s: %w", name, err)
	}
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return &dnsError{fmt.Sprintf("the name %s does not exist", name), ErrNotFound, err}
	case errors.As(err, &dns) && isServerAnswer(dns):
		return &dnsError{fmt.Sprintf("the DNS server could not look up %s", name), ErrNoDNS, err}
	}
	return &dnsError{fmt.Sprintf("no DNS server answered for %s", name), ErrNoDNS, err}
}

// isServerAnswer tells a useless answer, such as SERVFAIL, from silence: package net has only
// words for it.
func isServerAnswer(err *net.DNSError) bool {
	switch err.Err {
	case "server misbehaving", "lame referral", "no answer from DNS server", "invalid DNS response", "cannot unmarshal DNS message":
		return true
	}
	return false
}
