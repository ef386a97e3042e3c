// Package resolve turns a SIP server's name and transport into an ordered list of addresses
// (a subset of RFC 3263: no NAPTR, since the transport is configured).
//
// Goals: with a port or an address A/AAAA, else SRV then A/AAAA; targets that have just failed
// are tried last; the last good answer is used while no DNS server answers; errors in words.
//
// Non-goals: sending anything, following TTLs (net.Resolver does not tell them), ENUM.
//
// Ordering and ownership: a [Lookup] is safe for concurrent use and starts no goroutine of its
// own. The time is passed in, so nothing here waits but for the resolver.
package resolve
