package sdp

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

const (
	maxBody  = 16 << 10
	maxMedia = 32
)

// read takes a description as lenient as can be without guessing: lines in any order
// within their part, CRLF or LF or neither at the end, stray spaces, unknown and
// missing lines. Needed are v=0 at the start and media lines that can be answered.
func read(body []byte) (*sdp.SessionDescription, error) {
	if len(body) > maxBody {
		return nil, fmt.Errorf("%w: %d octets", ErrTooLarge, len(body))
	}
	d := &sdp.SessionDescription{}
	version := false
	for line := range strings.SplitSeq(string(body), "\n") {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		kind, value, found := strings.Cut(line, "=")
		kind, value = strings.TrimSpace(kind), strings.TrimSpace(value)
		if !version {
			if kind != "v" || value != "0" {
				return nil, fmt.Errorf("%w: begins with %.20q", ErrNotSDP, line)
			}
			version = true
			continue
		}
		if !found {
			continue
		}
		if err := readLine(d, kind, value); err != nil {
			return nil, err
		}
	}
	if !version {
		return nil, fmt.Errorf("%w: empty", ErrNotSDP)
	}
	return d, nil
}

// readLine reads the lines that matter here; all others are skipped.
func readLine(d *sdp.SessionDescription, kind, value string) error {
	var m *sdp.MediaDescription
	if n := len(d.MediaDescriptions); n > 0 {
		m = d.MediaDescriptions[n-1]
	}
	switch kind {
	case "m":
		if len(d.MediaDescriptions) == maxMedia {
			return ErrTooLarge
		}
		name, err := readMediaName(value)
		if err != nil {
			return err
		}
		d.MediaDescriptions = append(d.MediaDescriptions, &sdp.MediaDescription{MediaName: name})
	case "c":
		if m == nil {
			d.ConnectionInformation = readConnection(value)
		} else {
			m.ConnectionInformation = readConnection(value)
		}
	case "a":
		key, v, _ := strings.Cut(value, ":")
		a := sdp.Attribute{Key: strings.ToLower(strings.TrimSpace(key)), Value: strings.TrimSpace(v)}
		if m == nil {
			d.Attributes = append(d.Attributes, a)
		} else {
			m.Attributes = append(m.Attributes, a)
		}
	}
	return nil
}

// readMediaName reads "audio 49170/2 RTP/AVP 0 8" (RFC 8866 5.14).
func readMediaName(value string) (sdp.MediaName, error) {
	bad := func(why string) (sdp.MediaName, error) {
		return sdp.MediaName{}, fmt.Errorf("%w: %s in m=%.60q", ErrNotSDP, why, value)
	}
	fields := strings.Fields(value)
	if len(fields) < 3 {
		return bad("too few words")
	}
	number, count, _ := strings.Cut(fields[1], "/")
	port, err := strconv.Atoi(number)
	if err != nil || port < 0 || port > 65535 {
		return bad("no port")
	}
	if n, err := strconv.Atoi(count); count != "" && (err != nil || n < 1) {
		return bad("no port range")
	}
	protos := strings.Split(fields[2], "/")
	formats := fields[3:]
	if len(formats) == 0 && port == 0 {
		formats = []string{"0"} // a refused line cut short; ours must have a format again
	}
	if len(formats) == 0 {
		return bad("no format")
	}
	for _, word := range append(append([]string{fields[0]}, protos...), formats...) {
		if !isToken(word) {
			return bad("a word that is no token")
		}
	}
	return sdp.MediaName{Media: fields[0], Port: sdp.RangedPort{Value: port}, Protos: protos, Formats: formats}, nil
}

// readConnection reads "IN IP4 192.0.2.1/127" and gives nil for what it cannot read, since
// only the line of the chosen stream matters.
func readConnection(value string) *sdp.ConnectionInformation {
	fields := strings.Fields(value)
	if len(fields) < 3 || !strings.EqualFold(fields[0], "IN") {
		return nil
	}
	host, _, _ := strings.Cut(fields[2], "/")
	return &sdp.ConnectionInformation{
		NetworkType: "IN", AddressType: strings.ToUpper(fields[1]),
		Address: &sdp.Address{Address: strings.Trim(host, "[]")},
	}
}

// isToken is RFC 8866 9 token: what may be sent back without a look.
func isToken(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]`, c) >= 0 {
			return false
		}
	}
	return s != ""
}
