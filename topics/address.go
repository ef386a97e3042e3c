package topics

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Addresses turns what people write into SIP URIs and back. Server is exactly SIP_SERVER, a host or host:port; it is empty
// in stand-alone mode.
type Addresses struct {
	Server string
}

const maxAddress = 255 // bytes; also the longest state that Home Assistant takes

// Full is the SIP URI (RFC 3261 19.1.1) of an address as people write it:
//
//   - a number or user name gets sip: and @Server; spaces, - . / ( ) between the digits of a number fall away
//   - user@host gets sip:
//   - a host without a user is called as it is when it is an IP address or has a port; a name with a dot, or localhost,
//     is a host in stand-alone mode and a user name where there is a server
//   - sip: and sips: URIs stay as they are; the numbers of tel: URIs are called at the server
//
// Characters that a user part must not hold as they are, such as #, are escaped (%23). The error is an [*Error].
func (a Addresses) Full(text string) (string, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return "", invalid("the address is empty")
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return "", invalid("the address holds a line break or another control character")
	}
	u, err := a.parse(text)
	if err != nil {
		return "", err
	}
	full := u.String()
	if len(full) > maxAddress {
		return "", invalid("the address is longer than %d bytes", maxAddress)
	}
	return full, nil
}

// Short is the address that people see: without sip:, without parameters other than a transport that is not UDP, and
// without @host when that is the server. It is always enough for [Addresses.Full] to call back, so a few rare URIs keep
// their sip: or host; sips: is kept, a password is not. What is no SIP URI comes back as it is, less control characters.
// What is longer than 255 characters is cut, with an ellipsis that makes it of no use for calling.
func (a Addresses) Short(text string) string { return cut(a.short(text), maxAddress) }

func (a Addresses) short(text string) string {
	text = strings.TrimSpace(strings.ReplaceAll(cleanText(text), "\n", " "))
	if inner, ok := strings.CutPrefix(text, "<"); ok {
		text = strings.TrimSuffix(inner, ">")
	}
	u, err := a.parse(dropExtras(text))
	if err != nil {
		text = strings.Join(strings.Fields(text), " ")
		switch rest, scheme := cutScheme(text); scheme {
		case "sip":
			text = strings.TrimSpace(rest)
		case "tel": // nobody can be called at a bare number in stand-alone mode, but it says who rings
			text, _, _ = strings.Cut(rest, ";")
		}
		return text
	}
	u.params = callBackParams(u.params)
	if u.scheme == "sips" {
		return u.String()
	}
	var candidates []string
	if server, ok := a.server(u); ok && u.user != "" {
		u = server
		candidates = append(candidates, escape(u.user, isShortUser))
	}
	for _, c := range append(candidates, u.short()) {
		if back, err := a.parse(c); err == nil && back == u {
			return c
		}
	}
	return u.String()
}

// server gives the URI with the server's own host and port when it leads to the server, whatever the URI says of ports
// and transports: the account knows better.
func (a Addresses) server(u uri) (uri, bool) {
	host, port, ok := splitHost(a.Server)
	if !ok || host != u.host {
		return u, false
	}
	// RFC 3261 19.1.2: 5060 is meant where no port is written.
	if u.port != "" && u.port != port && (port != "" || u.port != "5060") {
		return u, false
	}
	u.port, u.params = port, ""
	return u, true
}

// dropExtras takes off what a URI may carry besides the address: headers (RFC 3261 19.1.1) and a password.
func dropExtras(text string) string {
	at := strings.LastIndexByte(text, '@')
	place, _, _ := strings.Cut(text[at+1:], "?")
	if at < 0 {
		return place
	}
	rest, scheme := cutScheme(text[:at])
	user, _, _ := strings.Cut(rest, ":")
	if scheme != "" {
		scheme += ":"
	}
	return scheme + user + "@" + place
}

// callBackParams keeps the transport, the one parameter without which a call back may not get through.
func callBackParams(params string) string {
	for p := range strings.SplitSeq(strings.ToLower(params), ";") {
		if value, ok := strings.CutPrefix(p, "transport="); ok && value != "" && value != "udp" {
			return ";transport=" + value
		}
	}
	return ""
}
