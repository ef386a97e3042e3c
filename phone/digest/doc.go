// Package digest answers SIP digest challenges (RFC 3261 22, RFC 7616, RFC 8760).
//
// Goals: among all challenges of a 401 or 407 take the strongest one that is supported
// (SHA-512-256, SHA-256, MD5), keep several realms side by side, count nonces so that later
// requests carry credentials at once, and stop when the password is wrong.
//
// Not goals: the server side, Basic, AKA and the "-sess" algorithms, and deciding which next
// hop deserves the credentials. A [Client] belongs to one account; its owner gives it only
// responses that came from that account's next hop, and may narrow the realms with
// [Client.Restrict].
//
// Ordering and ownership: a Client is safe for concurrent use. It changes only the
// Authorization and Proxy-Authorization headers of the request it is given. The caller makes
// the retry a new transaction: CSeq plus one and a new Via branch (RFC 3261 22.2).
package digest
