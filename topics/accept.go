package topics

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

const (
	allKeys       = "0123456789*#ABCD"
	maxKeys       = 64
	maxAddresses  = 16
	maxBrightness = 15
)

// normalise checks a text by the type of the row and gives the one spelling the service uses.
func (d Datapoint) normalise(text string) (string, error) {
	trimmed := strings.TrimSpace(text)
	if trimmed == "" && d.Type != ClearableType {
		return "", invalid("%s needs a value: %s", d.Key(), plain(d.Accepted))
	}
	switch d.Type {
	case WordType:
		return d.word(trimmed)
	case BoolType:
		v, ok := ParseBool(trimmed)
		if !ok {
			return "", invalid("%s must be 0 or 1 (or on, off, true, false), not %s", d.Key(), quote(text))
		}
		return Bool(v), nil
	case VolumeType:
		n, err := ParseVolume(trimmed)
		return Volume(n), err
	case BrightnessType:
		n, ok := parseInt(trimmed)
		if !ok || n < 0 || n > maxBrightness {
			return "", invalid("%s must be a number from 0 to %d, not %s", d.Key(), maxBrightness, quote(text))
		}
		return strconv.Itoa(n), nil
	case CallType:
		if word := strings.ToLower(trimmed); word == "answer" || word == "hangup" {
			return word, nil
		}
		return address(text)
	case AddressType:
		return address(text)
	case KeysType:
		return keys(trimmed)
	case RecordType:
		return record(trimmed)
	case VoiceType:
		return voice(trimmed)
	case FileType:
		return file(trimmed)
	case LineType:
		return line(d.Key(), text)
	case TextType, ClearableType:
		return lines(d.Key(), text)
	}
	return "", invalid("%s cannot be set", d.Key())
}

func (d Datapoint) word(text string) (string, error) {
	word := strings.ToLower(text)
	if v, ok := ParseBool(word); ok && v && slices.Contains(d.Words, "1") {
		word = "1"
	}
	if !slices.Contains(d.Words, word) {
		return "", invalid("%s accepts %s, not %s", d.Key(), strings.Join(d.Words, " or "), quote(text))
	}
	return word, nil
}

// address checks the spelling of an address. Whether there is a server is not known here, so either way will do.
func address(text string) (string, error) {
	if strings.ContainsFunc(text, unicode.IsControl) {
		return "", invalid("the address holds a line break or another control character")
	}
	text = strings.TrimSpace(text)
	_, err := Addresses{Server: "server.invalid"}.Full(text)
	if err != nil {
		if _, alone := (Addresses{}).Full(text); alone != nil {
			return "", err
		}
	}
	return text, nil
}

func acceptAddresses(c *Command, raw json.RawMessage) error {
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return invalid("\"value\" is not a list of addresses: %v", err)
	}
	if len(list) == 0 || len(list) > maxAddresses {
		return invalid("the list of addresses to call must have 1 to %d of them, not %d", maxAddresses, len(list))
	}
	values := make([]string, 0, len(list))
	for _, item := range list {
		text, err := scalar(item)
		if err != nil {
			return invalid("the list of addresses to call must hold texts or numbers")
		}
		value, err := address(text)
		if err != nil {
			return err
		}
		if strings.EqualFold(value, "answer") || strings.EqualFold(value, "hangup") {
			return invalid("%s is not an address and cannot be in a list", quote(text))
		}
		values = append(values, value)
	}
	c.Values, c.Value = values, strings.Join(values, ",")
	return Datapoint{Type: CallType}.checkOptions(*c)
}

func keys(text string) (string, error) {
	keys := strings.ToUpper(text)
	if !onlyOf(keys, allKeys+",") || len(keys) > maxKeys {
		return "", invalid("dtmf accepts 1 to %d of the keys 0-9, *, #, A-D and \",\" (pause), not %s", maxKeys, quote(text))
	}
	return keys, nil
}

// onlyOf says whether every character of s is one of a set.
func onlyOf(s, set string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune(set, r) })
}

