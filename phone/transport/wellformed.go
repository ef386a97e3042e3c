package transport

import (
	"errors"
	"strings"

	"github.com/emiago/sipgo/sip"
)

var (
	errMethod  = errors.New("the method is no token")
	errVia     = errors.New("a Via without an address, or with one that cannot be")
	errCallID  = errors.New("the Call-ID is no word")
	errTag     = errors.New("a tag is no token")
	errAddress = errors.New("no address in From or To")
	errDisplay = errors.New("a display name ends in the middle of an escape")
)

// wellFormed refuses what the parser lets through though an answer to it could not be read: what
// is repeated in an answer must be as the grammar has it (RFC 3261 25.1).
func wellFormed(msg sip.Message) error {
	if req, ok := msg.(*sip.Request); ok && !token(string(req.Method)) {
		return errMethod
	}
	if !token(string(msg.CSeq().MethodName)) {
		return errMethod
	}
	if id := msg.CallID().Value(); id == "" || !printable(id) {
		return errCallID
	}
	from, to := msg.From(), msg.To()
	for _, params := range []sip.HeaderParams{from.Params, to.Params} {
		if tag, ok := params.Get("tag"); ok && !token(tag) {
			return errTag
		}
	}
	if !stable(from.Value()) || !stable(to.Value()) {
		return errAddress
	}
	if !quotable(from.DisplayName) || !quotable(to.DisplayName) {
		return errDisplay
	}
	return viasFormed(msg)
}

// viasFormed is strict with the Via that says where answers go; the others are only repeated.
func viasFormed(msg sip.Message) error {
	top := msg.Via()
	if all, ok := msg.(interface {
		GetHeaders(name string) []sip.Header
	}); ok {
		for _, h := range all.GetHeaders("Via") {
			via, ok := h.(*sip.ViaHeader)
			if !ok {
				continue
			}
			params, err := mendParams(via.Params)
			if err != nil {
				return err
			}
			via.Params = params
		}
	}
	host := strings.TrimSpace(top.Host)
	if host == "" || !printable(host) || strings.ContainsAny(host, `";,<>@`) || !token(strings.TrimSpace(top.Transport)) {
		return errVia
	}
	if branch, ok := top.Params.Get("branch"); ok && !printable(branch) {
		return errVia
	}
	for _, p := range top.Params {
		name, _, _ := strings.Cut(p.K, "=")
		if !token(strings.TrimSpace(name)) || strings.ContainsAny(p.K+p.V, "\r\n\x00") {
			return errVia
		}
	}
	return nil
}

// stable tells whether an address reads as what it is printed as: an answer repeats it.
func stable(printed string) bool {
	var again sip.FromHeader
	var err error
	again.Params = sip.NewParams()
	again.DisplayName, err = sip.ParseAddressValue(printed, &again.Address, &again.Params)
	bare := strings.NewReplacer(" ", "", "\t", "", `"`, "", ";;", ";") // folding and empty parameters leave those behind
	return err == nil && bare.Replace(again.Value()) == bare.Replace(printed)
}

// token tells whether s is a token of the grammar.
func token(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !letter && !strings.ContainsRune("-.!%*_+`'~", r)
	})
}

// printable tells whether s has neither white space nor control characters.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f })
}

// quotable tells whether s, as it stands between quotes, leaves the last quote what it is.
func quotable(s string) bool {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i++; i == len(s) {
				return false
			}
		case '"':
			return false
		}
	}
	return true
}
