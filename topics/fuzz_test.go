package topics

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// payloadOf writes a decoded command again.
func payloadOf(t *testing.T, c Command) []byte {
	t.Helper()
	members := map[string]any{}
	for name, raw := range c.Options {
		members[name] = raw
	}
	if c.ID != nil {
		members["id"] = c.ID
	}
	row, _ := Lookup(c.Path())
	switch {
	case row.Type == CollectType || row.Type == MessageType:
	case c.Values != nil:
		members["value"] = c.Values
	default:
		members["value"] = c.Value
	}
	payload, err := encode(members)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

func FuzzDecode(f *testing.F) {
	for _, row := range Table() {
		f.Add(row.Name, "1")
		f.Add(row.Name, `{"value":"1","id":[1],"x":{"y":"z"}}`)
	}
	f.Add("call", `{"value":["601","a@b"],"id":"k"}`)
	f.Add("calls/2/play/voice/de", "two\r\nlines")
	f.Add("dtmf/collect", `{"max":4,"timeout":1e0,"terminator":"#","prompt":"p"}`)
	f.Add("message", `{"to":"601","body":"a\nb"}`)
	f.Add("record", "start  a b")
	f.Add("volume", "7.0")
	f.Fuzz(func(t *testing.T, datapoint, payload string) {
		c, err := Decode(datapoint, []byte(payload))
		var e *Error
		if err != nil {
			if !errors.As(err, &e) || e.Code != Invalid || e.Message == "" {
				t.Fatalf("error %#v", err)
			}
			if answer, err := encode(c.Result(err)); err != nil || !utf8.Valid(answer) {
				t.Fatalf("answer %q, %v", answer, err)
			}
			return
		}
		row, ok := Lookup(datapoint)
		if !ok || !row.Settable || c.Path() != datapoint {
			t.Fatalf("%q was decoded as %q", datapoint, c.Path())
		}
		for _, s := range append([]string{c.Value}, c.Values...) {
			bad := strings.ContainsFunc(s, func(r rune) bool {
				if (row.Type == TextType || row.Type == ClearableType) && (r == '\n' || r == '\t') {
					return false
				}
				return unicode.IsControl(r)
			})
			if bad || !utf8.ValidString(s) {
				t.Fatalf("control characters in %q", s)
			}
		}
		again := payloadOf(t, c)
		if len(again) > MaxPayload || len(c.ID) > maxID {
			return // escapes may make it longer than it was
		}
		d, err := Decode(datapoint, again)
		if err != nil {
			t.Fatalf("%q again as %q: %v", payload, again, err)
		}
		for name := range d.Options { // texts may be written with other escapes
			var a, b any
			if json.Unmarshal(c.Options[name], &a) != nil || json.Unmarshal(d.Options[name], &b) != nil || !reflect.DeepEqual(a, b) {
				t.Fatalf("option %q: %s, then %s", name, c.Options[name], d.Options[name])
			}
		}
		c.Options, d.Options = nil, nil
		if !reflect.DeepEqual(c, d) {
			t.Fatalf("%q: %+v, again %+v", payload, c, d)
		}
	})
}

func FuzzAddresses(f *testing.F) {
	for _, s := range []string{"601", "+39 02 123-456", "*21#", "x@h", "sip:601@pbx", "sips:x@h;transport=tls", "127.0.0.1:5070", "::1", "[::1]:5",
		"sip:sip:601", "sip:sip:0;", "sip: 0@pbx", "tel:+39-02", "jürgen", "a%40b@c", "<sip:u:p@h;ob>", "sip:host.local", "601;transport=tcp", "a?b@c?d", "\"A\" <sip:1@h>"} {
		for _, server := range []string{"", "pbx", "pbx:5070", "10.0.0.1", "[::1]:5060"} {
			f.Add(server, s)
		}
	}
	f.Add("pbx", strings.Repeat("a", 3000))
	f.Add("", "sip:"+strings.Repeat("ü", 300)+"@h")
	f.Fuzz(func(t *testing.T, server, text string) {
		a := Addresses{Server: server}
		short := a.Short(text)
		if !utf8.ValidString(short) || strings.ContainsFunc(short, unicode.IsControl) || utf8.RuneCountInString(short) > maxAddress {
			t.Fatalf("Short(%.80q) = %.300q", text, short)
		}
		full, err := a.Full(short)
		if err != nil {
			return
		}
		if strings.ContainsFunc(full, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`<>"`, r) }) {
			t.Fatalf("Full(%q) = %q cannot be in a SIP header", short, full)
		}
		if !strings.HasPrefix(full, "sip:") && !strings.HasPrefix(full, "sips:") {
			t.Fatalf("Full(%q) = %q", short, full)
		}
		back, err := a.Full(a.Short(full))
		if err != nil || a.Short(back) != a.Short(full) {
			t.Fatalf("%q -> %q -> %q -> %q -> %q, %v", text, short, full, a.Short(full), back, err)
		}
		// What Short gave for a URI is the last word: it leads there again, to the letter.
		if again, err := a.Full(a.Short(back)); again != back || err != nil {
			t.Fatalf("%q -> %q -> %q, %v", back, a.Short(back), again, err)
		}
	})
}