func record(text string) (string, error) {
	verb, name, named := strings.Cut(text, " ")
	verb, name = strings.ToLower(verb), strings.TrimSpace(name)
	switch {
	case verb == "stop" && !named:
		return verb, nil
	case verb != "start":
		return "", invalid("record accepts start, start <name> or stop, not %s", quote(text))
	case !named:
		return verb, nil
	case name == "" || len(name) > 128 || name[0] == '.' || name[0] == '-' || strings.ContainsAny(name, `/\:`) ||
		strings.ContainsFunc(name, unicode.IsControl):
		return "", invalid("the name of a recording must be a plain file name without folders and leading dot, not %s", quote(name))
	}
	return verb + " " + name, nil
}

// voice checks a command for voice messages and takes the folder off the file, as message/voice and message/list show it.
func voice(text string) (string, error) {
	verb, name, _ := strings.Cut(text, " ")
	verb, name = strings.ToLower(verb), strings.TrimSpace(name)
	if verb == "listen" && name == "" {
		return verb, nil
	}
	if verb != "heard" && verb != "unheard" && verb != "delete" || name == "" {
		return "", invalid("message/voice accepts heard <file>, unheard <file>, delete <file>, heard all, delete heard, delete all or listen, not %s", quote(text))
	}
	name = strings.TrimPrefix(name, VoiceFolder)
	if name == "" || len(name) > 140 || name[0] == '.' || strings.ContainsAny(name, `/\:`) || strings.ContainsFunc(name, unicode.IsControl) {
		return "", invalid("a voice message is named as message/voice and message/list show it, not %s", quote(name))
	}
	return verb + " " + name, nil
}

func file(text string) (string, error) {
	if !filepath.IsLocal(text) || len(text) > 1024 || strings.Contains(text, `\`) || text[0] == '-' || strings.ContainsFunc(text, unicode.IsControl) {
		return "", invalid("play/file needs the name of a file below MEDIA_DIR, without .. and without a leading slash, not %s", quote(text))
	}
	return text, nil
}

func line(name, text string) (string, error) {
	if strings.ContainsFunc(text, unicode.IsControl) {
		return "", invalid("%s takes one line of text without control characters", name)
	}
	return strings.TrimSpace(text), nil
}

// lines is text that is spoken, shown or run: line breaks and tabs may stay.
func lines(name, text string) (string, error) {
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
	if cleanText(text) != text {
		return "", invalid("%s takes text without control characters", name)
	}
	return text, nil
}

// acceptObject checks the rows whose payload is an object of its own.
func (d Datapoint) acceptObject(c *Command, b body) error {
	if !b.object {
		return invalid("%s needs a JSON object: %s", d.Key(), plain(d.Accepted))
	}
	if b.value != nil {
		return invalid("%s has no \"value\"; it takes %s", d.Key(), plain(d.Accepted))
	}
	if d.Type == MessageType {
		return acceptMessage(*c)
	}
	return acceptCollect(*c)
}

func acceptMessage(c Command) error {
	to, ok := c.Option("to")
	if !ok {
		return invalid("message needs \"to\", the address it goes to")
	}
	if _, err := address(to); err != nil {
		return err
	}
	text, ok := c.Option("body")
	if !ok || text == "" {
		return invalid("message needs \"body\", the text to send")
	}
	if cleanText(text) != strings.ReplaceAll(text, "\r", "") {
		return invalid("the body of a message takes text without control characters")
	}
	for name, raw := range c.Options {
		if name != "body" && rawHasControl(raw) {
			return invalid("the option %s holds a line break or another control character", quote(name))
		}
	}
	return nil
}

func acceptCollect(c Command) error {
	if n, ok := c.OptionInt("max"); c.has("max") && (!ok || n < 1 || n > maxKeys) {
		return invalid("max must be a whole number from 1 to %d", maxKeys)
	}
	if s, ok := c.OptionSeconds("timeout"); c.has("timeout") && (!ok || !(s > 0 && s <= 300)) {
		return invalid("timeout must be a number of seconds above 0, up to 300")
	}
	if t, ok := c.Option("terminator"); c.has("terminator") && (!ok || len(t) > 1 || !strings.Contains(allKeys, strings.ToUpper(t))) {
		return invalid("terminator must be one of the keys 0-9, *, #, A-D, or empty for none")
	}
	if p, ok := c.Option("prompt"); c.has("prompt") && (!ok || cleanText(p) != p) {
		return invalid("prompt must be the name of a file below MEDIA_DIR or a text to speak")
	}
	return nil
}

// plain takes the marks of the manual off a text, for use in a sentence.
func plain(s string) string { return strings.ReplaceAll(s, "`", "") }
