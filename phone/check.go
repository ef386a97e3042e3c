package phone

import (
	"net/netip"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// check refuses what no part of this phone understands (RFC 3261 8.2.1 to 8.2.3).
func check(req *sip.Request) (int, string, []sip.Header) {
	if !strings.EqualFold(req.SipVersion, "SIP/2.0") {
		return 505, "Version Not Supported", nil
	}
	if name := repeated(req); name != "" {
		return 400, "More Than One " + name, nil
	}
	if !strings.EqualFold(string(req.CSeq().MethodName), string(req.Method)) { // the parser has folded one of them
		return 400, "CSeq Method Mismatch", nil
	}
	switch strings.ToLower(req.Recipient.Scheme) {
	case "sip", "sips", "tel":
	default:
		return 416, "Unsupported URI Scheme", nil
	}
	if req.Recipient.Headers.Length() > 0 { // RFC 3261 19.1.1
		return 400, "Request-URI With Headers", nil
	}
	if host := strings.Trim(req.Recipient.Host, "[]"); strings.Contains(host, ":") { // RFC 5118 4.10
		if _, err := netip.ParseAddr(host); err != nil {
			return 400, "Bad Address", nil
		}
	}
	if h := req.MaxForwards(); h != nil && h.Val() > 255 {
		return 400, "Bad Max-Forwards", nil
	}
	if bad := unsupported(req); bad != "" {
		return 420, "Bad Extension", []sip.Header{sip.NewHeader("Unsupported", bad)}
	}
	if req.Method == sip.INVITE && !acceptsSDP(req) {
		return 406, "Not Acceptable", nil
	}
	if len(req.Body()) == 0 {
		return 0, "", nil
	}
	accept := []sip.Header{sip.NewHeader("Accept", "application/sdp"), sip.NewHeader("Accept-Encoding", "identity")}
	if h := req.GetHeader("Content-Encoding"); h != nil && !strings.EqualFold(h.Value(), "identity") {
		return 415, "Unsupported Media Type", accept
	}
	switch req.Method {
	case sip.INVITE, sip.UPDATE, sip.PRACK:
		if !hasSDP(req) && required(req) {
			return 415, "Unsupported Media Type", accept
		}
	}
	return 0, "", nil
}

// required tells whether a body must be understood (RFC 3261 20.11: the default).
func required(req *sip.Request) bool {
	h := req.GetHeader("Content-Disposition")
	return h == nil || !strings.Contains(strings.ToLower(h.Value()), "handling=optional")
}

// unsupported lists the required option tags that are not known here (RFC 3261 8.2.2.3).
func unsupported(req *sip.Request) string {
	var bad []string
	for _, h := range req.GetHeaders("Require") {
		for tag := range strings.SplitSeq(h.Value(), ",") {
			tag = strings.TrimSpace(tag)
			if tag != "" && !strings.EqualFold(tag, "100rel") && !strings.EqualFold(tag, "timer") {
				bad = append(bad, tag)
			}
		}
	}
	return strings.Join(bad, ", ")
}

// repeated names a header that came more often than the grammar allows (RFC 3261 7.3.1):
// two elements on the way could read different ones.
func repeated(req *sip.Request) string {
	for _, name := range []string{"From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length", "Content-Type"} {
		if len(req.GetHeaders(name)) > 1 {
			return name
		}
	}
	return ""
}

// acceptsSDP tells whether the answer to a request may carry a description (RFC 3261 20.1).
func acceptsSDP(req *sip.Request) bool {
	headers := req.GetHeaders("Accept")
	for _, h := range headers {
		for kind := range strings.SplitSeq(strings.ToLower(h.Value()), ",") {
			kind, _, _ = strings.Cut(kind, ";")
			switch strings.TrimSpace(kind) {
			case "application/sdp", "application/*", "*/*":
				return true
			}
		}
	}
	return len(headers) == 0
}
