package account

import (
	"cmp"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// kind decides the pace of the next tries.
type kind int

const (
	other       kind = iota
	away             // nobody there, or not able to answer now: it may be back any second
	credentials      // refused: asking again in a hurry gets us banned
)

// failure is one failed request in words.
type failure struct {
	kind       kind
	code       int
	reason     string
	hint       string
	retryAfter time.Duration
}

func (f failure) info() Info {
	return Info{State: Failed, Code: f.code, Reason: f.reason, Hint: f.hint}
}

// refusal explains a final response other than 2xx.
func (m *Machine) refusal(r Response) failure {
	f := failure{kind: kindOf(r.Code), code: r.Code, retryAfter: r.RetryAfter}
	f.reason = cmp.Or(clean(r.Reason), fmt.Sprintf("status %d", r.Code))
	if w := clean(r.Warning); w != "" {
		f.reason += " (" + w + ")"
	}
	f.hint = m.codeHint(r)
	return f
}

func kindOf(code int) kind {
	switch code {
	case 401, 403, 404, 407:
		return credentials
	case 408, 480, 491:
		return away
	case 501, 505, 513, 555, 580:
		return other
	}
	if code/100 == 5 {
		return away
	}
	return other
}

// codeHint says what a person can do about a status code.
func (m *Machine) codeHint(r Response) string {
	switch r.Code {
	case 400:
		return m.server() + " cannot read the request; a router on the way may rewrite SIP: switch its SIP ALG off"
	case 401, 407:
		if r.AuthErr != nil {
			return m.server() + " asks for a login that this phone cannot give: " + clean(r.AuthErr.Error())
		}
		return "the password or the authentication user is wrong; a FRITZ!Box wants the user name and password " +
			"of the IP phone set up there, not those of the box, and 3CX an authentication ID that is not the extension"
	case 403:
		return m.server() + " does not let " + m.user() + " register: a wrong password or authentication user, a locked account, " +
			"or a network that is not allowed; in Asterisk the AOR needs max_contacts of 1 or more, and remove_existing=yes"
	case 404:
		return m.server() + " does not know " + m.user() + ": check the user name (extension) and the domain; " +
			"in Asterisk an AOR of that name must exist"
	case 405, 501:
		return m.server() + " takes no registrations: the host or port may be another device's"
	case 408:
		return "a proxy got no answer from the registrar: is it running?"
	case 423:
		return m.server() + " wants a longer lifetime than it names or than a day: ask for a longer one"
	case 480:
		return m.server() + " is not ready, or the account is switched off there"
	case 484, 485:
		return "the user name is incomplete or ambiguous for " + m.server() + ": enter it in full, as the server shows it"
	case 503:
		return m.server() + " is overloaded or starting; it is asked again"
	}
	return m.classHint(r.Code)
}

func (m *Machine) classHint(code int) string {
	switch {
	case code/100 == 3:
		return m.server() + " says that the account has moved; enter its new server, since redirections are not followed for a login"
	case code == 416 || code == 420 || code == 421 || code == 439 || code == 494:
		return m.server() + " wants an extension or a secure address that this phone does not use; check the transport"
	case code/100 == 5:
		return m.server() + " has a fault of its own; its log tells more"
	case code/100 == 6:
		return m.server() + " declines this account for good; ask whoever runs it"
	}
	return m.server() + " refuses the registration; its log tells more"
}

func (m *Machine) server() string { return cmp.Or(m.cfg.Server, "the server") }

func (m *Machine) user() string {
	if m.cfg.User == "" {
		return "this user"
	}
	return "user " + m.cfg.User
}

// maxText bounds what a server's words may add to a topic or a log line.
const maxText = 200

// clean makes text from the network fit for one line.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > maxText {
		return string(r[:maxText]) + "..."
	}
	return s
}
