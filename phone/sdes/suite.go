package sdes

import "strings"

// Suite is a crypto suite, by its registered name.
type Suite string

// The suites of RFC 4568 6.2, RFC 6188 4.1 and RFC 7714 14.2 that speak to telephones.
const (
	AES128CM80 Suite = "AES_CM_128_HMAC_SHA1_80"
	AES128CM32 Suite = "AES_CM_128_HMAC_SHA1_32"
	AES256CM80 Suite = "AES_256_CM_HMAC_SHA1_80"
	AES256CM32 Suite = "AES_256_CM_HMAC_SHA1_32"
	AES128GCM  Suite = "AEAD_AES_128_GCM"
	AES256GCM  Suite = "AEAD_AES_256_GCM"
)

// Suites lists all of them.
func Suites() []Suite {
	return []Suite{AES128CM80, AES128CM32, AES256CM80, AES256CM32, AES128GCM, AES256GCM}
}

// Offered lists those of an offer, in the order of preference: what every phone has comes
// first, since old ones read no further; then the long keys. Tags of 32 bit are accepted,
// but not asked for.
func Offered() []Suite { return []Suite{AES128CM80, AES256CM80, AES256GCM} }

// Lengths gives the octets of the master key and of the master salt; ok is false for a
// suite that is not known.
func (s Suite) Lengths() (key, salt int, ok bool) {
	switch s {
	case AES128CM80, AES128CM32:
		return 16, 14, true // RFC 4568 6.2
	case AES256CM80, AES256CM32:
		return 32, 14, true // RFC 6188 4.1
	case AES128GCM:
		return 16, 12, true // RFC 7714 12
	case AES256GCM:
		return 32, 12, true
	}
	return 0, 0, false
}

// suiteOf finds a suite by how an attribute spells it. The names of the drafts of RFC 6188
// are still in use.
func suiteOf(name string) (Suite, bool) {
	switch name = strings.ToUpper(name); name {
	case "AES_CM_256_HMAC_SHA1_80":
		return AES256CM80, true
	case "AES_CM_256_HMAC_SHA1_32":
		return AES256CM32, true
	}
	_, _, ok := Suite(name).Lengths()
	return Suite(name), ok
}
