package phonetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Header is one header field as it stands in a message; compact names are written out.
type Header struct{ Name, Value string }

// Msg is a SIP request (Method and URI set) or response (Code and Reason set).
type Msg struct {
	Method, URI string
	Code        int
	Reason      string
	Headers     []Header
	Body        []byte

	Source netip.AddrPort // where it was received from; zero for one that the peer built
	At     time.Time      // when it was received
	Copy   bool           // true for a retransmission of a message received before
	Raw    []byte         // the octets received

	conn writer         // how to answer it
	dest netip.AddrPort // where the peer sent it
}

// IsRequest tells a request from a response.
func (m *Msg) IsRequest() bool { return m.Method != "" }

// Header gives the first value of a header, or "".
func (m *Msg) Header(name string) string {
	for _, h := range m.Headers {
		if strings.EqualFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}

// Values gives every value of a header, one per header line, not split at commas.
func (m *Msg) Values(name string) []string {
	var out []string
	for _, h := range m.Headers {
		if strings.EqualFold(h.Name, name) {
			out = append(out, h.Value)
		}
	}
	return out
}

// Add appends a header line.
func (m *Msg) Add(name, value string) { m.Headers = append(m.Headers, Header{name, value}) }

// Set replaces the first line of that header, and removes the others, or appends it.
func (m *Msg) Set(name, value string) {
	i := slices.IndexFunc(m.Headers, func(h Header) bool { return strings.EqualFold(h.Name, name) })
	if i < 0 {
		m.Add(name, value)
		return
	}
	m.Headers[i].Value = value
	rest := slices.DeleteFunc(m.Headers[i+1:], func(h Header) bool { return strings.EqualFold(h.Name, name) })
	m.Headers = m.Headers[:i+1+len(rest)]
}

// Del removes every line of a header.
func (m *Msg) Del(name string) {
	m.Headers = slices.DeleteFunc(m.Headers, func(h Header) bool { return strings.EqualFold(h.Name, name) })
}

// CSeq gives number and method of the CSeq header, or 0 and "".
func (m *Msg) CSeq() (uint32, string) {
	number, method, _ := strings.Cut(m.Header("CSeq"), " ")
	n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 32)
	if err != nil {
		return 0, ""
	}
	return uint32(n), strings.TrimSpace(method)
}

// CallID gives the Call-ID.
func (m *Msg) CallID() string { return m.Header("Call-ID") }

// Branch gives the branch of the topmost Via.
func (m *Msg) Branch() string {
	via, _, _ := strings.Cut(m.Header("Via"), ",")
	return Param(via, "branch")
}

// FromTag and ToTag give the dialog's tags, or "".
func (m *Msg) FromTag() string { return Param(afterAngle(m.Header("From")), "tag") }

// ToTag gives the tag of the To header, or "".
func (m *Msg) ToTag() string { return Param(afterAngle(m.Header("To")), "tag") }

// Contact gives the URI of the first Contact, or "".
func (m *Msg) Contact() string { return uriOf(m.Header("Contact")) }

// Bytes gives the message as it goes on the wire. Content-Length is added unless
// the message has one.
func (m *Msg) Bytes() []byte {
	var b bytes.Buffer
	if m.IsRequest() {
		fmt.Fprintf(&b, "%s %s SIP/2.0\r\n", m.Method, m.URI)
	} else {
		fmt.Fprintf(&b, "SIP/2.0 %d %s\r\n", m.Code, m.Reason)
	}
	for _, h := range m.Headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h.Name, h.Value)
	}
	if m.Header("Content-Length") == "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(m.Body))
	}
	b.WriteString("\r\n")
	b.Write(m.Body)
	return b.Bytes()
}

// String gives the start line and CSeq, for messages to people.
func (m *Msg) String() string {
	if m.IsRequest() {
		return m.Method + " " + m.URI
	}
	_, method := m.CSeq()
	return fmt.Sprintf("%d %s (%s)", m.Code, m.Reason, method)
}

// Param gives the value of a ;name=value parameter, without quotes; "" when absent.
func Param(s, name string) string {
	for _, part := range strings.Split(s, ";")[1:] {
		k, v, _ := strings.Cut(part, "=")
		if strings.EqualFold(strings.TrimSpace(k), name) {
			return strings.Trim(strings.TrimSpace(v), `"`)
		}
	}
	return ""
}

