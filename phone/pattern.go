package phone

import (
	"path"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// Patterns are shell patterns for addresses: "6??", "+39*", "*@pbx.local". One
// without @ is compared with the user part, others with user@host.
type Patterns []string

// Match tells whether one of the patterns fits.
func (ps Patterns) Match(uri sip.Uri) bool {
	for _, p := range ps {
		subject := uri.User
		if strings.Contains(p, "@") {
			subject = uri.User + "@" + uri.Host
		}
		if ok, err := path.Match(strings.ToLower(p), strings.ToLower(subject)); err == nil && ok {
			return true
		}
	}
	return false
}

// CheckPatterns returns the first pattern that cannot be read.
func CheckPatterns(ps []string) (string, error) {
	for _, p := range ps {
		if _, err := path.Match(p, ""); err != nil {
			return p, err
		}
	}
	return "", nil
}
