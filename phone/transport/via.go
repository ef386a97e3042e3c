package transport

import (
	"errors"
	"strings"

	"github.com/emiago/sipgo/sip"
)

var errQuotes = errors.New("unbalanced quotes in a Via")

// mendParams reads the parameters of a Via again where one is a quoted string: the parser takes
// all that follows it for a name, so that rport is not found and answers carry another Via
// than the request (RFC 3261 8.2.6.2, 25.1).
func mendParams(in sip.HeaderParams) (sip.HeaderParams, error) {
	for i, p := range in {
		if strings.Contains(p.K, `"`) { // this one and all behind it
			rest, err := splitParams(p.K)
			return append(in[:i:i], rest...), err
		}
		if strings.Contains(p.V, `"`) {
			return in, errQuotes
		}
	}
	return in, nil
}

// splitParams cuts at the semicolons outside of quotes. A quoted value stays with its name, as it is written.
func splitParams(s string) (sip.HeaderParams, error) {
	var out sip.HeaderParams
	start, quoted := 0, false
	add := func(one string) error {
		name, value, _ := strings.Cut(strings.TrimSpace(one), "=")
		switch {
		case name == "":
		case !strings.Contains(one, `"`):
			out = append(out, sip.HeaderKV{K: strings.TrimSpace(name), V: strings.TrimSpace(value)})
		case strings.Contains(name, `"`) || !strings.HasPrefix(value, `"`) || !strings.HasSuffix(value, `"`):
			return errQuotes
		default:
			out = append(out, sip.HeaderKV{K: name + "=" + value})
		}
		return nil
	}
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ';' && !quoted:
			if err := add(s[start:i]); err != nil {
				return nil, err
			}
			start = i + 1
		}
	}
	if quoted {
		return nil, errQuotes
	}
	return out, add(s[start:])
}
