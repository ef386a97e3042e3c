package topics

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// uri is a SIP URI in parts (RFC 3261 19.1.1).
type uri struct {
	scheme string // sip, sips
	user   string // without escapes
	host   string // lower case, IPv6 in brackets
	port   string
	params string // with the leading ;
}

// String is the URI as it goes into a SIP message.
func (u uri) String() string {
	user := escape(u.user, isURIUser)
	if user != "" {
		user += "@"
	}
	return u.scheme + ":" + user + u.place()
}

// short is the URI without sip:, with as few escapes as can be.
func (u uri) short() string {
	user := escape(u.user, isShortUser)
	if user != "" {
		user += "@"
	}
	return user + u.place()
}

func (u uri) place() string {
	if u.port == "" {
		return u.host + u.params
	}
	return u.host + ":" + u.port + u.params
}

// parse reads an address with or without scheme, user and host. It never gives a URI without a host.
func (a Addresses) parse(text string) (uri, error) {
	rest, scheme := cutScheme(text)
	u := uri{scheme: scheme}
	switch scheme {
	case "tel":
		u.scheme = "sip"
		number, _, _ := strings.Cut(rest, ";")
		return a.atServer(u, number)
	case "":
		u.scheme = "sip"
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		if at == 0 || at == len(rest)-1 {
			return uri{}, invalid("%s is not an address; write a number or user@host", quote(text))
		}
		user, err := unescapeUser(rest[:at], isURIUser)
		if err != nil {
			return uri{}, err
		}
		u.user = user
		return u.at(rest[at+1:])
	}
	place, _, hasParams := strings.Cut(rest, ";")
	host, port, isHost := splitHost(place)
	switch {
	case isHost && (isIP(host) || port != ""):
		return u.at(rest)
	case isNumber(place) && !hasParams:
		return a.atServer(u, rest)
	case isHost && !isNumber(place) && (scheme != "" || a.Server == "" && (strings.Contains(host, ".") || host == "localhost")):
		return u.at(rest)
	case hasParams:
		return uri{}, invalid("%s is not an address; write user@host before parameters", quote(text))
	}
	return a.atServer(u, rest)
}

// atServer is a number or a user name without a host.
func (a Addresses) atServer(u uri, name string) (uri, error) {
	if isNumber(name) {
		u.user = dropSeparators(name)
	} else {
		user, err := unescapeUser(name, isHostlessUser)
		if err != nil {
			return uri{}, err
		}
		u.user = user
	}
	if a.Server == "" {
		return uri{}, invalid("there is no server that knows %s; write it as user@host or host:port", quote(name))
	}
	return u.at(a.Server)
}

// at adds host, port and parameters.
func (u uri) at(text string) (uri, error) {
	place, params, found := strings.Cut(text, ";")
	host, port, ok := splitHost(place)
	if !ok {
		return uri{}, invalid("%s is not a host name or address", quote(place))
	}
	if found {
		u.params = ";" + params
	}
	if strings.ContainsFunc(u.params, func(r rune) bool { return !isParam(r) }) {
		return uri{}, invalid("the parameters %s hold characters that an address cannot have", quote(u.params))
	}
	u.host, u.port = host, port
	return u, nil
}

func cutScheme(text string) (rest, scheme string) {
	head, rest, found := strings.Cut(text, ":")
	if found {
		switch scheme = strings.ToLower(head); scheme {
		case "sip", "sips", "tel":
			return rest, scheme
		}
	}
	return text, ""
}

// unescapeUser reads a user part whose characters other than escapes are all allowed.
func unescapeUser(text string, allowed func(rune) bool) (string, error) {
	wrong := strings.ContainsFunc(text, func(r rune) bool { return r != '%' && r != '#' && !allowed(r) && !isLetter(r) })
	user, err := url.PathUnescape(text)
	if wrong || err != nil || user == "" || !utf8.ValidString(user) || strings.ContainsFunc(user, unicode.IsControl) {
		return "", invalid("%s is not an address; write a number, user or user@host, without name, quotes and brackets", quote(text))
	}
	return user, nil
}

// escape writes every character that may not stay as %XX (RFC 3261 19.1.2).
func escape(text string, stays func(rune) bool) string {
	var b strings.Builder
	for _, r := range text {
		if stays(r) {
			b.WriteRune(r)
			continue
		}
		for _, c := range []byte(string(r)) {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func isAlphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// isLetter is what people may write in a name; it is escaped in the URI.
func isLetter(r rune) bool { return r >= utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsNumber(r)) }

// isHostlessUser: RFC 3261 25.1 unreserved, and the plus of telephone numbers.
func isHostlessUser(r rune) bool { return isAlphanumeric(r) || strings.ContainsRune("-_.!~*'()+", r) }

// isURIUser: RFC 3261 25.1 unreserved and user-unreserved.
func isURIUser(r rune) bool { return isHostlessUser(r) || strings.ContainsRune("&=$,;?/", r) }

func isShortUser(r rune) bool { return isURIUser(r) || r == '#' || isLetter(r) }

// isParam: RFC 3261 25.1 paramchar, and what holds parameters together.
func isParam(r rune) bool { return isAlphanumeric(r) || strings.ContainsRune("-_.!~*'()[]/:&+$%;=", r) }

const separators = " -./()"

// isNumber: digits, star and hash, perhaps with a plus in front and visual separators (RFC 3966 3) between.
func isNumber(text string) bool {
	digits := strings.TrimPrefix(dropSeparators(text), "+")
	return digits != "" && onlyOf(digits, "0123456789*#")
}

func dropSeparators(text string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(separators, r) {
			return -1
		}
		return r
	}, text)
}

// splitHost reads host or host:port; an IPv6 address with a port stands in brackets.
func splitHost(text string) (host, port string, ok bool) {
	if ip, err := netip.ParseAddr(text); err == nil && ip.Is6() && ip.Zone() == "" {
		return "[" + strings.ToLower(text) + "]", "", true
	}
	end := strings.IndexByte(text, ']') + 1
	host, port, found := strings.Cut(text[end:], ":")
	if found && !validPort(port) {
		return "", "", false
	}
	host = strings.ToLower(text[:end] + host)
	return host, port, validHost(host)
}

func validPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && s[0] != '0'
}

// validHost: RFC 3261 25.1 host, with the underscore that home networks use.
func validHost(s string) bool {
	if strings.HasPrefix(s, "[") {
		ip, err := netip.ParseAddr(strings.Trim(s, "[]"))
		return err == nil && ip.Is6() && ip.Zone() == "" && s[len(s)-1] == ']'
	}
	if s == "" || len(s) > 253 || strings.HasPrefix(s, "-") || strings.HasPrefix(s, ".") || strings.Contains(s, "..") {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return !isAlphanumeric(r) && !strings.ContainsRune("-._", r) })
}

func isIP(host string) bool {
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}
