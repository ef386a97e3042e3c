package pbx

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean is text as UTF-8 of at most so many bytes, without control characters but line ends.
func clean(text string, most int) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, string(utf8.RuneError)), "\r\n", "\n")
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case unicode.IsControl(r) && r != '\n':
			return -1
		}
		return r
	}, text)
	text = strings.TrimSpace(text)
	const mark = "..."
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most-len(mark)], "") + mark // what was cut in the middle goes
}

// oneLine is a value of a field.
func oneLine(text string) string {
	return strings.ReplaceAll(clean(text, MaxValue), "\n", " ")
}

// known is a value, or nothing where Asterisk says that it does not know.
func known(value string) string {
	if value == "<unknown>" {
		return ""
	}
	return value
}

// first is the first value that is there.
func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// with cleans the event and gives it the fields that taken and hide leave.
func (c Channel) with(m message, taken []string, hide func(name string) bool) Channel {
	c.Channel, c.Caller, c.Callee, c.State = oneLine(c.Channel), oneLine(c.Caller), oneLine(c.Callee), oneLine(c.State)
	used := make(map[string]bool, len(taken))
	for _, name := range taken {
		used[name] = true
	}
	for _, f := range m.fields {
		name, value := oneLine(f.name), oneLine(known(f.value))
		if value == "" || used[name] || hide(name) || len(c.Fields) >= MaxFields {
			continue
		}
		if c.Fields == nil {
			c.Fields = make(map[string]string)
		}
		c.Fields[name] = value
	}
	return c
}
