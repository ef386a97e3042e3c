package topics

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxPayload is the longest command in bytes.
const MaxPayload = 16 << 10

// maxID bounds what callers must remember to know a repeated command again.
const maxID = 1 << 10

// Decode reads the payload of <base>/<datapoint>/set and checks all that can be checked without knowing the state of the
// phone. A payload whose first character is { must be a JSON object with "value" (dtmf/collect and message carry their own
// members instead); anything else is plain text. The error is an [*Error] with the code invalid; the command that comes with
// it holds what was understood, so that its Result can be published.
func Decode(datapoint string, payload []byte) (Command, error) {
	row, c, found := resolve(datapoint)
	if !found {
		c = Command{Datapoint: cut(cleanText(datapoint), maxEcho)}
	}
	if len(payload) > MaxPayload {
		return c, invalid("the payload has %d bytes, at most %d are allowed", len(payload), MaxPayload)
	}
	if !utf8.Valid(payload) {
		return c, invalid("the payload is not UTF-8 text")
	}
	body, err := c.open(payload)
	switch {
	case !found:
		return c, invalid("there is no datapoint %s; \"housephone topics\" lists them", quote(datapoint))
	case !row.Settable:
		return c, invalid("%s cannot be set, it only reports", datapoint)
	case err != nil:
		return c, err
	}
	return c, row.accept(&c, body)
}

// body is the command before the datapoint's own rules.
type body struct {
	text   string          // plain text, or "value" as text
	value  json.RawMessage // "value" of an object, nil when absent
	object bool            // the payload was a JSON object
}

// open takes the envelope off: the id and the options go into the command.
func (c *Command) open(payload []byte) (body, error) {
	text := bytes.TrimSpace(payload)
	if len(text) == 0 || text[0] != '{' {
		c.Value = cut(cleanText(string(payload)), maxEcho) // for the answer, until the value is accepted
		return body{text: string(payload)}, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return body{}, invalid("the payload starts with { but is not a JSON object: %v", err)
	}
	b := body{object: true, value: members["value"]}
	id := members["id"]
	delete(members, "value")
	delete(members, "id")
	if len(members) > 0 {
		c.Options = members
	}
	if len(id) > maxID {
		return b, invalid("the id has %d bytes, at most %d are allowed", len(id), maxID)
	}
	if id != nil && string(id) != "null" {
		c.ID = compact(id)
	}
	for name, raw := range members {
		members[name] = compact(raw)
	}
	return b, nil
}

func compact(raw json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return slices.Clone(raw)
	}
	return b.Bytes()
}

// accept checks the command by the rules of the row and normalises its value.
func (d Datapoint) accept(c *Command, b body) error {
	if d.Type == CollectType || d.Type == MessageType {
		return d.acceptObject(c, b)
	}
	if b.object && b.value == nil {
		return invalid("the JSON object needs \"value\": %s", plain(d.Accepted))
	}
	if b.object {
		if b.value[0] == '[' && d.Type == CallType {
			return acceptAddresses(c, b.value)
		}
		text, err := scalar(b.value)
		if err != nil {
			return invalid("\"value\" of %s must be a text, a number or a boolean", c.Path())
		}
		b.text = text
		c.Value = cut(cleanText(text), maxEcho)
	}
	value, err := d.normalise(b.text)
	if err != nil {
		return err
	}
	c.Value = value
	return d.checkOptions(*c)
}

// scalar is a JSON string, number or boolean as text; null is the empty text.
func scalar(raw json.RawMessage) (string, error) {
	switch {
	case len(raw) == 0, raw[0] == '{', raw[0] == '[':
		return "", invalid("not a scalar")
	case raw[0] == '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return "", invalid("not a text: %v", err)
		}
		return s, nil
	case string(raw) == "null":
		return "", nil
	}
	return string(raw), nil
}

// checkOptions refuses known options of the wrong kind, and controls in anything that may get into a SIP header.
func (d Datapoint) checkOptions(c Command) error {
	for _, name := range slices.Sorted(maps.Keys(c.Options)) {
		spoken := d.Type == CallType && name == "say" // line breaks may stay in what is only spoken
		if strings.ContainsFunc(name, unicode.IsControl) || d.reachesSIP() && !spoken && rawHasControl(c.Options[name]) {
			return invalid("the option %s holds a line break or another control character", quote(name))
		}
	}
	switch d.Type {
	case CallType:
		return c.checkCall()
	case FileType:
		if n, ok := c.OptionInt("repeat"); c.has("repeat") && (!ok || n < 1 || n > 1000) {
			return invalid("repeat must be a whole number from 1 to 1000")
		}
		if keys, ok := c.Option("interrupt"); c.has("interrupt") && (!ok || !onlyOf(strings.ToUpper(keys), allKeys)) {
			return invalid("interrupt must be a text of the keys 0-9, *, # and A-D that stop it")
		}
	case ClearableType:
		if _, ok := c.OptionBool("scroll"); c.has("scroll") && !ok {
			return invalid("scroll must be 0 or 1")
		}
		if s, ok := c.OptionSeconds("seconds"); c.has("seconds") && (!ok || !(s >= 0 && s <= 86400)) {
			return invalid("seconds must be a number from 0 to 86400")
		}
	}
	return nil
}

func (c Command) has(option string) bool {
	raw, ok := c.Options[option]
	return ok && string(raw) != "null"
}

func (d Datapoint) reachesSIP() bool {
	switch d.Type {
	case CallType, AddressType, KeysType, LineType:
		return true
	}
	return false
}

// rawHasControl looks into every text of a JSON value.
func rawHasControl(raw json.RawMessage) bool {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return true
	}
	return hasControl(v)
}

func hasControl(v any) bool {
	switch v := v.(type) {
	case string:
		return strings.ContainsFunc(v, unicode.IsControl)
	case []any:
		return slices.ContainsFunc(v, hasControl)
	case map[string]any:
		for name, member := range v {
			if hasControl(name) || hasControl(member) {
				return true
			}
		}
	}
	return false
}