func afterAngle(s string) string {
	if i := strings.LastIndexByte(s, '>'); i >= 0 {
		return s[i:]
	}
	return s
}

func uriOf(s string) string {
	if i := strings.IndexByte(s, '<'); i >= 0 {
		s, _, _ = strings.Cut(s[i+1:], ">")
		return s
	}
	s, _, _ = strings.Cut(s, ";")
	return strings.TrimSpace(s)
}

var errNotSIP = errors.New("not a SIP message")

// ParseMsg reads one message from a datagram. Octets after Content-Length are cut off.
func ParseMsg(data []byte) (*Msg, error) {
	head, body, found := bytes.Cut(data, []byte("\r\n\r\n"))
	if !found {
		return nil, fmt.Errorf("%w: no empty line", errNotSIP)
	}
	lines := strings.Split(string(head), "\r\n")
	m := &Msg{Raw: data, Body: body}
	if err := m.parseStart(lines[0]); err != nil {
		return nil, err
	}
	for _, line := range lines[1:] {
		if line != "" && (line[0] == ' ' || line[0] == '\t') && len(m.Headers) > 0 { // RFC 3261 7.3.1: folding
			m.Headers[len(m.Headers)-1].Value += " " + strings.TrimSpace(line)
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("%w: header %q", errNotSIP, line)
		}
		m.Add(longName(strings.TrimSpace(name)), strings.TrimSpace(value))
	}
	if v := m.Header("Content-Length"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 || n > len(body) {
			return nil, fmt.Errorf("%w: content-length %s with %d octets of body", errNotSIP, v, len(body))
		}
		m.Body = body[:n]
	}
	return m, nil
}

func (m *Msg) parseStart(line string) error {
	parts := strings.SplitN(line, " ", 3)
	if len(parts) < 2 {
		return fmt.Errorf("%w: start line %q", errNotSIP, line)
	}
	if parts[0] == "SIP/2.0" {
		code, err := strconv.Atoi(parts[1])
		if err != nil {
			return fmt.Errorf("%w: status %q", errNotSIP, line)
		}
		m.Code = code
		if len(parts) == 3 {
			m.Reason = parts[2]
		}
		return nil
	}
	if len(parts) != 3 || parts[2] != "SIP/2.0" || parts[0] == "" {
		return fmt.Errorf("%w: request line %q", errNotSIP, line)
	}
	m.Method, m.URI = parts[0], parts[1]
	return nil
}

// longName writes out the compact forms (RFC 3261 7.3.3, 4028, 3515, 3891).
func longName(name string) string {
	if len(name) != 1 {
		return name
	}
	switch strings.ToLower(name) {
	case "v":
		return "Via"
	case "f":
		return "From"
	case "t":
		return "To"
	case "i":
		return "Call-ID"
	case "m":
		return "Contact"
	case "l":
		return "Content-Length"
	case "c":
		return "Content-Type"
	case "e":
		return "Content-Encoding"
	case "s":
		return "Subject"
	case "k":
		return "Supported"
	case "x":
		return "Session-Expires"
	case "r":
		return "Refer-To"
	case "b":
		return "Referred-By"
	case "o":
		return "Event"
	}
	return name
}

// readStreamMsg reads one message from a TCP or TLS connection (RFC 3261 18.3).
// It gives io.EOF at the end and a nil message for a CRLF keep-alive.
func readStreamMsg(r io.ByteReader, full io.Reader) (*Msg, error) {
	var head []byte
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		c, err := r.ReadByte()
		if err != nil {
			return nil, err
		}
		head = append(head, c)
		if len(head) == 2 && string(head) == "\r\n" {
			return nil, nil //nolint:nilnil // a keep-alive is neither a message nor a fault
		}
		if len(head) > 64<<10 {
			return nil, fmt.Errorf("%w: header above 64 KiB", errNotSIP)
		}
	}
	length, err := contentLength(head)
	if err != nil {
		return nil, err
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(full, body); err != nil {
		return nil, err
	}
	return ParseMsg(append(head, body...))
}

func contentLength(head []byte) (int, error) {
	for _, line := range strings.Split(string(head), "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		if strings.EqualFold(longName(strings.TrimSpace(name)), "Content-Length") {
			n, err := strconv.Atoi(strings.TrimSpace(value))
			if err != nil || n < 0 || n > 1<<20 {
				return 0, fmt.Errorf("%w: content-length %q", errNotSIP, value)
			}
			return n, nil
		}
	}
	return 0, nil
}
