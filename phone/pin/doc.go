// Package pin trusts servers by the SHA-256 of their certificate's public key (RFC 7469 2.4), as it is printed by
//
//	openssl x509 -in cert.pem -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64
//
// A pin survives a renewed certificate of the same key, and works for a certificate that no authority has signed.
package pin
